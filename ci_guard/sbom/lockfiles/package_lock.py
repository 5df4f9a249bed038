"""`package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3: every installed path, resolved as Node resolves."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution, Edge
from ci_guard.model.location import NodePath
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import replace
from ci_guard.sbom.digests import parse_integrity
from ci_guard.sbom.licenses import declared
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
from ci_guard.sbom.lockfiles.manifest_drift import npm_drift
from ci_guard.sbom.lockfiles.npm_source import source_of
from ci_guard.sbom.lockfiles.npm_tree import Entry, flatten, follow, name_of, resolve
from ci_guard.sbom.lockfiles.package_json import platforms, read_manifest
from ci_guard.source.document import Document, Unreadable

FORMAT = "package-lock.json"
ECOSYSTEM = "npm"

_VERSIONS = (1, 2, 3)
_NEEDS = (
    ("dependencies", "depends-on"),
    ("optionalDependencies", "optional-depends-on"),
    ("peerDependencies", "depends-on"),
    ("devDependencies", "dev-depends-on"),
)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every installed path of the lock, with edges and lines. Raises LockError."""
    document, lock = only_table(path, data, "json")
    version = lock.get("lockfileVersion", 1)
    if version not in _VERSIONS or isinstance(version, bool):
        raise refuse(document, ("lockfileVersion",), f"package-lock version {version!r} is not known, only 1 to 3")
    entries, broken = _entries(document, lock)
    reader = _Reader(document, lock, entries, broken)
    return replace(reader.lockfile(), drift=tuple(_drift(reader, beside)))


def _drift(reader: _Reader, beside: ReadBytes) -> Iterator[Drift]:
    """Where the project, or a member of its workspace, asks for other things than the lock says that it does."""
    if reader.old:
        return  # version 1 does not repeat what is asked for
    for entry in reader.entries.values():
        if entry.path and not reader.is_workspace(entry):
            continue
        manifest = read_manifest(reader.path, beside, entry.path)
        reason = npm_drift(manifest.table, entry.table) if manifest is not None else ""
        if reason:
            place = reader.document.locate(_place(entry), key=True)
            yield Drift(place, reader.path.rpartition("/")[2], reason)


def _entries(document: Document, lock: Mapping[str, Any]) -> tuple[dict[str, Entry], list[Unreadable]]:
    listed = list(_listed(document, lock))
    if len(listed) > MAX_ENTRIES:
        raise refuse(document, (), f"more than {MAX_ENTRIES} packages")
    entries: dict[str, Entry] = {}
    broken: list[Unreadable] = []
    for entry in listed:
        reason = _flaw(entry)
        if reason:
            broken.append(Unreadable(document.path, document.locate(entry.node, key=True), reason))
        else:
            entries[entry.path] = entry
    return entries, broken


def _listed(document: Document, lock: Mapping[str, Any]) -> Iterator[Entry]:
    packages = lock.get("packages")
    if packages is None:
        yield Entry("", {k: lock[k] for k in ("name", "version") if k in lock}, ())
        yield from flatten(lock, MAX_ENTRIES + 1)
    elif isinstance(packages, dict):
        for path, table in packages.items():
            yield Entry(path, table, ("packages", path))
        if "" not in packages:
            yield Entry("", {}, ())
    else:
        raise refuse(document, ("packages",), "`packages` is no table of paths")


def _flaw(entry: Entry) -> str:
    table: object = entry.table
    if not isinstance(table, dict):
        return f"{entry.path or 'the root'}: an entry must be a table"
    wrong = [k for k in ("version", "resolved", "integrity", "name") if not isinstance(table.get(k, ""), str)]
    # npm itself writes `resolved: true` nowhere; git and file entries may have `integrity: null`.
    wrong = [k for k in wrong if table[k] is not None]
    return f"{entry.path or 'the root'}: `{wrong[0]}` must be text" if wrong else ""


