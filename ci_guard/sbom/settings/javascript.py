"""`.yarnrc.yml` and `bunfig.toml`: the registries, scopes and checks of Yarn and Bun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.sbom.lockfiles.lock import LockError, list_of, only_table, table_of, text_of
from ci_guard.sbom.settings.setting import Setting, addressed, unverified
from ci_guard.sbom.sources import is_secret
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read

_Check = tuple[str, tuple[object, ...], str]
"""A key, the values that are wrong, and what they do."""
_SECRETS = ("npmAuthToken", "npmAuthIdent")
_YARN_TLS: tuple[_Check, ...] = (("enableStrictSsl", (False,), "has Yarn accept any certificate"),)
_YARN_CHECKS: tuple[_Check, ...] = (
    (
        "checksumBehavior",
        ("ignore", "update", "reset"),
        "has Yarn accept archives whose checksum is not the locked one",
    ),
    ("enableImmutableInstalls", (False,), "has Yarn change the lock in CI instead of failing"),
)


def yarnrc(path: str, data: bytes) -> Iterator[Setting]:
    """`.yarnrc.yml`, of Yarn 2 and later. Raises LockError."""
    document = _document(path, data)
    if document is None:
        return
    yield from _yarn(document, (), document.value)
    for group in ("npmScopes", "npmRegistries"):
        for name, table in table_of(document.value, group).items():
            if isinstance(table, dict):
                yield from _yarn(document, (group, name), table)
    yield from _yarn_checks(document, document.value)


def scopes(path: str, data: bytes) -> dict[str, str]:
    """Scope -> address of its registry, as `.yarnrc.yml` has it. Raises LockError."""
    document = _document(path, data)
    tables = table_of(document.value, "npmScopes") if document is not None else {}
    named = {
        f"@{name}": text_of(table, "npmRegistryServer") for name, table in tables.items() if isinstance(table, dict)
    }
    return {scope: url for scope, url in named.items() if url}


def _document(path: str, data: bytes) -> Document | None:
    document = next(iter(read(path, data, "yaml-1.2")), None)
    if isinstance(document, Unreadable):
        raise LockError(document)
    return document if document is not None and isinstance(document.value, dict) else None


def _yarn(document: Document, at: NodePath, table: Mapping[str, Any]) -> Iterator[Setting]:
    if "npmRegistryServer" in table:
        place = document.locate((*at, "npmRegistryServer"))
        yield addressed("yarn", "npmRegistryServer", table["npmRegistryServer"], place)
    for key in _SECRETS:
        if key in table:
            yield Setting("yarn", key, document.locate((*at, key), key=True), secret=is_secret(table[key]))


def _yarn_checks(document: Document, table: Mapping[str, Any]) -> Iterator[Setting]:
    for number, host in enumerate(list_of(table, "unsafeHttpWhitelist")):
        place = document.locate(("unsafeHttpWhitelist", number))
        yield unverified("yarn", "unsafeHttpWhitelist", host, place, "reaches {} without TLS")
    for key, bad, words in _YARN_TLS:
        if key in table:
            place = document.locate((key,), key=True)
            yield Setting("yarn", key, place, insecure=words if table[key] in bad else "")
    for key, bad, words in _YARN_CHECKS:
        if key in table:
            place = document.locate((key,), key=True)
            yield Setting("yarn", key, place, unchecked=words if table[key] in bad else "")


def bunfig(path: str, data: bytes) -> Iterator[Setting]:
    """`bunfig.toml`. Raises LockError."""
    document, table = only_table(path, data, "toml")
    install = table_of(table, "install")
    if "registry" in install:
        yield from _bun(document, ("install", "registry"), install["registry"])
    for scope, value in table_of(install, "scopes").items():
        yield from _bun(document, ("install", "scopes", scope), value)
    if table_of(install, "lockfile").get("save") is False:
        place = document.locate(("install", "lockfile", "save"), key=True)
        yield Setting("bun", "lockfile.save", place, unchecked="has Bun write no lock")


def _bun(document: Document, at: NodePath, value: object) -> Iterator[Setting]:
    name = str(at[-1])
    if isinstance(value, str):
        yield addressed("bun", name, value, document.locate(at))
    elif isinstance(value, dict):
        yield addressed("bun", name, value.get("url"), document.locate((*at, "url")))
        for key in ("token", "password"):
            if key in value:
                yield Setting("bun", key, document.locate((*at, key), key=True), secret=is_secret(value[key]))
