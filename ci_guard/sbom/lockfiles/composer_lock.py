"""`composer.lock`: packages of PHP with sources, licences and the edges between them.

Composer writes a SHA-1 or nothing for an archive; the commit that it was made from is recorded as a property. What
the project asks for stands in the `composer.json` beside it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution, Edge
from ci_guard.model.location import Location, NodePath
from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.licenses import declared
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
from ci_guard.source.document import Document, Unreadable

FORMAT = "composer.lock"
ECOSYSTEM = "Packagist"

_LISTS = (("packages", "required"), ("packages-dev", "dev"))


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every package of the lock, with edges and lines. Raises LockError."""
    document, lock = only_table(path, data, "json")
    for key, _ in _LISTS:
        if not isinstance(lock.get(key) or [], list) or len(lock.get(key) or []) > MAX_ENTRIES:
            raise refuse(document, (key,), f"`{key}` is no list of packages, or too long")
    return _Reader(document, lock, _project(path, beside)).lockfile()


def _project(path: str, beside: ReadBytes) -> dict[str, Any] | None:
    """The composer.json beside the lock, None when there is none that can be read."""
    where = posixpath.join(posixpath.dirname(path), "composer.json")
    data = beside(where)
    if data is None:
        return None
    try:
        return only_table(where, data, "json")[1]
    except LockError:
        return None  # Composer itself refuses it; the lock still says what is locked


class _Reader:
    """One pass over the packages of one lock."""

    def __init__(self, document: Document, lock: Mapping[str, Any], project: Mapping[str, Any] | None) -> None:
        self.document = document
        self.path = document.path
        self.lock = lock
        self.project = project
        self.refs = Refs(self.path)
        self.broken: list[Unreadable] = []
        self.unknown: set[str] = set()
        self.incomplete: set[str] = set()
        self.tables: list[tuple[str, Mapping[str, Any]]] = []
        self.by_name: dict[str, str] = {}

    def lockfile(self) -> Lock:
        """The lock with all its entries."""
        components = [self._component(*entry) for entry in self._entries()]
        for ref, table in self.tables:
            for name in (*table_of(table, "replace"), *table_of(table, "provide")):
                self.by_name.setdefault(name.lower(), ref)
        root = self._root()
        edges = {edge for ref, table in self.tables for edge in self._edges(ref, table, "require", "depends-on")}
        edges |= self._root_edges(root.ref, edges)
        return Lock(
            components=(root, *components),
            edges=tuple(sorted(edges)),
            roots=(root.ref,),
            complete=frozenset(c.ref for c in (root, *components)) - self.incomplete,
            unknown=tuple(sorted(self.unknown)) + tuple(f"{b.path}: {b.reason}" for b in self.broken),
            path=self.path,
            format=FORMAT,
            broken=tuple(self.broken),
            hashless="Composer records commits of archives, and at most a SHA-1",
            roomless=True,
            drift=self._drift(),
        )

    def _entries(self) -> Iterator[tuple[Mapping[str, Any], NodePath, str]]:
        for key, scope in _LISTS:
            for index, table in enumerate(list_of(self.lock, key)):
                reason = _flaw(table)
                if reason:
                    where = self.document.locate((key, index))
                    self.broken.append(Unreadable(self.path, where, reason))
                else:
                    yield table, (key, index, "name"), scope

    def _component(self, table: Mapping[str, Any], node: NodePath, scope: str) -> Component:
        name, version = table["name"], text_of(table, "version")
        ref = self.refs.new(name, version)
        self.tables.append((ref, table))
        self.by_name[name.lower()] = ref
        dist, origin = table_of(table, "dist"), table_of(table, "source")
        digest = parse_hash(f"sha1:{text_of(dist, 'shasum')}")
        url = text_of(dist, "url")
        local = text_of(dist, "type") == "path"
        hashes = (digest,) if digest else ()
        return Component(
            ref=ref,
            name=name,
            version=version,
            ecosystem=ECOSYSTEM,
            hashes=hashes,
            distributions=(Distribution(url, url.rpartition("/")[2], hashes),) if url and not local else (),
            source="path" if local else "registry",
            source_url=url if local else "",
            scope=scope,
            licenses=_licenses(table),
            locations=(self.document.locate(node),),
            properties=tuple(_properties(table, dist, origin)),
        )

    def _edges(self, ref: str, table: Mapping[str, Any], key: str, kind: str) -> Iterator[Edge]:
        for name in table_of(table, key):
            if "/" not in name:
                continue  # php itself and its extensions
            target = self.by_name.get(name.lower())
            if target is None:
                self.incomplete.add(ref)
                said = text_of(table, "name") or "the project"
                self.unknown.add(f"{self.path}: {said} needs {name[:200]}, which is not locked")
            elif target != ref:
                yield Edge(ref, target, kind)

    def _root(self) -> Component:
        name = text_of(self.project or {}, "name")
        return Component(
            ref=local_ref(ECOSYSTEM, self.path, ".", name or self.path),
            name=name or self.path,
            version=text_of(self.project or {}, "version"),
            type="application",
            ecosystem=ECOSYSTEM,
            source="workspace",
            source_url=".",
            licenses=_licenses(self.project or {}),
            locations=(self._first(),),
        )

    def _first(self) -> Location:
        key = "content-hash" if self.document.exists(("content-hash",)) else "packages"
        return self.document.locate((key,), key=True)

    def _drift(self) -> tuple[Drift, ...]:
        """What composer.json asks for and the lock does not hold: Composer refuses to install from such a lock."""
        project = self.project or {}
        own = {n.lower() for key in ("replace", "provide") for n in table_of(project, key)}
        asked = {n.lower() for key in ("require", "require-dev") for n in table_of(project, key) if "/" in n}
        lost = sorted(asked - own - self.by_name.keys())
        if not lost:
            return ()
        named = ", ".join(name[:80] for name in lost[:3])
        return (Drift(self._first(), FORMAT, f"composer.json asks for {named}, which is not locked"),)

    def _root_edges(self, root: str, edges: set[Edge]) -> set[Edge]:
        """By composer.json; without one, what nobody else needs must be what the project asks for."""
        if self.project is not None:
            found = set(self._edges(root, self.project, "require", "depends-on"))
            return found | set(self._edges(root, self.project, "require-dev", "dev-depends-on"))
        needed = {e.target for e in edges}
        self.incomplete.add(root)
        self.unknown.add(f"{self.path}: without composer.json the lock does not say what the project asks for itself")
        return {Edge(root, ref) for ref, _ in self.tables if ref not in needed}


def _licenses(table: Mapping[str, Any]) -> tuple[str, ...]:
    """Composer's list is a choice: any one of them applies."""
    texts = declared(table.get("license"))
    return (" OR ".join(texts),) if texts else ()


def _flaw(table: object) -> str:
    if not isinstance(table, dict) or not text_of(table, "name"):
        return "a package without a name"
    if not isinstance(table.get("version", ""), str):
        return f"package {table['name']}: `version` must be text"
    return ""


def _properties(
    table: Mapping[str, Any], dist: Mapping[str, Any], origin: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    if table.get("abandoned"):
        yield "ci-guard:composer:abandoned", "true"
    reference = text_of(dist, "reference") or text_of(origin, "reference")
    if reference:
        yield "ci-guard:composer:reference", reference
    if text_of(origin, "url"):
        yield "ci-guard:composer:source", text_of(origin, "url")
    if text_of(table, "type") == "composer-plugin":  # whose code Composer runs
        yield "ci-guard:composer:type", "composer-plugin"
