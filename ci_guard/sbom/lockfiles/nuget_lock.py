"""NuGet's `packages.lock.json`, versions 1 and 2: packages by target framework, with hashes and edges."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ci_guard.model.component import Component, Edge, Hash
from ci_guard.model.location import NodePath
from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lines import Refs, lock_file
from ci_guard.sbom.lockfiles.lock import MAX_ENTRIES, Lock, only_table, refuse, table_of, text_of
from ci_guard.source.document import Document, Unreadable

FORMAT = "packages.lock.json"
ECOSYSTEM = "NuGet"

_VERSIONS = (1, 2)
_KINDS = frozenset({"Direct", "Transitive", "CentralTransitive", "Project"})
_DIRECT = frozenset({"Direct", "Project"})


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:  # noqa: ARG001 - it stands alone
    """Every package of every target framework. Raises LockError."""
    document, lock = only_table(path, data, "json")
    if lock.get("version") not in _VERSIONS or isinstance(lock.get("version"), bool):
        raise refuse(
            document, ("version",), f"version {lock.get('version')!r} of the format is not known, only 1 and 2"
        )
    frameworks = table_of(lock, "dependencies")
    if sum(len(f) for f in frameworks.values() if isinstance(f, dict)) > MAX_ENTRIES:
        raise refuse(document, ("dependencies",), f"more than {MAX_ENTRIES} packages")
    reader = _Reader(document)
    for framework, packages in frameworks.items():
        reader.framework(framework, packages)
    return reader.lock()


class _Reader:
    """One pass over the frameworks of one lock."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.refs = Refs(document.path)
        self.own = lock_file(document.path, document.locate(("version",)))
        self.components: list[Component] = []
        self.edges: set[Edge] = set()
        self.broken: list[Unreadable] = []
        self.unknown: set[str] = set()
        self.incomplete: set[str] = set()

    def framework(self, framework: str, packages: object) -> None:
        """The packages of one target framework; they need only each other."""
        if not isinstance(packages, dict):
            self._refuse(("dependencies", framework), f"{framework}: must be a table of packages")
            return
        refs: dict[str, str] = {}
        good: dict[str, dict[str, Any]] = {}
        for name, table in packages.items():
            node: NodePath = ("dependencies", framework, name)
            reason = _flaw(name, table)
            if reason:
                self._refuse(node, reason)
                continue
            good[name] = table
            component = self._component(framework, name, table, node)
            self.components.append(component)
            refs.setdefault(name.lower(), component.ref)  # names are compared without regard to case
        for name, table in good.items():
            self._connect(refs, refs[name.lower()], name, table)

    def _refuse(self, node: NodePath, reason: str) -> None:
        self.broken.append(Unreadable(self.document.path, self.document.locate(node, key=True), reason))

    def _component(self, framework: str, name: str, table: Mapping[str, Any], node: NodePath) -> Component:
        project = table.get("type") == "Project"
        digest = content_hash(text_of(table, "contentHash"))
        requested = text_of(table, "requested")
        return Component(
            ref=self.refs.new(name, text_of(table, "resolved")),
            name=name,
            version=text_of(table, "resolved"),
            ecosystem=ECOSYSTEM,
            hashes=(digest,) if digest else (),
            source="path" if project else "registry",
            markers=framework,
            locations=(self.document.locate(node, key=True),),
            properties=(("ci-guard:nuget:specifier", requested),) if requested else (),
        )

    def _connect(self, refs: Mapping[str, str], own: str, name: str, table: Mapping[str, Any]) -> None:
        if table.get("type") in _DIRECT:
            self.edges.add(Edge(self.own.ref, own))
        for wanted in table_of(table, "dependencies"):
            target = refs.get(wanted.lower())
            if target is not None:
                self.edges.add(Edge(own, target))
            else:
                self.incomplete.add(own)
                self.unknown.add(f"{self.document.path}: {name} needs {wanted}, which is not locked")

    def lock(self) -> Lock:
        """The lock with all its entries."""
        components = (self.own, *self.components)
        return Lock(
            components=components,
            edges=tuple(sorted(self.edges)),
            roots=(self.own.ref,),
            complete=frozenset(c.ref for c in components) - self.incomplete,
            unknown=tuple(sorted(self.unknown)) + tuple(f"{b.path}: {b.reason}" for b in self.broken),
            path=self.document.path,
            format=FORMAT,
            broken=tuple(self.broken),
        )


def _flaw(name: str, table: object) -> str:
    if not name or not isinstance(table, dict):
        return f"{name or 'an entry without a name'}: must be a table"
    if text_of(table, "type") not in _KINDS:
        return f"{name}: type {table.get('type')!r} is not known"
    wrong = [k for k in ("resolved", "contentHash", "requested") if not isinstance(table.get(k, ""), str)]
    if wrong:
        return f"{name}: `{wrong[0]}` must be text"
    return "" if table["type"] == "Project" or text_of(table, "resolved") else f"{name}: no resolved version"


def content_hash(text: str) -> Hash | None:
    """The base64 SHA-512 of a package as NuGet writes it; None when it is none."""
    try:
        return parse_hash("sha512:" + base64.b64decode(text.encode("ascii"), validate=True).hex())
    except (binascii.Error, UnicodeEncodeError):
        return None
