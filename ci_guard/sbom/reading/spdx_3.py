"""SPDX 3.0 JSON-LD as its own context compacts it: packages, the files they are shipped as, agents, relationships."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ci_guard.model.component import Distribution
from ci_guard.model.location import NodePath
from ci_guard.model.subject import Positions
from ci_guard.sbom.images.tables import tables, text, texts
from ci_guard.sbom.reading.bill import Bill, Party, Stated
from ci_guard.sbom.reading.values import bounded, component, hashes, is_purl, known_edges

_NEEDS = {
    "contains": "contains",
    "dependsOn": "depends-on",
    "hasDynamicLink": "depends-on",
    "hasOptionalComponent": "optional-depends-on",
    "hasOptionalDependency": "optional-depends-on",
    "hasPrerequisite": "depends-on",
    "hasProvidedDependency": "depends-on",
    "hasStaticLink": "depends-on",
}
_IDENTIFIERS = {
    "cpe22": "cpe",
    "cpe23": "cpe",
    "gitoid": "gitoid",
    "packageUrl": "purl",
    "swhid": "swhid",
    "swid": "swid",
}
_PEOPLE = {"Person": "person", "Organization": "organization"}
_FORMS = {"executable": ("executable", "executable"), "archive": ("archive", "archive")} | {
    "container": ("structured", "structured"),
    "firmware": ("structured", "unstructured"),
}
"""Additional purpose of a file -> BSI's property and its value."""

_ABSENT = {"executable": "non-executable", "archive": "no archive"}
"""What it says that the purpose of that name is not there (TR-03183-2, table 9)."""

_TERMS = "https://spdx.org/rdf/3."
"""The namespace of the specification itself: `NoneElement`, licences of the list."""


class _Graph:
    """The elements by identifier, and the relationships by type and source."""

    def __init__(self, listed: list[dict[str, Any]]) -> None:
        self.elements = {text(e, "spdxId") or text(e, "@id"): e for e in listed}
        self.relations = [e for e in listed if text(e, "relationshipType")]
        self._ends: dict[tuple[str, str], list[str]] = defaultdict(list)
        for relation in self.relations:
            self._ends[text(relation, "relationshipType"), text(relation, "from")] += texts(relation.get("to"))

    def of_type(self, *kinds: str) -> list[dict[str, Any]]:
        """All elements of some types, in the order of the text."""
        return [e for e in self.elements.values() if text(e, "type") in kinds]

    def related(self, key: str, kind: str) -> Iterator[dict[str, Any]]:
        """The elements to which relationships of a type lead."""
        return (self.elements[end] for end in self._ends.get((kind, key), ()) if end in self.elements)

    def parties(self, keys: list[str]) -> Iterator[Party]:
        """The persons and organisations of some identifiers; programs are none."""
        for key in keys:
            found = self.elements.get(key, {})
            kind = _PEOPLE.get(text(found, "type"), "")
            if kind:
                contacts = (text(i, "identifier") for i in tables(found.get("externalIdentifier")))
                yield Party(text(found, "name"), tuple(c for c in contacts if c), kind)


def read_spdx_3(path: str, value: dict[str, Any], places: Positions) -> Bill:
    """The document that `value` is. Raises RefusedError when it is too large."""
    listed: list[tuple[NodePath, dict[str, Any]]] = [
        (("@graph", n), e) for n, e in enumerate(value["@graph"]) if isinstance(e, dict)
    ]
    bounded(places, "@graph", len(listed))
    graph = _Graph([e for _, e in listed])
    components = tuple(_stated(e, where, graph) for where, e in listed if text(e, "type") == "software_Package")
    documents = graph.of_type("SpdxDocument")
    boms = graph.of_type("software_Sbom", "Bom")
    infos = graph.of_type("CreationInfo")
    keys = {c.key for c in components}
    return Bill(
        path=path,
        format="SPDX",
        version=next((text(i, "specVersion") for i in infos if text(i, "specVersion")), "3.0"),
        value=value,
        places=places,
        components=components,
        subjects=tuple(sorted({root for d in (*documents, *boms) for root in texts(d.get("rootElement"))} & keys)),
        edges=known_edges(_edges(graph), keys | {text(f, "spdxId") for f in graph.of_type("software_File")}),
        graded=frozenset(text(r, "from") for r in graph.relations if text(r, "completeness")),
        dangling=tuple(_dangling(listed, graph)),
        identifier=next((text(d, "spdxId") for d in documents), ""),
        created=next((text(i, "created") for i in infos), ""),
        authors=tuple(graph.parties([key for i in infos for key in texts(i.get("createdBy"))])),
        tools=tuple(text(graph.elements.get(key, {}), "name") for i in infos for key in texts(i.get("createdUsing"))),
        contexts=tuple(kind for d in boms for kind in texts(d.get("software_sbomType"))),
    )


