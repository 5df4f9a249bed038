"""Who needs whom among installed packages: names offered, names wanted, and whose wants were all met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ci_guard.model.component import Edge


class Wants(NamedTuple):
    """What one package offers and needs. A need is a list of alternatives; `kind` (an architecture) is preferred."""

    ref: str
    kind: str
    offers: frozenset[str]
    needs: tuple[tuple[str, ...], ...]


def resolve_needs(packages: Sequence[Wants]) -> tuple[set[Edge], frozenset[str]]:
    """The edges, and the refs of those packages all of whose needs are installed."""
    offered: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for package in packages:
        for name in package.offers:
            offered[name].append((package.kind, package.ref))
    edges: set[Edge] = set()
    whole: set[str] = set()
    for package in packages:
        found = [_met(offered, need, package.kind) for need in package.needs]
        edges |= {Edge(package.ref, ref) for refs in found for ref in refs if ref != package.ref}
        if all(found):
            whole.add(package.ref)
    return edges, frozenset(whole)


def _met(offered: dict[str, list[tuple[str, str]]], names: Iterable[str], kind: str) -> list[str]:
    """Who meets a need: the first alternative that is there; of several architectures that of the package itself."""
    for name in names:
        if found := offered.get(name):
            same = sorted({ref for own, ref in found if own in (kind, "all", "noarch")})
            return same or sorted({ref for _, ref in found})
    return []
