"""One side of a comparison: the components of a document or of a repository, and how they hang together."""

from __future__ import annotations

from collections.abc import Callable

from ci_guard.model.component import Component, Edge, Inventory
from ci_guard.model.location import Location
from ci_guard.model.record import record, replace
from ci_guard.sbom.reading.bill import Bill


@record
class Side:
    """`components` by a key that `edges` use; `starts` are the keys from which ways begin, no components among them.

    `form` says what it was read from, in words. `place` gives the line of a component.
    """

    path: str
    form: str
    components: dict[str, Component]
    edges: tuple[Edge, ...]
    starts: tuple[str, ...]
    place: Callable[[str], Location]


def of_bill(bill: Bill) -> Side:
    """A document. What it describes is not part of what is compared."""
    stated = {s.key: s for s in bill.components}
    starts = bill.subjects or tuple(sorted(stated.keys() - {edge.target for edge in bill.edges}))
    return Side(
        path=bill.path,
        form=bill.name,
        components={key: s.component for key, s in stated.items() if key not in bill.subjects},
        edges=bill.edges,
        starts=starts,
        place=lambda key: bill.place(stated[key]),
    )


def of_inventory(path: str, inventory: Inventory) -> Side:
    """What a repository locks and deploys; places are those of the locks."""
    components = {c.ref: c for c in inventory.components}

    def place(key: str) -> Location:
        inside = next(iter(components[key].locations), None)
        if inside is None or path == ".":
            return inside or Location(path)
        return replace(inside, path=f"{path}/{inside.path}")

    return Side(path, "repository", components, inventory.edges, inventory.roots, place)