def _stated(entry: dict[str, Any], path: NodePath, graph: _Graph) -> Stated:
    key = text(entry, "spdxId") or "/".join(str(part) for part in path)
    declared, concluded = (
        tuple(_expressions(graph, key, kind)) for kind in ("hasDeclaredLicense", "hasConcludedLicense")
    )
    identifiers = _identified(entry)
    files = list(graph.related(key, "hasDistributionArtifact"))
    return Stated(
        key=key,
        path=path,
        component=component(
            key,
            name=text(entry, "name"),
            version=text(entry, "software_packageVersion"),
            kind=text(entry, "software_primaryPurpose") or "library",
            purl=next((said for kind, said in identifiers if kind == "purl" and is_purl(said)), ""),
            licenses=declared or concluded,
            digests=_hashes(entry),
            files=tuple(Distribution(_link(f), text(f, "name"), _hashes(f)) for f in files),
            properties=list(_forms(files)),
        ),
        supplier=next(graph.parties([text(entry, "suppliedBy")]), Party()),
        producers=tuple(graph.parties(texts(entry.get("originatedBy")))),
        identifiers=identifiers,
        declared=declared,
        concluded=concluded,
        filename=next((text(f, "name") for f in files if text(f, "name").strip()), ""),
    )


def _hashes(entry: dict[str, Any]) -> Any:
    return hashes((text(h, "algorithm"), text(h, "hashValue")) for h in tables(entry.get("verifiedUsing")))


def _link(file: dict[str, Any]) -> str:
    links = (place for ref in tables(file.get("externalRef")) for place in texts(ref.get("locator")))
    return next(links, "")


def _identified(entry: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Every identifier once, a purl of the package's own field first."""
    given = [("packageUrl", text(entry, "software_packageUrl"))]
    given += [
        (text(i, "externalIdentifierType"), text(i, "identifier")) for i in tables(entry.get("externalIdentifier"))
    ]
    return tuple(dict.fromkeys((_IDENTIFIERS[kind], said) for kind, said in given if kind in _IDENTIFIERS and said))


def _expressions(graph: _Graph, key: str, kind: str) -> Iterator[str]:
    for licence in graph.related(key, kind):
        said = text(licence, "simplelicensing_licenseExpression") or text(licence, "name")
        if said:
            yield said


def _forms(files: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """What BSI asks of the first file: two of the three are said by leaving them out."""
    for file in files[:1]:
        said = dict(_FORMS[p] for p in texts(file.get("software_additionalPurpose")) if p in _FORMS)
        yield from ((f"bsi:component:{name}", value) for name, value in sorted((_ABSENT | said).items()))


def _edges(graph: _Graph) -> Iterator[tuple[str, str, str]]:
    for relation in graph.relations:
        kind = _NEEDS.get(text(relation, "relationshipType"))
        if kind is not None:
            yield from ((text(relation, "from"), target, kind) for target in texts(relation.get("to")))


def _dangling(listed: list[tuple[NodePath, dict[str, Any]]], graph: _Graph) -> Iterator[tuple[NodePath, str, str]]:
    """Ends of relationships that are no element of this document and that it does not import either."""
    imported = {text(m, "externalSpdxId") for d in graph.of_type("SpdxDocument") for m in tables(d.get("import"))}
    for path, element in listed:
        for ref in (text(element, "from"), *texts(element.get("to"))) if text(element, "relationshipType") else ():
            if ref and ref not in graph.elements and ref not in imported and not ref.startswith(_TERMS):
                yield path, "a relationship", ref
