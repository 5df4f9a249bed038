"""Many inventories become one: entries that are the same package are folded, and nothing depends on the order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ci_guard.model.component import Component, Distribution, Edge, Inventory
from ci_guard.model.location import Location
from ci_guard.model.record import replace

_SCOPES = ("required", "optional", "dev", "")


def merge(inventories: Iterable[Inventory]) -> Inventory:
    """One inventory: components with one purl become one, with all their places, files, hashes and edges.

    A folded component is complete only if each of its entries was; its scope is the strongest; a marker that not all
    entries have says nothing about the whole and goes.
    """
    given = list(inventories)
    groups: dict[str, list[Component]] = defaultdict(list)
    refs: dict[str, str] = {}
    for inventory in given:
        for component in inventory.components:
            refs[component.ref] = component.purl or component.ref
            groups[refs[component.ref]].append(component)
    complete = {ref for inventory in given for ref in inventory.complete}
    edges = {
        Edge(refs[e.source], refs[e.target], e.kind)
        for i in given
        for e in i.edges
        if e.source in refs and e.target in refs
    }
    return Inventory(
        components=tuple(_fold(ref, groups[ref]) for ref in sorted(groups)),
        edges=tuple(sorted(e for e in edges if e.source != e.target)),
        roots=tuple(sorted({refs[r] for i in given for r in i.roots if r in refs})),
        complete=frozenset(ref for ref, entries in groups.items() if all(c.ref in complete for c in entries)),
        unknown=tuple(sorted({text for inventory in given for text in inventory.unknown})),
    )


def described(inventory: Inventory) -> Component | None:
    """The component that all of it is about: the operating system, the image or the one project; None without one."""
    refs = set(inventory.roots)
    roots = [c for c in inventory.components if c.ref in refs]
    systems = [c for c in roots if c.type == "operating-system"]
    if len(systems) == 1:
        return systems[0]
    only = roots[0] if len(roots) == 1 else None
    own = only is not None and (only.installed or only.type == "container" or only.source == "workspace")
    return only if own else None


def _fold(ref: str, entries: list[Component]) -> Component:
    if len(entries) == 1:
        only = entries[0]
        return replace(
            only,
            ref=ref,
            hashes=tuple(sorted(set(only.hashes))),
            distributions=_sorted_files(only.distributions),
            properties=tuple(sorted(set(only.properties))),
        )
    first = min(entries, key=lambda c: (not c.ecosystem, c.name, c.type, not c.source, c.source, c.source_url))
    markers = {c.markers for c in entries}
    return replace(
        first,
        ref=ref,
        scope=min((c.scope for c in entries), key=_SCOPES.index),
        markers=markers.pop() if len(markers) == 1 else "",
        hashes=tuple(sorted({h for c in entries for h in c.hashes})),
        distributions=_sorted_files({d for c in entries for d in c.distributions}),
        licenses=tuple(sorted({text for c in entries for text in c.licenses})),
        locations=tuple(sorted({place for c in entries for place in c.locations}, key=place_key)),
        properties=tuple(sorted({pair for c in entries for pair in c.properties})),
        copyright="\n".join(sorted({line for c in entries for line in c.copyright.splitlines()})),
        installed=any(c.installed for c in entries),
    )


def _sorted_files(files: Iterable[Distribution]) -> tuple[Distribution, ...]:
    return tuple(sorted(set(files), key=lambda d: (d.url, d.filename, d.hashes)))


def place_key(location: Location) -> tuple[object, ...]:
    """Order of locations: path, then line and column."""
    region = location.region
    return (location.path, region.start_line if region else 0, region.start_column if region else 0)
