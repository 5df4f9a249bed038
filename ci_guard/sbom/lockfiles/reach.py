"""Why an entry is there: the strongest way from a root to it, and the condition under which anybody needs it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ci_guard.model.component import Edge

_REACH = {"depends-on": "required", "optional-depends-on": "optional", "dev-depends-on": "dev"}


def scopes(roots: Iterable[str], edges: Iterable[Edge]) -> dict[str, str]:
    """Ref -> the strongest reason why it is there: required, else optional (an extra), else dev (a group)."""
    needs: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        needs[edge.source].append(edge)
    found = dict.fromkeys(roots, "required")
    starting = list(found)
    for kind, scope in _REACH.items():
        starts = [e.target for root in starting for e in needs[root] if e.kind == kind and e.target not in found]
        while starts:
            ref = starts.pop()
            if ref not in found:
                found[ref] = scope
                # Below the root an extra is locked only because somebody asked for it.
                starts += [e.target for e in needs[ref]]
    return found


def conditions(edges: Iterable[tuple[Edge, str]]) -> dict[str, str]:
    """Ref -> the marker under which anybody needs it; absent when somebody needs it always."""
    markers: dict[str, set[str]] = defaultdict(set)
    for edge, marker in edges:
        markers[edge.target].add(marker)
    return {
        ref: " or ".join(f"({m})" if len(given) > 1 else m for m in sorted(given))
        for ref, given in markers.items()
        if "" not in given
    }
