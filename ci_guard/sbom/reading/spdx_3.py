"""SPDX 3.0 JSON-LD, as far as a list of packages goes: names, purls, hashes, `dependsOn` and `contains`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.model.subject import Positions
from ci_guard.sbom.images.tables import tables, text, texts
from ci_guard.sbom.reading.bill import Bill, Party, Stated
from ci_guard.sbom.reading.values import bounded, component, hashes, is_purl, known_edges

_KINDS = {"dependsOn": "depends-on", "contains": "contains"}


def read_spdx_3(path: str, value: dict[str, Any], places: Positions) -> Bill:
    """The document that `value` is. Raises RefusedError when it is too large."""
    graph = [(("@graph", n), e) for n, e in enumerate(value["@graph"]) if isinstance(e, dict)]
    elements = {text(e, "spdxId"): e for _, e in graph}
    packages = [(where, e) for where, e in graph if e.get("type") == "software_Package"]
    bounded(places, "@graph", len(graph))
    components = tuple(_stated(entry, where, elements) for where, entry in packages)
    relations = [e for _, e in graph if text(e, "type") in {"Relationship", "LifecycleScopedRelationship"}]
    documents = [e for _, e in graph if text(e, "type") in {"SpdxDocument", "software_Sbom"}]
    infos = [e for _, e in graph if e.get("type") == "CreationInfo"]
    keys = {c.key for c in components}
    return Bill(
        path=path,
        format="SPDX",
        version=next((text(i, "specVersion") for i in infos if text(i, "specVersion")), "3.0"),
        value=value,
        places=places,
        components=components,
        subjects=tuple(sorted({r for d in documents for r in texts(d.get("rootElement"))} & keys)),
        edges=known_edges(_edges(relations), keys),
        graded=frozenset(text(r, "from") for r in relations if text(r, "completeness")),
        identifier=next((text(d, "spdxId") for d in documents), ""),
        created=next((text(i, "created") for i in infos), ""),
        authors=tuple(_parties(elements, [w for i in infos for w in texts(i.get("createdBy"))])),
        tools=tuple(text(elements.get(w, {}), "name") for i in infos for w in texts(i.get("createdUsing"))),
        contexts=tuple(kind for d in documents for kind in texts(d.get("software_sbomType"))),
    )


def _stated(entry: dict[str, Any], path: NodePath, elements: dict[str, dict[str, Any]]) -> Stated:
    purl, key = text(entry, "software_packageUrl"), text(entry, "spdxId")
    digests = hashes((text(h, "algorithm"), text(h, "hashValue")) for h in tables(entry.get("verifiedUsing")))
    supplier = next(_parties(elements, [text(entry, "suppliedBy")]), Party())
    return Stated(
        key=key or "/".join(str(part) for part in path),
        path=path,
        component=component(
            key,
            name=text(entry, "name"),
            version=text(entry, "software_packageVersion"),
            kind=text(entry, "software_primaryPurpose") or "library",
            purl=purl if is_purl(purl) else "",
            licenses=(),
            digests=digests,
        ),
        supplier=supplier,
        producers=tuple(_parties(elements, texts(entry.get("originatedBy")))),
        identifiers=(("purl", purl),) if purl else (),
    )


def _edges(relations: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for relation in relations:
        kind = _KINDS.get(text(relation, "relationshipType"))
        if kind is not None:
            yield from ((text(relation, "from"), target, kind) for target in texts(relation.get("to")))


def _parties(elements: dict[str, dict[str, Any]], keys: list[str]) -> Iterator[Party]:
    for key in keys:
        found = elements.get(key, {})
        if text(found, "name"):
            contacts = (text(i, "identifier") for i in tables(found.get("externalIdentifier")))
            yield Party(text(found, "name"), tuple(c for c in contacts if c), text(found, "type").lower())
