"""Packages and what advisories say of them, as facts that rules judge, each at the line of its lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ci_guard.advisories.matching import Match
from ci_guard.model.component import Component, Inventory
from ci_guard.model.location import FieldPath, Flow, Location, NodePath
from ci_guard.model.record import record
from ci_guard.model.subject import Subject, SubjectId

_SHOWN: Final = 6  # other names of an advisory in a message


@record(frozen=False)
class PackagePosition:
    """The positions of a package (`subject.Positions`): whatever is asked for, it is the line that locks it."""

    path: str
    place: Location

    def locate(self, path: NodePath, *, key: bool = False) -> Location:  # noqa: ARG002
        """The line of the lock."""
        return self.place

    def exists(self, path: NodePath) -> bool:
        """Only the package itself is there."""
        return not path

    def field_path(self, path: NodePath) -> FieldPath:  # noqa: ARG002
        """None: the advisory's id is the finding's key, and its index among others means nothing."""
        return ""


def subject(component: Component, place: Location, matches: Sequence[Match], why: Sequence[Component]) -> Subject:
    """A package and its advisories. `why` is the way from the direct dependency to it, both included."""
    names = [c.name for c in why]
    facts = {
        "name": component.name,
        "version": component.version,
        "ecosystem": component.ecosystem,
        "purl": component.purl,
        "scope": component.scope,
        "direct": len(why) < 2,
        "via": " > ".join(names[:-1]),
        "matches": [match_facts(m, names) for m in matches],
    }
    return Subject(
        each="advisory-match",
        id=SubjectId(kind="component", name=component.purl or component.ref),
        path=(),
        document=PackagePosition(place.path, place),
        variables={"advisory": facts},
        match={"ecosystem": component.ecosystem},
    )


def match_facts(found: Match, why: Sequence[str] = ()) -> dict[str, Any]:
    """One advisory: plain values only, and every key always there. `told` says what to do and how it came in."""
    others = ", ".join(found.ids[1 : _SHOWN + 1]) + (" …" if len(found.ids) > _SHOWN + 1 else "")
    told = [f"fixed in {found.fixed}" if found.fixed else "no fixed version is known"]
    told += ["known to be exploited"] if found.exploited else []
    told += [f"EPSS {found.probability:.0%}"] if found.probability >= 0.005 else []
    told += [f"comes with {' > '.join(why[:-1])}"] if len(why) > 1 else []
    return {
        "id": found.id,
        "names": found.id + (f" ({others})" if others else ""),
        "kind": found.kind,
        "severity": str(found.severity),
        "score": found.score,
        "summary": found.summary,
        "fixed": found.fixed,
        "fixable": bool(found.fixed),
        "exploited": found.exploited,
        "probability": found.probability,
        "told": "; ".join(told),
    }


class Ways:
    """How each component of an inventory came in: the shortest way from what the project asks for itself."""

    def __init__(self, inventory: Inventory) -> None:
        self._by_ref: Mapping[str, Component] = {c.ref: c for c in inventory.components}
        self._from: dict[str, str] = dict.fromkeys(inventory.roots, "")
        targets: dict[str, list[str]] = {}
        for edge in inventory.edges:
            targets.setdefault(edge.source, []).append(edge.target)
        pending = deque(inventory.roots)
        while pending:
            ref = pending.popleft()
            for target in targets.get(ref, ()):
                if target not in self._from:
                    self._from[target] = ref
                    pending.append(target)

    def to(self, component: Component) -> list[Component]:
        """The packages from the direct dependency down to `component`; only itself when the way is not known."""
        way, ref = [component], self._from.get(component.ref, "")
        while ref and ref in self._by_ref:
            parent = self._by_ref[ref]
            if parent.source != "workspace" and parent.type != "file":
                way.append(parent)
            ref = self._from.get(ref, "")
        return way[::-1]


def flow(way: Sequence[Component]) -> tuple[Flow, ...]:
    """The same as steps on the lock's lines; nothing for what the project asks for itself."""
    steps = [
        Location(
            place.path,
            place.region,
            place.snippet,
            f"{c.name} {c.version} {'is affected' if c is way[-1] else 'requires the next'}",
        )
        for c in way
        if (place := c.locations[0] if c.locations else None) is not None
    ]
    return (Flow(tuple(steps)),) if len(steps) > 1 else ()
