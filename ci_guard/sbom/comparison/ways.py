"""The way on which a component comes in: the shortest from what is described, by names."""

from __future__ import annotations

from collections import defaultdict, deque

from ci_guard.sbom.comparison.side import Side

_LONGEST = 6  # components of a way that are named


class Ways:
    """Shortest ways of one side, found once for all components."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._before: dict[str, str] = dict.fromkeys(side.starts, "")
        self._first: dict[str, str] = {}
        below: dict[str, list[str]] = defaultdict(list)
        for edge in side.edges:
            below[edge.source].append(edge.target)
        pending = deque(sorted(side.starts))
        while pending:
            here = pending.popleft()
            for target in sorted(below[here]):
                if target not in self._before:
                    self._before[target] = here
                    self._first[target] = self._first.get(here, "") or (target if target in side.components else "")
                    pending.append(target)

    def known(self, key: str) -> bool:
        """Whether any way leads to the component."""
        return key in self._before

    def to(self, key: str) -> tuple[str, ...]:
        """Who brings it in, from the direct dependency on, the middle of a long way left out.

        Nobody for a direct dependency, and where no way is known.
        """
        steps: list[str] = []
        here = self._before.get(key, "")
        while here in self._first and len(steps) < _LONGEST:
            steps += self._named(here)
            here = self._before[here]
        if first := self._first.get(here, ""):
            steps += ["…", *self._named(first)]
        return tuple(reversed(steps))

    def _named(self, key: str) -> list[str]:
        """A component by name and version; a file on the way is nobody."""
        component = self._side.components.get(key)
        return [f"{component.name} {component.version}".strip()] if component else []
