"""`uv.lock`, versions 1.x: packages with sources, hashes, extras, groups and the edges between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution, Edge
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record, replace
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lock import (
    MAX_ENTRIES,
    Drift,
    Lock,
    list_of,
    local_ref,
    only_table,
    refuse,
    table_of,
    text_of,
)
from ci_guard.sbom.lockfiles.manifest_drift import uv_drift
from ci_guard.sbom.lockfiles.reach import conditions, scopes
from ci_guard.sbom.lockfiles.toml_places import TomlPlaces
from ci_guard.source.document import Document, Unreadable

FORMAT = "uv.lock"
ECOSYSTEM = "PyPI"

_LOCAL_SOURCES = ("virtual", "editable", "directory", "path")
_KINDS = {
    "dependencies": "depends-on",
    "optional-dependencies": "optional-depends-on",
    "dev-dependencies": "dev-depends-on",
}


@record(frozen=False)
class _Package:
    """One `[[package]]` table and what has been found out about it."""

    ref: str
    table: dict[str, Any]
    source: str
    url: str
    index: int
    needs: list[tuple[Edge, str]] = field(default_factory=list)


@record(frozen=False)
class _Parser:
    """Holds what one pass over a lock collects."""

    document: Document
    lock: dict[str, Any]
    places: TomlPlaces
    packages: dict[str, _Package] = field(default_factory=dict)
    by_name: dict[str, list[_Package]] = field(default_factory=lambda: defaultdict(list))
    broken: list[Unreadable] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    incomplete: set[str] = field(default_factory=set)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every package of the lock, with edges and lines. Raises LockError."""
    document, lock = only_table(path, data, "toml")
    if not isinstance(lock.get("version"), int):
        raise refuse(document, ("version",), "uv.lock says no version")
    if lock["version"] != 1:
        raise refuse(document, ("version",), f"uv.lock version {lock['version']} is not known, only 1")
    parser = _Parser(document, lock, TomlPlaces(document, "package", list_of(lock, "package")))
    _collect(parser)
    _connect(parser)
    return replace(_finish(parser), drift=tuple(_drift(parser, beside)))


def _drift(parser: _Parser, beside: ReadBytes) -> Iterator[Drift]:
    """Where the project, or a member of its workspace, asks for other things than the lock says that it does."""
    path = parser.document.path
    for package in parser.packages.values():
        reason = uv_drift(path, package.url, package.table, beside) if package.source == "workspace" else ""
        if reason:
            yield Drift(parser.places.place(package.index), path.rpartition("/")[2], reason)


def _collect(parser: _Parser) -> None:
    tables = parser.lock.get("package", [])
    if not isinstance(tables, list) or len(tables) > MAX_ENTRIES:
        raise refuse(parser.document, ("package",), "`package` is no list of packages, or too long")
    for index, table in enumerate(tables):
        reason = _flaw(table)
        if reason:
            where = parser.document.locate(("package", index))
            parser.broken.append(Unreadable(parser.document.path, where, reason))
            continue
        package = _package(parser, index, table)
        parser.packages[package.ref] = package
        parser.by_name[table["name"]].append(package)


def _flaw(table: object) -> str:
    if not isinstance(table, dict) or not text_of(table, "name"):
        return "a package without a name"
    if not isinstance(table.get("version", ""), str) or not isinstance(table.get("source", {}), dict):
        return f"package {table['name']}: `version` must be text and `source` a table"
    return ""


def _package(parser: _Parser, index: int, table: dict[str, Any]) -> _Package:
    source, url = _source(parser.lock, table)
    name, path = text_of(table, "name"), parser.document.path
    if source in {"workspace", "path"}:
        ref = local_ref(ECOSYSTEM, path, url, name)
    else:
        ref = f"{path}#{name}@{text_of(table, 'version')}"
    if ref in parser.packages:  # one version from two sources: markers fork it
        ref = f"{ref}+{index}"
    return _Package(ref, table, source, url, index)


def _source(lock: Mapping[str, Any], table: Mapping[str, Any]) -> tuple[str, str]:
    """(`registry` | `git` | `url` | `path` | `workspace` | "", where from)."""
    source = table_of(table, "source")
    for kind in ("registry", "git", "url"):
        if text_of(source, kind):
            return kind, text_of(source, kind)
    for kind in _LOCAL_SOURCES:
        if text_of(source, kind):
            members = list_of(table_of(lock, "manifest"), "members")
            member = source[kind] == "." or text_of(table, "name") in members
            return "workspace" if member else "path", source[kind]
    return "", ""


