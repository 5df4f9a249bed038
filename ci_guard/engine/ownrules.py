"""Own rules and own profiles: files that are not shipped, read as bytes, bounded, and checked like the shipped ones."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from ci_guard.engine import profilefile, rulefile, yamlfile
from ci_guard.engine.rulefile import RuleFile
from ci_guard.engine.tokens import tokenize
from ci_guard.model.errors import ConfigError, RuleError

PROFILES: Final = "profiles"
"""The folder whose files are profiles."""
MAX_FILES: Final = 1_000
MAX_BYTES: Final = 256_000
MAX_EXPRESSION: Final = 4_000
MAX_NESTING: Final = 32
MAX_LOOPS: Final = 3
"""How deep comprehensions may be nested."""
MAX_JUDGEMENTS: Final = 64

_LOOPS: Final = frozenset(
    {"all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap"}
)
_EXPRESSIONS: Final = ("require", "when")


class OwnFile(NamedTuple):
    """A file of an own rule folder: its name in messages, and what stands in it."""

    path: str
    data: bytes


class Own(NamedTuple):
    """What the files hold: rules by id, the catalogue's entries of rules and of profiles."""

    files: Mapping[str, RuleFile]
    rules: Mapping[str, Any]
    profiles: Mapping[str, Any]


def read(files: Sequence[OwnFile], catalog: Mapping[str, Any]) -> Own:
    """Read, check and compile all of `files` beside the shipped `catalog`. Raises ConfigError with file and line."""
    if len(files) > MAX_FILES:
        raise ConfigError(f"{len(files)} files of own rules; the limit is {MAX_FILES}", path=files[0].path)
    found: dict[str, RuleFile] = {}
    entries: dict[str, Any] = {}
    for file in files:
        if PurePosixPath(file.path).parent.name != PROFILES:
            rule = read_rule(file)
            if rule.id in catalog["rules"] or rule.id in found:
                whose = "another own rule" if rule.id in found else "a shipped rule"
                raise _error(rule.file, ("id",), f"the id {rule.id!r} is that of {whose}")
            found[rule.id], entries[rule.id] = rule, checked_entry(rule)
    _check_references(found, {*catalog["rules"], *found})
    rules = {**catalog["rules"], **entries}
    profiles = dict(_profiles(files, rules, catalog["profiles"]))
    return Own(found, entries, profiles)


def read_rule(file: OwnFile) -> RuleFile:
    """One own rule, within its limits; nothing is compiled yet. Raises ConfigError."""
    pure = PurePosixPath(file.path)
    if len(file.data) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES:,} bytes", path=file.path)
    found = rulefile.shaped(yamlfile.parse(file.data, file.path), pure.parent.name or "own", pure.stem, shipped=False)
    _check_limits(found.file)
    rulefile.check_sense(found)
    return found


def checked_entry(found: RuleFile) -> dict[str, Any]:
    """The catalogue's entry of an own rule, compiled where it can do no harm. Raises ConfigError."""
    from ci_guard.engine import confined
    from ci_guard.engine.expression import LimitError

    confined.load(_load)
    try:
        entry: dict[str, Any] = confined.call(_entry, found)
    except LimitError as error:
        raise _error(found.file, ("require",), f"compiling it {error}") from None
    except RuleError as error:
        raise _error(found.file, ("require",), str(error).removeprefix(f"{found.file.path}: ")) from None
    return {**entry, "own": True}


def _load() -> None:
    from ci_guard.engine import building  # noqa: F401 - for its modules


def _entry(found: RuleFile) -> dict[str, Any]:
    from ci_guard.engine.building import entry

    return entry(found)


