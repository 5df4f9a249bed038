"""`Cargo.lock`, versions 1 to 4: crates with sources, checksums and the edges between them.

The lock does not tell development needs from others; where a `Cargo.toml` of the repository does, it is asked.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Edge, Hash
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lines import Refs
from ci_guard.sbom.lockfiles.lock import (
    MAX_ENTRIES,
    Drift,
    Lock,
    LockError,
    list_of,
    local_ref,
    only_table,
    refuse,
    table_of,
    text_of,
)
from ci_guard.sbom.lockfiles.toml_places import TomlPlaces
from ci_guard.source.document import Document, Unreadable

FORMAT = "Cargo.lock"
ECOSYSTEM = "crates.io"

_NEWEST = 4
_NEEDS = ("dependencies", "build-dependencies", "dev-dependencies")
_MEMBERS = 1_000  # manifests of a workspace that are looked at


@record(frozen=False)
class _Crate:
    """One `[[package]]` table."""

    ref: str
    table: dict[str, Any]
    index: int
    source: str
    url: str
    needs: list[Edge] = field(default_factory=list)


@record(frozen=False)
class _Parser:
    """What one pass over a lock collects."""

    document: Document
    lock: dict[str, Any]
    sums: dict[str, str]
    places: TomlPlaces
    crates: list[_Crate] = field(default_factory=list)
    meant: dict[tuple[str, ...], _Crate] = field(default_factory=dict)
    broken: list[Unreadable] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    incomplete: set[str] = field(default_factory=set)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every crate of the lock, with edges, checksums and lines. Raises LockError."""
    document, lock = only_table(path, data, "toml")
    version = lock.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= _NEWEST:
        raise refuse(document, ("version",), f"Cargo.lock version {version!r} is not known, only 1 to {_NEWEST}")
    parser = _Parser(document, lock, _old_sums(lock), TomlPlaces(document, "package", list_of(lock, "package")))
    _collect(parser)
    manifests = _manifests(path, beside)
    dev = {name: _only_dev(manifest) for name, manifest in manifests.items()}
    for crate in parser.crates:
        _connect(parser, crate, dev)
    return _finish(parser, tuple(_drift(parser, manifests)))


def _old_sums(lock: Mapping[str, Any]) -> dict[str, str]:
    """Version 1 keeps checksums apart: `"checksum NAME VERSION (SOURCE)" = "HEX"`."""
    return {k.removeprefix("checksum "): v for k, v in table_of(lock, "metadata").items() if isinstance(v, str)}


def _collect(parser: _Parser) -> None:
    tables = parser.lock.get("package", [])
    if not isinstance(tables, list) or len(tables) > MAX_ENTRIES:
        raise refuse(parser.document, ("package",), "`package` is no list of crates, or too long")
    refs = Refs(parser.document.path)
    for index, table in enumerate(tables):
        reason = _flaw(table)
        if reason:
            where = parser.document.locate(("package", index))
            parser.broken.append(Unreadable(parser.document.path, where, reason))
            continue
        source, url = _source(text_of(table, "source"))
        crate = _Crate(refs.new(table["name"], text_of(table, "version")), table, index, source, url)
        parser.crates.append(crate)
        known = (table["name"], text_of(table, "version"), text_of(table, "source"))
        for depth in (1, 2, 3):
            parser.meant.setdefault(known[:depth], crate)


def _flaw(table: object) -> str:
    if not isinstance(table, dict) or not text_of(table, "name"):
        return "a crate without a name"
    wrong = [k for k in ("version", "source", "checksum") if not isinstance(table.get(k, ""), str)]
    return f"crate {table['name']}: `{wrong[0]}` must be text" if wrong else ""


def _source(text: str) -> tuple[str, str]:
    """(`registry` | `git` | `path`, where from); what has no source lives in the repository."""
    kind, plus, url = text.partition("+")
    if not text:
        return "path", ""
    if kind == "git" and plus:
        return "git", text
    return "registry", url if plus and kind in {"registry", "sparse"} else text


def _manifests(path: str, beside: ReadBytes) -> dict[str, dict[str, Any]]:
    """Crate of the repository -> its manifest: the one beside the lock, and the members that it names one by one."""
    folder = posixpath.dirname(path)
    found: dict[str, dict[str, Any]] = {}
    pending = [posixpath.join(folder, "Cargo.toml")]
    for count, where in enumerate(pending):
        manifest = _manifest(where, beside) if count < _MEMBERS else None
        if manifest is None:
            continue
        name = text_of(table_of(manifest, "package"), "name")
        if name:
            found[name] = manifest
        if count == 0:
            members = list_of(table_of(manifest, "workspace"), "members")
            inside = [m for m in members if isinstance(m, str) and "*" not in m and ".." not in m.split("/")]
            pending += [posixpath.join(folder, m, "Cargo.toml") for m in inside]
    return found


def _drift(parser: _Parser, manifests: Mapping[str, Mapping[str, Any]]) -> Iterator[Drift]:
    """What a manifest asks for and its crate's entry does not name: `cargo --locked` refuses such a lock."""
    crates = {c.table["name"]: c for c in parser.crates if c.source == "path"}
    for name, manifest in manifests.items():
        crate = crates.get(name)
        if crate is None:
            where = parser.document.locate(("version",))
            yield Drift(where, FORMAT, f"the crate {name[:80]} of the repository is not in it")
            continue
        locked = {w.partition(" ")[0] for w in list_of(crate.table, "dependencies") if isinstance(w, str)}
        lost = sorted(
            {n for t in _targets(manifest) for k in _NEEDS for n in _names(t, k, inherited=False)} - locked - {name}
        )
        if lost:
            asked = ", ".join(n[:80] for n in lost[:3])
            yield Drift(parser.places.place(crate.index), FORMAT, f"{name[:80]} asks for {asked}, which is not locked")


