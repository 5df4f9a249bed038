"""`pyproject.toml`, `uv.toml` and `Pipfile`: the indexes of uv, Poetry, PDM and Pipenv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.sbom.lockfiles.lock import list_of, only_table, table_of, text_of
from ci_guard.sbom.settings.setting import Setting, addressed, unverified
from ci_guard.sbom.sources import is_secret
from ci_guard.source.document import Document

_UNSAFE = "uv compares the versions of all indexes, so that anybody's higher one wins"
_LOOSE_UV = "may answer for every package: it is not `explicit = true`"
_SUPPLEMENTAL = "Poetry asks the public index first for what only this one should have"
_PRIMARIES = "one of several primary sources: Poetry takes the highest version of any"
_PDM = "one of several sources: PDM takes the highest version of any"


def pyproject(path: str, data: bytes) -> Iterator[Setting]:
    """`[tool.uv]`, `[tool.poetry]` and `[tool.pdm]`. Raises LockError."""
    document, table = only_table(path, data, "toml")
    tools = table_of(table, "tool")
    yield from _uv(document, ("tool", "uv"), table_of(tools, "uv"))
    yield from _poetry(document, list_of(table_of(tools, "poetry"), "source"))
    yield from _pdm(document, table_of(tools, "pdm"))


def uv_toml(path: str, data: bytes) -> Iterator[Setting]:
    """`uv.toml`. Raises LockError."""
    document, table = only_table(path, data, "toml")
    yield from _uv(document, (), table)


def pipfile(path: str, data: bytes) -> Iterator[Setting]:
    """`Pipfile`. Raises LockError."""
    document, table = only_table(path, data, "toml")
    for index, source in _tables(list_of(table, "source")):
        place: NodePath = ("source", index)
        yield addressed("pipenv", "url", source.get("url"), document.locate((*place, "url")))
        if source.get("verify_ssl") is False:
            words = "has Pipenv accept any certificate"
            yield Setting("pipenv", "verify_ssl", document.locate((*place, "verify_ssl"), key=True), insecure=words)
    pipenv = table_of(table, "pipenv")
    if pipenv.get("install_search_all_sources") is True:
        place = ("pipenv", "install_search_all_sources")
        words = "Pipenv takes packages from any of its sources"
        yield Setting("pipenv", place[1], document.locate(place, key=True), confuses=words)


def _uv(document: Document, at: NodePath, uv: Mapping[str, Any]) -> Iterator[Setting]:
    for prefix, table in ((at, uv), ((*at, "pip"), table_of(uv, "pip"))):
        yield from _uv_options(document, prefix, table)
    indexes = list(_tables(list_of(uv, "index")))
    for number, index in indexes:
        place = (*at, "index", number)
        loose = "" if index.get("explicit") is True or index.get("default") is True else _LOOSE_UV
        yield addressed("uv", "index", index.get("url"), document.locate((*place, "url")), loose=loose)


def _uv_options(document: Document, at: NodePath, table: Mapping[str, Any]) -> Iterator[Setting]:
    def place(key: str, *more: int) -> Any:
        return document.locate((*at, key, *more), key=not more)

    strategy = text_of(table, "index-strategy")
    if strategy.startswith("unsafe-"):
        yield Setting("uv", "index-strategy", place("index-strategy"), confuses=_UNSAFE)
    if "index-url" in table:
        yield addressed("uv", "index-url", table["index-url"], place("index-url"))
    for key in ("extra-index-url", "find-links"):
        for number, url in enumerate(list_of(table, key)):
            yield addressed("uv", key, url, place(key, number), loose=_LOOSE_UV if key == "extra-index-url" else "")
    for number, host in enumerate(list_of(table, "allow-insecure-host")):
        where = place("allow-insecure-host", number)
        yield unverified("uv", "allow-insecure-host", host, where, "has uv accept any certificate of {}, or none")
    for key in ("require-hashes", "verify-hashes"):
        if table.get(key) is False:
            yield Setting("uv", key, place(key), unchecked="has uv install without comparing hashes")


def _poetry(document: Document, sources: list[Any]) -> Iterator[Setting]:
    tables = list(_tables(sources))
    primary = sum(text_of(table, "priority") in {"", "primary", "default"} for _, table in tables)
    for number, table in tables:
        place: NodePath = ("tool", "poetry", "source", number)
        priority = text_of(table, "priority")
        confuses = _SUPPLEMENTAL if priority in {"supplemental", "secondary"} or table.get("secondary") is True else ""
        if not confuses and primary > 1 and priority != "explicit":
            confuses = _PRIMARIES
        named = document.locate((*place, "url")) if "url" in table else document.locate((*place, "name"))
        yield addressed("poetry", f"source {text_of(table, 'name')}", table.get("url"), named, confuses=confuses)


def _pdm(document: Document, pdm: Mapping[str, Any]) -> Iterator[Setting]:
    sources = list(_tables(list_of(pdm, "source")))
    ordered = table_of(pdm, "resolution").get("respect-source-order") is True
    for number, source in sources:
        place: NodePath = ("tool", "pdm", "source", number)
        limited = bool(source.get("include_packages")) or ordered or len(sources) < 2
        url = document.locate((*place, "url"))
        yield addressed("pdm", "source", source.get("url"), url, confuses="" if limited else _PDM)
        if is_secret(source.get("password")):
            yield Setting("pdm", "password", document.locate((*place, "password"), key=True), secret=True)
        if source.get("verify_ssl") is False:
            words = "has PDM accept any certificate"
            yield Setting("pdm", "verify_ssl", document.locate((*place, "verify_ssl"), key=True), insecure=words)


def _tables(items: list[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((number, item) for number, item in enumerate(items) if isinstance(item, dict))
