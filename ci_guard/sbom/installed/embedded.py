"""Bills of materials that lie in an image: CycloneDX and SPDX, JSON, where distributions and vendors put them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ci_guard.model.component import Component, Edge, Inventory
from ci_guard.model.errors import InputError
from ci_guard.sbom.images.tables import document, tables, text, texts
from ci_guard.sbom.installed.tree import FileTree, read_whole
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.purls import ecosystem_of

_PLACES = re.compile(
    r"(?:\A|/)var/lib/db/sbom/[^/]+\.json\Z"  # Wolfi, Chainguard, Alpine's melange
    r"|\Aopt/bitnami/(?:.+/)?\.spdx-[^/]+\.spdx\Z"
    r"|\.(?:cdx|spdx)\.json\Z"
)
_LIMIT = 32 * 1024 * 1024  # bytes of one document
_MOST = 100_000  # components of one document
_NOTHING = frozenset({"NOASSERTION", "NONE"})
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
            value = document(file.path, read_whole(tree, file.path, _LIMIT))
            found.append(read_document(tree, file.path, value))
        except InputError as error:
            unknown.add(f"bill of materials: {error}")
    return merge([*found, Inventory(unknown=tuple(sorted(unknown)))])


def read_document(tree: FileTree, path: str, value: dict[str, Any]) -> Inventory:
    """The components that a document at `path` names by a purl. Raises InputError for another kind of document."""
    if value.get("bomFormat") == "CycloneDX":
        listed = list(_cyclonedx(value))
        pairs = [
            (text(d, "ref"), needed) for d in tables(value.get("dependencies")) for needed in texts(d.get("dependsOn"))
        ]
    elif text(value, "spdxVersion").startswith("SPDX-2."):
        listed = list(_spdx(value))
        pairs = list(_spdx_edges(value))
    elif tables(value.get("@graph")):
        listed, pairs = list(_spdx_3(value)), []
    else:
        raise InputError(f"{path}: is neither CycloneDX nor SPDX")
    if len(listed) > _MOST:
        raise InputError(f"{path}: {len(listed)} components")
    components = {key: _component(tree, path, purl, name, version, said) for key, purl, name, version, said in listed}
    refs = {key: component.ref for key, component in components.items()}
    edges = {Edge(refs[a], refs[b]) for a, b in pairs if a in refs and b in refs and refs[a] != refs[b]}
    return Inventory(tuple(components.values()), tuple(sorted(edges)))


def _component(tree: FileTree, path: str, purl: str, name: str, version: str, licenses: tuple[str, ...]) -> Component:
    place = tree.place(path)
    layer = tree.layer(path)
    properties = [(FOUND_IN, path), *([("ci-guard:layer", layer)] if layer else [])]
    return Component(
        ref=purl,
        name=name,
        version=version,
        purl=purl,
        ecosystem=ecosystem_of(purl),
        licenses=licenses,
        locations=(place,),
        properties=tuple(sorted(properties)),
    )


_Entry = tuple[str, str, str, str, tuple[str, ...]]
"""Its key in the document, purl, name, version, licences."""


def _cyclonedx(value: dict[str, Any]) -> Iterator[_Entry]:
    """Components, those within components too."""
    pending = list(reversed(tables(value.get("components"))))
    while pending:
        entry = pending.pop()
        pending += reversed(tables(entry.get("components")))
        purl, name = text(entry, "purl"), text(entry, "name")
        if _is_purl(purl) and name:
            key = text(entry, "bom-ref") or purl
            yield key, purl, name, text(entry, "version"), tuple(_cyclonedx_licenses(entry))


def _cyclonedx_licenses(entry: dict[str, Any]) -> Iterator[str]:
    for stated in tables(entry.get("licenses")):
        said = text(stated, "expression") or text(stated, "license", "id") or text(stated, "license", "name")
        if said:
            yield said


def _spdx(value: dict[str, Any]) -> Iterator[_Entry]:
    for entry in tables(value.get("packages")):
        purls = [
            text(r, "referenceLocator") for r in tables(entry.get("externalRefs")) if r.get("referenceType") == "purl"
        ]
        purl, name = next(iter(purls), ""), text(entry, "name")
        if _is_purl(purl) and name:
            license_text = text(entry, "licenseDeclared")
            said = (license_text,) if license_text and license_text not in _NOTHING else ()
            yield text(entry, "SPDXID"), purl, name, text(entry, "versionInfo"), said


def _spdx_3(value: dict[str, Any]) -> Iterator[_Entry]:
    """The packages of SPDX 3; their relationships and licences are elements of their own, and left out."""
    for entry in tables(value["@graph"]):
        purl, name = text(entry, "software_packageUrl"), text(entry, "name")
        if entry.get("type") == "software_Package" and _is_purl(purl) and name:
            yield text(entry, "spdxId"), purl, name, text(entry, "software_packageVersion"), ()


def _spdx_edges(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for stated in tables(value.get("relationships")):
        one, kind, other = (text(stated, key) for key in ("spdxElementId", "relationshipType", "relatedSpdxElement"))
        if kind == "DEPENDS_ON":
            yield one, other
        elif kind == "DEPENDENCY_OF":
            yield other, one


def _is_purl(value: str) -> bool:
    return re.match(r"pkg:[a-z][a-z0-9.+-]*/[^\s/]", value) is not None and len(value) < 2_000


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