def _check_limits(file: yamlfile.YamlFile) -> None:
    """Refuse what no sane rule needs: then the engine's own work stays small. Raises ConfigError."""
    judgements = [(key, *p) for key in ("clauses", "revisions") for p in _indexes(file.value.get(key))]
    if len(judgements) > MAX_JUDGEMENTS:
        raise _error(file, judgements[0][:1], f"{len(judgements)} judgements; the limit is {MAX_JUDGEMENTS}")
    for path in [(), *judgements, *([("fix",)] if "fix" in file.value else [])]:
        part: Any = file.value
        for step in path:
            part = part[step]
        for key in _EXPRESSIONS:
            if flaw := _too_much(part.get(key, "")):
                raise _error(file, (*path, key), flaw)
    for path, value in _params(file.value, judgements):
        if len(repr(value)) > 4 * MAX_EXPRESSION:
            raise _error(file, path, f"parameters of more than {4 * MAX_EXPRESSION:,} characters")


def _indexes(value: Any) -> Iterator[tuple[int]]:
    return ((index,) for index in range(len(value or ())))


def _params(value: Mapping[str, Any], judgements: Sequence[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield ("params",), value.get("params", {})
    for path in judgements:
        for key in ("params", "add"):
            yield (*path, key), value[path[0]][path[1]].get(key, {})


def _too_much(text: str) -> str:
    """Which limit an expression exceeds, "" when none."""
    if len(text) > MAX_EXPRESSION:
        return f"an expression of {len(text):,} characters; the limit is {MAX_EXPRESSION:,}"
    loops: list[bool] = []
    deepest = 0
    tokens = tokenize(text)
    for index, token in enumerate(tokens):
        if token.text in {"(", "[", "[?", "{"}:
            before = tokens[index - 1].text if index else ""
            loops.append(token.text == "(" and before in _LOOPS)
            deepest = max(deepest, len(loops))
            if sum(loops) > MAX_LOOPS:
                return f"comprehensions nested deeper than {MAX_LOOPS}"
        elif token.text in {")", "]", "}"} and loops:
            loops.pop()
    return f"brackets nested deeper than {MAX_NESTING}" if deepest > MAX_NESTING else ""


def _check_references(found: Mapping[str, RuleFile], known: Container[str]) -> None:
    for rule in found.values():
        for other in rule.text.get("implied-by", ()):
            if other not in known:
                raise _error(rule.file, ("implied-by",), f"there is no rule {other!r}")


def _profiles(
    files: Sequence[OwnFile], rules: Mapping[str, Any], shipped: Container[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    folders = {rule["category"] for rule in rules.values()}
    seen: set[str] = set()
    for given in files:
        pure = PurePosixPath(given.path)
        if pure.parent.name != PROFILES:
            continue
        if len(given.data) > MAX_BYTES:
            raise ConfigError(f"is larger than {MAX_BYTES:,} bytes", path=given.path)
        file = yamlfile.parse(given.data, given.path)
        file.insist(profilefile.PROFILE)
        id = file.value["id"]
        if id != pure.stem:
            raise _error(file, ("id",), "the id differs from the file's name")
        if id in shipped or id in seen:
            raise _error(file, ("id",), f"there is a profile {id!r} already")
        seen.add(id)
        _check_profile(file, rules, folders)
        yield id, {k: v for k, v in file.value.items() if k not in {"id", "description"}}


def _check_profile(file: yamlfile.YamlFile, rules: Container[str], folders: Container[str]) -> None:
    for index, line in enumerate(file.value["rules"]):
        if "framework" in line:
            raise _error(file, ("rules", index), "an own profile names folders, rules or Pod Security levels")
        for key, known in (("rule", rules), ("folder", folders)):
            if key in line and line[key] not in known:
                raise _error(file, ("rules", index), f"there is no {key} {line[key]!r}")
    for index, exemption in enumerate(file.value.get("exemptions", ())):
        for rule in exemption["rules"]:
            if rule not in rules:
                raise _error(file, ("exemptions", index), f"there is no rule {rule!r}")


def _error(file: yamlfile.YamlFile, path: tuple[Any, ...], message: str) -> ConfigError:
    return ConfigError(message, path=file.path, line=file.line(path))
