"""What a parser collects while it reads a lock, and how that becomes a `Lock`."""

from __future__ import annotations

from collections.abc import Iterable

from ci_guard.model.component import Component, Edge
from ci_guard.model.location import Location
from ci_guard.model.record import field, record, replace
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.sbom.lockfiles.reach import conditions, scopes
from ci_guard.source.document import Unreadable


@record(frozen=False)
class Assembly:
    """The entries of one lock by ref, with who needs whom (and under which marker), in the order of the lock."""

    path: str
    format: str
    components: dict[str, Component] = field(default_factory=dict)
    pairs: list[tuple[Edge, str]] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    broken: list[Unreadable] = field(default_factory=list)
    incomplete: set[str] = field(default_factory=set)
    _unknown: set[str] = field(default_factory=set)

    def add(self, component: Component) -> str:
        """Take an entry in; its ref, told apart from an equal one by a number."""
        ref, count = component.ref, 1
        while ref in self.components:
            count += 1
            ref = f"{component.ref}+{count}"
        self.components[ref] = component if ref == component.ref else replace(component, ref=ref)
        return ref

    def need(self, source: str, target: str, kind: str = "depends-on", marker: str = "") -> None:
        """`source` needs `target`; a package that needs itself with an extra is no edge."""
        if source != target:
            self.pairs.append((Edge(source, target, kind), marker))

    def lacks(self, source: str, name: str) -> None:
        """`source` needs something that is not in the lock."""
        self.incomplete.add(source)
        self.note(f"{self.components[source].name} needs {name}, which is not locked")

    def note(self, text: str) -> None:
        """Something that the lock does not tell."""
        self._unknown.add(f"{self.path}: {text}")

    def refuse(self, place: Location, reason: str) -> None:
        """An entry that cannot be read; the others still count."""
        self.broken.append(Unreadable(self.path, place, reason))

    def unneeded(self) -> list[str]:
        """The entries that nobody needs and that are no roots."""
        needed = {edge.target for edge, _ in self.pairs}
        return [ref for ref in self.components if ref not in needed and ref not in self.roots]

    def scope_by_reach(self) -> None:
        """Give every entry the scope in which the roots reach it; unknown where they do not."""
        found = scopes(self.roots, (edge for edge, _ in self.pairs))
        for ref, component in self.components.items():
            self.components[ref] = replace(component, scope=found.get(ref, ""))

    def mark_by_reach(self) -> None:
        """Give every entry the condition under which somebody needs it, where it states none itself."""
        found = conditions(self.pairs)
        for ref, component in self.components.items():
            if not component.markers and ref in found:
                self.components[ref] = replace(component, markers=found[ref])

    def lock(self, includes: Iterable[tuple[str, int]] = ()) -> Lock:
        """All of it."""
        return Lock(
            components=tuple(self.components.values()),
            edges=tuple(sorted({edge for edge, _ in self.pairs})),
            roots=tuple(sorted(self.roots)),
            complete=frozenset(self.components) - self.incomplete,
            unknown=(*sorted(self._unknown), *(f"{b.path}: {b.reason}" for b in self.broken)),
            path=self.path,
            format=self.format,
            broken=tuple(self.broken),
            includes=tuple(includes),
        )
