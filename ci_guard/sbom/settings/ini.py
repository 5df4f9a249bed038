"""`pip.conf`, `.npmrc` and what a requirements file says of indexes: one setting a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ci_guard.model.location import Location
from ci_guard.model.record import record
from ci_guard.sbom.lockfiles.lines import Line, lines
from ci_guard.sbom.lockfiles.lock import source_text
from ci_guard.sbom.lockfiles.requirement_lines import LogicalLine, logical_lines
from ci_guard.sbom.settings.setting import Setting, addressed, unverified
from ci_guard.sbom.sources import is_secret
from ci_guard.source.text import SourceText

_INI = re.compile(r"\s*(?P<key>[^=:\s]+)\s*[=:]\s*(?P<value>.*)")  # as Python's configparser has it
_COMMENT = (";", "#")
_CREDENTIAL = re.compile(r"(?:\A|:)(?:_authToken|_auth|_password)\Z")
_OFF = frozenset({"false", "0", "no", "off", "null"})
_OPTION = re.compile(r"\s*(?P<name>--[a-z-]+|-i|-f)(?:\s*=\s*|\s+|(?<=-[if]))(?P<value>\S+)")
_PIP = {"-i": "index-url", "-f": "find-links", "--pypi-url": "index-url"}
_REGISTRY = ":registry"
_NO_LOCK = "has npm neither read nor write its lock"
_NPM_CHECKS = {
    "package-lock": _NO_LOCK,
    "shrinkwrap": _NO_LOCK,
    "lockfile": _NO_LOCK,
    "verify-store-integrity": "has pnpm link files without comparing their hashes",
}
ANY_INDEX = "pip takes the highest version of any index, whoever put it there"


@record
class _Assignment:
    """One value: its key and where the value stands."""

    key: str
    value: str
    location: Location


def pip_conf(path: str, data: bytes) -> Iterator[Setting]:
    """`pip.conf` and `pip.ini`. Raises LockError."""
    source = source_text(path, data)
    for found in _assignments(source, continued=True):
        yield from _pip(found, hashed=False)


def requirements(path: str, data: bytes) -> Iterator[Setting]:
    """The options of a requirements file; where every line has a hash, no index can answer with anything else."""
    source = source_text(path, data)
    written = list(logical_lines(source.text))
    asked = [line for line in written if not line.text.lstrip().startswith("-")]
    hashed = bool(asked) and all("--hash" in line.text for line in asked)
    for line in written:
        found = _OPTION.match(line.text) if line.text.lstrip().startswith("-") else None
        if found is not None:
            name = _PIP.get(found["name"], found["name"].lstrip("-"))
            yield from _pip(_Assignment(name, found["value"], _place(source, line)), hashed=hashed)


def _place(source: SourceText, line: LogicalLine) -> Location:
    blanks = len(line.text) - len(line.text.lstrip())
    return source.location(line.start + blanks, line.start + len(line.text.rstrip()))


def _pip(found: _Assignment, *, hashed: bool) -> Iterator[Setting]:
    name, value = found.key.replace("_", "-"), found.value
    if name == "index-url":
        yield addressed("pip", name, value, found.location)
    elif name == "extra-index-url":
        yield addressed("pip", name, value, found.location, confuses="" if hashed else ANY_INDEX)
    elif name == "find-links":
        remote = "://" in value and not value.startswith("file:")
        confuses = "pip takes files of any name from there beside its index" if remote and not hashed else ""
        yield addressed("pip", name, value, found.location, confuses=confuses)
    elif name == "trusted-host":
        yield unverified("pip", name, value, found.location, "has pip accept any certificate of {}, or none")


def npmrc(path: str, data: bytes) -> Iterator[Setting]:
    """`.npmrc`, of npm and pnpm. Raises LockError."""
    for found in _assignments(source_text(path, data), continued=False):
        key = found.key
        value = _npm_value(found.value)
        off = value.lower() in _OFF
        if key == "registry" or key.endswith(_REGISTRY):
            yield addressed("npm", key, value, found.location)
        elif _CREDENTIAL.search(key):
            yield Setting("npm", key.rpartition(":")[2], found.location, secret=is_secret(value))
        elif key == "strict-ssl":
            yield Setting("npm", key, found.location, insecure="has npm accept any certificate" if off else "")
        elif key in _NPM_CHECKS:
            yield Setting("npm", key, found.location, unchecked=_NPM_CHECKS[key] if off else "")


def scopes(path: str, data: bytes) -> dict[str, str]:
    """Scope -> address of its registry, as `.npmrc` has it. Raises LockError."""
    found = _assignments(source_text(path, data), continued=False)
    return {a.key.removesuffix(_REGISTRY): _npm_value(a.value) for a in found if _is_scope(a.key)}


def _is_scope(key: str) -> bool:
    return key.startswith("@") and key.endswith(_REGISTRY)


def _npm_value(text: str) -> str:
    """Without its quotes, or without the comment behind it."""
    if text[:1] in {'"', "'"}:
        return text.strip("\"'")
    return text.partition("#")[0].partition(";")[0].rstrip()


def _assignment(text: str, *, ini: bool) -> tuple[str, str] | None:
    if ini:
        found = _INI.fullmatch(text)
        return (found["key"], found["value"].strip()) if found is not None else None
    key, sign, value = text.partition("=")  # no pattern: a line of blanks would have it go back and forth
    return (key.strip(), value.strip()) if sign and key.strip() else None


def _assignments(source: SourceText, *, continued: bool) -> Iterator[_Assignment]:
    """`key = value`; with `continued` an indented line is one more value of the key above, as Python's INI has it."""
    key = ""
    for line in lines(source):
        text = line.text.strip()
        if not text or text.startswith(_COMMENT) or text.startswith("["):
            continue
        if continued and line.text[:1].isspace() and key:
            yield from _values(source, line, key, text)
            continue
        found = _assignment(line.text, ini=continued)
        if found is not None:
            key, value = found
            yield from _values(source, line, key, value, split=continued)


def _values(source: SourceText, line: Line, key: str, text: str, *, split: bool = True) -> Iterator[_Assignment]:
    for value in text.split() if split else (text,):
        if value.startswith("#"):
            break
        yield _Assignment(key, value, line.place(source))
