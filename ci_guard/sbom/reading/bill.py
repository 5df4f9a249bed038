"""What a bill of materials says, whatever its format: of itself, of each component, and of how they hang together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.model.component import Component, Edge, Inventory
from ci_guard.model.errors import CiGuardError
from ci_guard.model.location import Location, NodePath
from ci_guard.model.record import field, record
from ci_guard.model.subject import Positions
from ci_guard.sbom.inventory import merge

MOST = 500_000
"""Components, and edges, of one document."""

NO_VALUE = frozenset({"", "NOASSERTION", "NONE"})


class RefusedError(CiGuardError):
    """A document that is not read, and where it goes wrong; never leaves this room."""

    def __init__(self, location: Location, reason: str) -> None:
        self.location = location
        self.reason = reason
        super().__init__(reason)


@record
class Party:
    """A person or an organisation: `name`, e-mail addresses and URLs; `kind` is `person`, `organization` or ""."""

    name: str = ""
    contacts: tuple[str, ...] = ()
    kind: str = ""

    def __bool__(self) -> bool:
        return bool(self.name or self.contacts)


@record
class Stated:
    """One component as a document states it.

    `key` is its bom-ref or SPDXID (its path where it has none), `path` where it stands. `supplier` delivers it,
    `producers` made it. `identifiers` are (kind, value): `purl`, `cpe`, `swid`, `swhid`, `gitoid`. `declared` and
    `concluded` are licences; those of a document that does not tell them apart are declared.
    """

    key: str
    path: NodePath
    component: Component
    supplier: Party = Party()
    producers: tuple[Party, ...] = ()
    identifiers: tuple[tuple[str, str], ...] = ()
    declared: tuple[str, ...] = ()
    concluded: tuple[str, ...] = ()
    filename: str = ""


@record
class Flaw:
    """Something that the format itself forbids: where, and what in words."""

    location: Location
    reason: str


@record
class Bill:
    """One document.

    `edges` are by `Stated.key`; in SPDX some lead over files, which are no components. `subjects` are the keys of what
    it describes, `graded` those of which it says whether their dependencies are complete. `dangling` are references to
    nothing: path, what it is, the reference. `contexts` say when in the life of the software it was made. `value` is
    plain data, as the format's JSON has it.
    """

    path: str
    format: str
    version: str
    value: dict[str, Any]
    places: Positions
    components: tuple[Stated, ...] = ()
    subjects: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = ()
    graded: frozenset[str] = frozenset()
    dangling: tuple[tuple[NodePath, str, str], ...] = ()
    identifier: str = ""
    created: str = ""
    authors: tuple[Party, ...] = ()
    tools: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    flaws: tuple[Flaw, ...] = field(default_factory=tuple)

    @property
    def name(self) -> str:
        """The format as people say it."""
        return f"{self.format} {self.version}"

    def place(self, stated: Stated) -> Location:
        """Where a component stands: its name."""
        return self.places.locate(stated.path if isinstance(stated.path[-1], int) else (*stated.path, "name"))

    def described(self) -> Iterator[Stated]:
        """What the document is about."""
        return (stated for stated in self.components if stated.key in self.subjects)

    def inventory(self) -> Inventory:
        """What it lists, by purl: entries with one purl folded, those without one and what CycloneDX's metadata
        describe left out.
        """
        kept = {s.key: s.component for s in self.components if s.component.purl and s.path[0] != "metadata"}
        edges = {
            Edge(kept[e.source].ref, kept[e.target].ref, e.kind)
            for e in self.edges
            if e.source in kept and e.target in kept
        }
        return merge([Inventory(tuple(kept.values()), tuple(sorted(edges)))])
