"""SPDX 2.2 and 2.3: packages, relationships, licences, who made the document. Tag-value comes in the JSON's shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.model.subject import Positions
from ci_guard.sbom.images.tables import tables, text, texts
from ci_guard.sbom.reading.bill import NO_VALUE, Bill, Flaw, Stated
from ci_guard.sbom.reading.values import bounded, component, hashes, is_purl, known_edges, spdx_party

DOCUMENT = "SPDXRef-DOCUMENT"
_NEEDS = {
    "DEPENDS_ON": "depends-on",
    "CONTAINS": "contains",
}
_NEEDED = {
    "DEPENDENCY_OF": "depends-on",
    "RUNTIME_DEPENDENCY_OF": "runs",
    "DEV_DEPENDENCY_OF": "dev-depends-on",
    "BUILD_DEPENDENCY_OF": "dev-depends-on",
    "TEST_DEPENDENCY_OF": "dev-depends-on",
    "OPTIONAL_DEPENDENCY_OF": "optional-depends-on",
    "PROVIDED_DEPENDENCY_OF": "depends-on",
    "CONTAINED_BY": "contains",
}
_OF_A_KIND = {
    "purl": "purl",
    "cpe22Type": "cpe",
    "cpe23Type": "cpe",
    "swid": "swid",
    "swh": "swhid",
    "gitoid": "gitoid",
}


def read_spdx(path: str, value: dict[str, Any], places: Positions, flaws: tuple[Flaw, ...] = ()) -> Bill:
    """The document that `value` is. Raises RefusedError when it is too large."""
    packages = value.get("packages") if isinstance(value.get("packages"), list) else []
    entries = [(("packages", n), p) for n, p in enumerate(packages or []) if isinstance(p, dict)]
    bounded(places, "packages", len(entries))
    components = tuple(_stated(entry, where) for where, entry in entries)
    relations = list(_relations(value))
    bounded(places, "relationships", len(relations))
    info = value.get("creationInfo")
    info = info if isinstance(info, dict) else {}
    creators = [spdx_party(said) for said in texts(info.get("creators"))]
    keys = {c.key for c in components}
    return Bill(
        path=path,
        format="SPDX",
        version=text(value, "spdxVersion").removeprefix("SPDX-"),
        value=value,
        places=places,
        components=components,
        subjects=tuple(sorted(_described(value, relations) & keys)),
        edges=known_edges(_edges(relations), keys | {text(f, "SPDXID") for f in tables(value.get("files"))}),
        graded=frozenset(a for a, kind, b in relations if kind == "DEPENDS_ON" and b in NO_VALUE),
        dangling=tuple(_dangling(value, relations, keys)),
        identifier=text(value, "documentNamespace"),
        created=text(info, "created"),
        authors=tuple(c for c in creators if c and c.kind != "tool"),
        tools=tuple(c.name for c in creators if c.kind == "tool"),
        flaws=flaws,
    )


def _stated(entry: dict[str, Any], path: NodePath) -> Stated:
    key = text(entry, "SPDXID") or "/".join(str(part) for part in path)
    references = tables(entry.get("externalRefs"))
    identifiers = [(text(r, "referenceType"), text(r, "referenceLocator")) for r in references]
    purl = next((said for kind, said in identifiers if kind == "purl" and is_purl(said)), "")
    declared, concluded = _said(entry, "licenseDeclared"), _said(entry, "licenseConcluded")
    digests = hashes((text(c, "algorithm"), text(c, "checksumValue")) for c in tables(entry.get("checksums")))
    originator = spdx_party(text(entry, "originator"))
    return Stated(
        key=key,
        path=path,
        component=component(
            key,
            name=text(entry, "name"),
            version=text(entry, "versionInfo"),
            kind=text(entry, "primaryPackagePurpose").lower().replace("_", "-") or "library",
            purl=purl,
            licenses=declared or concluded,
            digests=digests,
        ),
        supplier=spdx_party(text(entry, "supplier")),
        producers=(originator,) if originator else (),
        identifiers=tuple((_OF_A_KIND[kind], said) for kind, said in identifiers if kind in _OF_A_KIND and said),
        declared=declared,
        concluded=concluded,
        filename=text(entry, "packageFileName"),
    )


def _said(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    said = text(entry, key).strip()
    return () if said in NO_VALUE else (said,)


def _relations(value: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for stated in tables(value.get("relationships")):
        yield text(stated, "spdxElementId"), text(stated, "relationshipType"), text(stated, "relatedSpdxElement")


def _described(value: dict[str, Any], relations: list[tuple[str, str, str]]) -> set[str]:
    described = set(texts(value.get("documentDescribes")))
    described |= {b for a, kind, b in relations if kind == "DESCRIBES" and a == DOCUMENT}
    return described | {a for a, kind, b in relations if kind == "DESCRIBED_BY" and b == DOCUMENT}


def _edges(relations: list[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    for one, kind, other in relations:
        if kind in _NEEDS:
            yield one, other, _NEEDS[kind]
        elif kind in _NEEDED:
            yield other, one, _NEEDED[kind]


def _dangling(
    value: dict[str, Any], relations: list[tuple[str, str, str]], keys: set[str]
) -> Iterator[tuple[NodePath, str, str]]:
    """Ends of relationships that are no package, file, snippet or document, and in no other document."""
    others = {text(e, "SPDXID") for name in ("files", "snippets") for e in tables(value.get(name))}
    known = keys | others | {DOCUMENT, *NO_VALUE}
    for number, (one, _, other) in enumerate(relations):
        for ref in (one, other):
            if ref not in known and not ref.startswith("DocumentRef-"):
                yield ("relationships", number), "a relationship", ref
