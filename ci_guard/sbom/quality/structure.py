"""How a document hangs together: references that lead nowhere, that two components share, components nobody reaches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from ci_guard.sbom.quality.lack import Lack, named
from ci_guard.sbom.reading.bill import Bill, Stated

DANGLING, REPEATED, FLOATING = "sbom-dangling-reference", "sbom-repeated-reference", "sbom-component-floating"
RULES = frozenset({DANGLING, REPEATED, FLOATING})


def flaws(bill: Bill, wanted: Collection[str]) -> Iterator[Lack]:
    """Every rule among `wanted` that does not hold."""
    if DANGLING in wanted:
        for path, what, name in bill.dangling:
            yield Lack(DANGLING, bill.places.locate(path), {"what": what, "name": name[:200]}, key=name[:200])
    if REPEATED in wanted:
        yield from _repeated(bill)
    if FLOATING in wanted and bill.edges:  # without any edge that is one flaw of the document, not of each component
        reached = _reached(bill)
        for stated in bill.components:
            if stated.key not in reached:
                yield Lack(FLOATING, bill.place(stated), {"name": named(stated)}, stated)


def _repeated(bill: Bill) -> Iterator[Lack]:
    first: dict[str, Stated] = {}
    for stated in bill.components:
        other = first.setdefault(stated.key, stated)
        if other is not stated:
            region = bill.place(other).region
            values = {"name": stated.key[:200], "place": f"line {region.start_line}" if region else "another place"}
            yield Lack(REPEATED, bill.place(stated), values, stated, key=stated.key[:200])


def _reached(bill: Bill) -> set[str]:
    """What a way leads to from what the document describes; else from what nothing leads to."""
    below = defaultdict(list)
    for edge in bill.edges:
        below[edge.source].append(edge.target)
    needed = {edge.target for edge in bill.edges}
    pending = list(bill.subjects) or [key for key in below if key not in needed]
    reached = set(pending)
    while pending:
        for target in below[pending.pop()]:
            if target not in reached:
                reached.add(target)
                pending.append(target)
    return reached
