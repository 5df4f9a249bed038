"""A Helm chart's `Chart.yaml` with the `Chart.lock` beside it: the charts that it pulls in.

`Chart.yaml` says what is asked for, `Chart.lock` what that came to. Neither holds a hash of a chart; the lock holds a
digest over both lists, which tells whether they still belong together. Charts of API version v1 keep the lists in
`requirements.yaml` and `requirements.lock`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from ci_guard.model.component import Component, Edge
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record
from ci_guard.sbom.lockfiles.chart_digest import lock_digest, old_digest
from ci_guard.sbom.lockfiles.lines import Refs
from ci_guard.sbom.lockfiles.lock import Drift, Lock, LockError, list_of, local_ref, only_table, refuse, text_of
from ci_guard.source.document import Document, Unreadable

FORMAT = "Chart.yaml"
ECOSYSTEM = "Helm"

_EXACT = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_MOST = 1_000  # dependencies of one chart


@record(frozen=False)
class _List:
    """A list of dependencies as one file has it; entries that are none are in `broken`."""

    document: Document
    value: dict[str, Any]
    entries: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    broken: list[Unreadable] = field(default_factory=list)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """The chart's dependencies, each with the version that is locked for it. Raises LockError."""
    document, chart = only_table(path, data, "kubernetes")
    folder = posixpath.dirname(path)
    asked = _dependencies(document, chart)
    name, version = text_of(chart, "name") or path, _text(chart.get("version"))
    locked, broken = _beside(posixpath.join(folder, "Chart.lock"), beside)
    if not asked.entries and not asked.broken:
        old, more = _beside(posixpath.join(folder, "requirements.yaml"), beside)
        broken += more
        if old is not None:
            asked = old
            locked, more = _beside(posixpath.join(folder, "requirements.lock"), beside)
            broken += more
    return _Reader(path, name, version, asked, locked, document).lock([*asked.broken, *broken])


def _beside(path: str, beside: ReadBytes) -> tuple[_List | None, list[Unreadable]]:
    data = beside(path)
    if data is None:
        return None, []
    try:
        found = _dependencies(*only_table(path, data, "kubernetes"))
    except LockError as error:
        return None, [error.unreadable]
    return found, found.broken


def _dependencies(document: Document, table: dict[str, Any]) -> _List:
    """The list at `dependencies`. Raises LockError when it is none."""
    found = _List(document, table)
    if not isinstance(table.get("dependencies", []), list):
        raise refuse(document, ("dependencies",), "`dependencies` is no list")
    for index, entry in enumerate(list_of(table, "dependencies")[:_MOST]):
        if isinstance(entry, dict) and text_of(entry, "name"):
            found.entries.append((index, {**entry, "version": _text(entry.get("version"))}))
        else:
            where = document.locate(("dependencies", index))
            found.broken.append(Unreadable(document.path, where, "a dependency without a name"))
    return found


def _text(value: object) -> str:
    """A version as Helm reads it: a number without quotes counts as its digits."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if isinstance(value, str) else str(value) if number else ""


class _Reader:
    """One chart."""

    def __init__(
        self, path: str, name: str, version: str, asked: _List, locked: _List | None, document: Document
    ) -> None:
        self.path = path
        self.asked = asked
        self.locked = locked
        self.refs = Refs(path)
        self.root = Component(
            ref=local_ref(ECOSYSTEM, path, ".", name),
            name=name,
            version=version,
            type="application",
            ecosystem=ECOSYSTEM,
            source="workspace",
            source_url=".",
            locations=(document.locate(("name",)),),
        )

    def lock(self, broken: list[Unreadable]) -> Lock:
        """The chart with what it pulls in."""
        components = [self._component(place, index, entry) for place, (index, entry) in enumerate(self.asked.entries)]
        every = list(dict.fromkeys(broken))
        unknown = [f"{self.path}: what its charts pull in themselves was not looked at"] if components else []
        return Lock(
            components=(self.root, *components),
            edges=tuple(sorted({Edge(self.root.ref, c.ref) for c in components})),
            roots=(self.root.ref,),
            complete=frozenset() if every else frozenset({self.root.ref}),
            unknown=(*unknown, *(f"{b.path}: {b.reason}" for b in every)),
            path=self.path,
            format=FORMAT,
            broken=tuple(every),
            hashless="Helm has no room for hashes of charts",
            roomless=True,
            drift=self._drift() if self.locked is not None and not every else (),
        )

    def _component(self, place: int, index: int, entry: Mapping[str, Any]) -> Component:
        requested, repository = text_of(entry, "version"), text_of(entry, "repository")
        found = self._locked(place, text_of(entry, "name"))
        version = text_of(found[1], "version") if found else ""
        version = version or (requested if _EXACT.match(requested) else "")
        local = not repository or repository.startswith("file:")
        where = [self.asked.document.locate(("dependencies", index, "name"))]
        if found and self.locked is not None:
            where.append(self.locked.document.locate(("dependencies", found[0], "name")))
        return Component(
            ref=self.refs.new(text_of(entry, "name"), version),
            name=text_of(entry, "name"),
            version=version,
            ecosystem=ECOSYSTEM,
            source="path" if local else "registry",
            source_url=repository,
            scope="optional" if entry.get("condition") or entry.get("tags") else "required",
            locations=tuple(where),
            properties=(("ci-guard:helm:specifier", requested),) if requested != version else (),
        )

    def _locked(self, place: int, name: str) -> tuple[int, dict[str, Any]] | None:
        """The lock's entry: the one at the same place, as Helm writes them, if it is of that name."""
        entries = self.locked.entries if self.locked is not None else []
        same = [e for e in entries if text_of(e[1], "name") == name]
        at = entries[place] if place < len(entries) else None
        return at if at in same else same[0] if same else None

    def _drift(self) -> tuple[Drift, ...]:
        locked = self.locked
        if locked is None:
            return ()
        written = text_of(locked.value, "digest")
        asked, held = [e for _, e in self.asked.entries], [e for _, e in locked.entries]
        if written in {lock_digest(asked, held), old_digest(asked)}:
            return ()
        names = "is missing" if not written else "is none" if not _DIGEST.match(written) else "is another"
        where = locked.document.locate(("digest",) if written else ("dependencies",))
        manifest = posixpath.basename(self.asked.document.path)
        reason = f"its digest {names}: {manifest} changed since, or the lock was edited by hand"
        return (Drift(where, posixpath.basename(locked.document.path), reason),)
