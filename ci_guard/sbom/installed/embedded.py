"""Bills of materials that lie in an image, where distributions and vendors put them."""

from __future__ import annotations

import re

from ci_guard.model.component import Edge, Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.record import replace
from ci_guard.sbom.installed.tree import FileTree, read_whole
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.reading import read_bill
from ci_guard.source.document import Unreadable

_PLACES = re.compile(
    r"(?:\A|/)var/lib/db/sbom/[^/]+\.json\Z"  # Wolfi, Chainguard, Alpine's melange
    r"|\Aopt/bitnami/(?:.+/)?\.spdx-[^/]+\.spdx\Z"
    r"|\.(?:cdx|spdx)\.json\Z"
)
_LIMIT = 32 * 1024 * 1024  # bytes of one document
STATED = "embedded"  # this module, among the catalogers
FOUND_IN = "ci-guard:stated-by"


def catalogue(tree: FileTree) -> Inventory:
    """Every component that a document in the tree names by a purl. PEP 770 documents belong to their Python package."""
    unknown: set[str] = set()
    found: list[Inventory] = []
    for file in tree.files():
        if not _PLACES.search(file.path) or ".dist-info/" in file.path:
            continue
        try:
            found.append(read_document(tree, file.path))
        except InputError as error:
            unknown.add(f"bill of materials: {error}")
    return merge([*found, Inventory(unknown=tuple(sorted(unknown)))])


def read_document(tree: FileTree, path: str) -> Inventory:
    """The components that the document at `path` names by a purl. Raises InputError for another kind of document."""
    bill = read_bill(path, read_whole(tree, path, _LIMIT))
    if isinstance(bill, Unreadable):
        raise InputError(f"{path}: {bill.reason}")
    stated = bill.inventory()
    layer = tree.layer(path)
    said = tuple(sorted([(FOUND_IN, path), *([("ci-guard:layer", layer)] if layer else [])]))
    place = (tree.place(path),)
    listed = tuple(replace(c, scope="required", locations=place, properties=said) for c in stated.components)
    edges = {Edge(e.source, e.target) for e in stated.edges if e.kind == "depends-on"}
    return Inventory(listed, tuple(sorted(edges)))


def bare(purl: str) -> str:
    """A purl without qualifiers: what two sources must share to speak of one package."""
    return purl.partition("#")[0].partition("?")[0]


def without_known(stated: Inventory, known: Inventory) -> Inventory:
    """`stated` without the packages that a package manager's own database already has, edges led to those."""
    there = {bare(c.purl): c.ref for c in known.components if c.purl}
    refs = {c.ref: there.get(bare(c.purl), c.ref) for c in stated.components}
    kept = tuple(c for c in stated.components if refs[c.ref] == c.ref)
    edges = {Edge(refs[e.source], refs[e.target], e.kind) for e in stated.edges}
    whole = frozenset(c.ref for c in kept) & stated.complete
    return Inventory(kept, tuple(sorted(e for e in edges if e.source != e.target)), (), whole, stated.unknown)