class _Reader:
    """One pass over the entries of one lock."""

    def __init__(
        self, document: Document, lock: Mapping[str, Any], entries: dict[str, Entry], broken: list[Unreadable]
    ) -> None:
        self.document = document
        self.path = document.path
        self.lock = lock
        self.entries = entries
        self.broken = broken
        self.unknown: list[str] = []
        self.incomplete: set[str] = set()
        root = entries.get("")
        self.root = root if root is not None else Entry("", {}, ())
        entries.setdefault("", self.root)
        self.workspaces = _workspaces(self.root.table)
        self.old = not isinstance(lock.get("packages"), dict)
        self.refs = {path: self._ref(entry) for path, entry in entries.items()}

    def lockfile(self) -> Lock:
        """The lock with all its entries; links are no packages of their own."""
        real = [e for e in self.entries.values() if e.table.get("link") is not True or follow(self.entries, e) is e]
        edges = {edge for entry in real for edge in self._edges(entry)}
        if self.old:
            edges |= self._guessed_roots(edges)
        components = tuple(self._component(entry) for entry in real)
        unknown = sorted(set(self.unknown)) + [f"{b.path}: {b.reason}" for b in self.broken]
        return Lock(
            components=components,
            edges=tuple(sorted(edges)),
            roots=tuple(sorted({self.refs[e.path] for e in real if not e.path or self.is_workspace(e)})),
            complete=frozenset(c.ref for c in components) - self.incomplete,
            unknown=tuple(unknown),
            path=self.path,
            format=FORMAT,
            broken=tuple(self.broken),
        )

    def _ref(self, entry: Entry) -> str:
        if _is_local(entry):
            return local_ref(ECOSYSTEM, self.path, entry.path or ".", self._name(entry))
        return f"{self.path}#{entry.path}"

    def _name(self, entry: Entry) -> str:
        if entry.path:
            return name_of(entry) or entry.path
        folders = self.path.split("/")[:-1]
        return text_of(entry.table, "name") or text_of(self.lock, "name") or (folders[-1] if folders else FORMAT)

    def _edges(self, entry: Entry) -> Iterator[Edge]:
        own = self.refs[entry.path]
        optional = table_of(entry.table, "optionalDependencies")
        for key, kind in _NEEDS:
            for name in table_of(entry.table, key):
                if key == "dependencies" and name in optional:
                    continue  # npm lists an optional dependency twice
                target = resolve(self.entries, entry.path, name)
                if target is not None:
                    yield Edge(own, self.refs[target.path], kind)
                elif not self._may_lack(entry, key, name):
                    self.incomplete.add(own)
                    self.unknown.append(f"{self.path}: {self._name(entry)} needs {name}, which is not locked")

    def _may_lack(self, entry: Entry, key: str, name: str) -> bool:
        """Whether npm leaves such a need out on purpose."""
        if key == "peerDependencies":
            meta = table_of(table_of(entry.table, "peerDependenciesMeta"), name)
            return meta.get("optional") is True
        if key == "devDependencies":
            return entry.path != "" and not self.is_workspace(entry)  # of a linked folder, never installed
        return key == "optionalDependencies" or entry.table.get("lenient") is True

    def _guessed_roots(self, edges: Iterable[Edge]) -> set[Edge]:
        """Version 1 does not say what the project asks for: what nobody else needs must be it."""
        own = self.refs[""]
        needed = {edge.target for edge in edges}
        self.incomplete.add(own)
        self.unknown.append(f"{self.path}: a version 1 lock does not say which packages the project asks for itself")
        return {Edge(own, ref) for path, ref in self.refs.items() if path and ref not in needed}

    def is_workspace(self, entry: Entry) -> bool:
        """Whether an entry is a member of the project's workspace."""
        return _is_local(entry) and any(fnmatch.fnmatchcase(entry.path, pattern) for pattern in self.workspaces)

    def _component(self, entry: Entry) -> Component:
        table = entry.table
        source, url = self._source(entry)
        hashes = parse_integrity(text_of(table, "integrity"))
        files = (Distribution(url, url.rpartition("/")[2], hashes),) if source in {"registry", "url"} and url else ()
        return Component(
            ref=self.refs[entry.path],
            name=self._name(entry),
            version=text_of(table, "version"),
            type="application" if source == "workspace" else "library",
            ecosystem=ECOSYSTEM,
            hashes=hashes,
            distributions=files,
            source=source,
            source_url=url,
            scope=_scope(table),
            markers=platforms(table),
            licenses=declared(table.get("license", table.get("licenses"))),
            locations=(self.document.locate(_place(entry), key=True),),
            properties=_properties(entry),
        )

    def _source(self, entry: Entry) -> tuple[str, str]:
        if _is_local(entry):
            return ("workspace" if not entry.path or self.is_workspace(entry) else "path"), entry.path or "."
        url = text_of(entry.table, "resolved")
        if entry.table.get("link") is True and "://" not in url:
            return "path", url.removeprefix("file:")
        return source_of(url, name_of(entry))


def _place(entry: Entry) -> NodePath:
    return entry.node or ("name",)


def _is_local(entry: Entry) -> bool:
    """The root, workspaces and linked folders stand outside node_modules."""
    return "node_modules/" not in entry.path


def _workspaces(root: Mapping[str, Any]) -> tuple[str, ...]:
    value = root.get("workspaces")
    patterns = list_of(value, "packages") if isinstance(value, dict) else list_of(root, "workspaces")
    return tuple(p.removeprefix("./").rstrip("/") for p in patterns if isinstance(p, str))


def _scope(table: Mapping[str, Any]) -> str:
    if table.get("dev") is True:
        return "dev"
    # devOptional: a development tool that is also somebody's optional dependency.
    return "optional" if table.get("optional") is True or table.get("devOptional") is True else "required"


def _properties(entry: Entry) -> tuple[tuple[str, str], ...]:
    """What the lock says beside, under the names of CycloneDX's property taxonomy where it has one."""
    table = entry.table
    flags = {
        "cdx:npm:package:bundled": table.get("inBundle") is True,
        "ci-guard:npm:install-script": table.get("hasInstallScript") is True,
        "ci-guard:npm:deprecated": isinstance(table.get("deprecated"), str),
    }
    found = [(key, "true") for key, on in flags.items() if on]
    if entry.path and not _is_local(entry):
        found.append(("cdx:npm:package:path", entry.path))
    return tuple(sorted(found))