def _connect(parser: _Parser) -> None:
    for package in parser.packages.values():
        for key, kind in _KINDS.items():
            for wanted in _wanted(package.table.get(key)):
                _link(parser, package, wanted, kind)


def _wanted(value: object) -> Iterator[dict[str, Any]]:
    """The tables of `dependencies`, or of every extra or group of `optional-` and `dev-dependencies`."""
    lists = value.values() if isinstance(value, dict) else [value]
    for entries in lists:
        if isinstance(entries, list):
            yield from (entry for entry in entries if isinstance(entry, dict))


def _link(parser: _Parser, package: _Package, wanted: Mapping[str, Any], kind: str) -> None:
    targets = _resolve(parser, wanted)
    if not targets:
        parser.incomplete.add(package.ref)
        name = text_of(wanted, "name") or "a package without a name"
        parser.unknown.append(f"{parser.document.path}: {package.table['name']} needs {name}, which is not locked")
    for target in targets:
        package.needs.append((Edge(package.ref, target.ref, kind), text_of(wanted, "marker")))


def _resolve(parser: _Parser, wanted: Mapping[str, Any]) -> list[_Package]:
    """The packages a dependency means: by name, told apart by version and source where markers fork."""
    found = parser.by_name.get(text_of(wanted, "name"), [])
    if len(found) > 1 and "version" in wanted:
        found = [p for p in found if p.table.get("version") == wanted["version"]]
    if len(found) > 1 and "source" in wanted:
        found = [p for p in found if p.table.get("source") == wanted["source"]]
    return found


def _finish(parser: _Parser) -> Lock:
    path = parser.document.path
    roots = [p.ref for p in parser.packages.values() if p.source == "workspace"]
    extra_component, extra_edges = _script_root(parser) if not roots else (None, [])
    edges = [pair for package in parser.packages.values() for pair in package.needs] + extra_edges
    scope_of = scopes(roots or [f"file:{path}"], [edge for edge, _ in edges])
    markers = conditions(edges)
    components = [
        _component(parser, p, scope_of.get(p.ref, ""), markers.get(p.ref, "")) for p in parser.packages.values()
    ]
    if extra_component is not None:
        components.append(extra_component)
        roots = [extra_component.ref]
    return Lock(
        components=tuple(components),
        edges=tuple(sorted({edge for edge, _ in edges})),
        roots=tuple(sorted(roots)),
        complete=frozenset(p for p in (c.ref for c in components) if p not in parser.incomplete),
        unknown=tuple(sorted(set(parser.unknown)) + [f"{b.path}: {b.reason}" for b in parser.broken]),
        path=path,
        format=FORMAT,
        broken=tuple(parser.broken),
    )


def _script_root(parser: _Parser) -> tuple[Component | None, list[tuple[Edge, str]]]:
    """A lock without a project (of a script, or of groups only): the lock itself needs what its manifest names."""
    path, manifest = parser.document.path, table_of(parser.lock, "manifest")
    ref = f"file:{path}"
    pairs: list[tuple[Edge, str]] = []
    sources = (("requirements", "depends-on"), ("dependency-groups", "dev-depends-on"))
    for key, kind in sources:
        for wanted in _wanted(manifest.get(key)):
            pairs += [(Edge(ref, t.ref, kind), text_of(wanted, "marker")) for t in _resolve(parser, wanted)]
    where = (parser.document.locate(("version",)),)
    return Component(ref=ref, name=path.rpartition("/")[2], type="file", locations=where), pairs


def _component(parser: _Parser, package: _Package, scope: str, markers: str) -> Component:
    table = package.table
    files = _distributions(table)
    local = package.source == "workspace"
    return Component(
        ref=package.ref,
        name=table["name"],
        version=text_of(table, "version"),
        type="application" if local else "library",
        ecosystem=ECOSYSTEM,
        hashes=files[0].hashes if len(files) == 1 else (),
        distributions=files,
        source=package.source,
        source_url=package.url,
        scope=scope,
        markers=markers,
        locations=(parser.places.place(package.index),),
    )


def _distributions(table: Mapping[str, Any]) -> tuple[Distribution, ...]:
    files = [table.get("sdist"), *list_of(table, "wheels")]
    return tuple(_distribution(entry) for entry in files if isinstance(entry, dict))


def _distribution(entry: Mapping[str, Any]) -> Distribution:
    url = text_of(entry, "url") or text_of(entry, "path")
    name = text_of(entry, "filename") or url.partition("#")[0].partition("?")[0].rpartition("/")[2]
    digest = parse_hash(text_of(entry, "hash"))
    return Distribution(url, name, (digest,) if digest else ())