def _manifest(where: str, beside: ReadBytes) -> dict[str, Any] | None:
    data = beside(where)
    if data is None:
        return None
    try:
        return only_table(where, data, "toml")[1]
    except LockError:
        return None  # cargo itself refuses to build; the lock still says what is locked


def _targets(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The manifest and its tables for single platforms: each may have dependencies."""
    return [manifest, *(t for t in table_of(manifest, "target").values() if isinstance(t, dict))]


def _only_dev(manifest: Mapping[str, Any]) -> frozenset[str]:
    dev = {n for t in _targets(manifest) for n in _names(t, "dev-dependencies")}
    real = {n for t in _targets(manifest) for k in _NEEDS if k != "dev-dependencies" for n in _names(t, k)}
    return frozenset(dev - real)


def _names(table: Mapping[str, Any], key: str, *, inherited: bool = True) -> Iterator[str]:
    """The crates' own names: `alias = {package = "name"}` renames one.

    What a workspace defines for its members (`inherited`) may be renamed there, which is not looked up.
    """
    for name, wanted in table_of(table, key).items():
        details = wanted if isinstance(wanted, dict) else {}
        if inherited or details.get("workspace") is not True:
            yield text_of(details, "package") or name


def _connect(parser: _Parser, crate: _Crate, dev: Mapping[str, frozenset[str]]) -> None:
    for wanted in list_of(crate.table, "dependencies"):
        target = _resolve(parser, wanted) if isinstance(wanted, str) else None
        if target is None:
            parser.incomplete.add(crate.ref)
            said = str(wanted)[:200]
            parser.unknown.append(f"{parser.document.path}: {crate.table['name']} needs {said}, which is not locked")
        else:
            only_dev = crate.source == "path" and target.table["name"] in dev.get(crate.table["name"], ())
            crate.needs.append(Edge(crate.ref, target.ref, "dev-depends-on" if only_dev else "depends-on"))


def _resolve(parser: _Parser, wanted: str) -> _Crate | None:
    """`name`, `name version` or `name version (source)`: cargo writes as much as tells it from others."""
    name, _, rest = wanted.partition(" ")
    version, _, source = rest.partition(" ")
    exact = parser.meant.get((name, version, source.strip("()")))
    return exact or parser.meant.get((name, version) if version else (name,))


def _finish(parser: _Parser, drift: tuple[Drift, ...]) -> Lock:
    path = parser.document.path
    edges = {edge for crate in parser.crates for edge in crate.needs}
    needed = {e.target for e in edges}
    roots = {c.ref for c in parser.crates if c.source == "path" and c.ref not in needed}
    refs = {c.ref: _ref(parser, c, roots) for c in parser.crates}
    scopes = _scopes(roots, edges)
    return Lock(
        components=tuple(_component(parser, c, roots, refs[c.ref], scopes) for c in parser.crates),
        edges=tuple(sorted(Edge(refs[e.source], refs[e.target], e.kind) for e in edges)),
        roots=tuple(sorted(refs[r] for r in roots)),
        complete=frozenset(refs[c.ref] for c in parser.crates if c.ref not in parser.incomplete),
        unknown=tuple(sorted(set(parser.unknown)) + [f"{b.path}: {b.reason}" for b in parser.broken]),
        path=path,
        format=FORMAT,
        broken=tuple(parser.broken),
        drift=drift,
    )


def _ref(parser: _Parser, crate: _Crate, roots: set[str]) -> str:
    """The roots get refs that other locks of the repository share; the rest keeps the lock's own."""
    # Cargo.lock does not say in which folder a crate lives: its name and version have to do.
    if crate.ref in roots:
        return local_ref(ECOSYSTEM, parser.document.path, ".", crate.ref.rpartition("#")[2])
    return crate.ref


def _scopes(roots: set[str], edges: set[Edge]) -> dict[str, str]:
    """Ref -> `dev` when only tests of the repository's crates reach it; "" otherwise: the lock does not tell."""
    if not any(e.kind == "dev-depends-on" for e in edges):
        return {}
    needs: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        needs[edge.source].append(edge)
    reached, pending = set(roots), list(roots)
    while pending:
        for edge in needs[pending.pop()]:
            if edge.kind == "depends-on" and edge.target not in reached:
                reached.add(edge.target)
                pending.append(edge.target)
    return {e.target: "required" if e.target in reached else "dev" for e in edges} | dict.fromkeys(reached, "required")


def _component(parser: _Parser, crate: _Crate, roots: set[str], ref: str, scopes: Mapping[str, str]) -> Component:
    local = crate.ref in roots
    digest = _checksum(parser, crate)
    return Component(
        ref=ref,
        name=crate.table["name"],
        version=text_of(crate.table, "version"),
        type="application" if local else "library",
        ecosystem=ECOSYSTEM,
        hashes=(digest,) if digest else (),
        source="workspace" if local else crate.source,
        source_url=crate.url,
        scope="required" if local else scopes.get(crate.ref, ""),
        locations=(parser.places.place(crate.index),),
    )


def _checksum(parser: _Parser, crate: _Crate) -> Hash | None:
    table = crate.table
    old = f"{table['name']} {text_of(table, 'version')} ({text_of(table, 'source')})"
    value = text_of(table, "checksum") or parser.sums.get(old, "")
    return parse_hash(f"sha256:{value}") if value else None
