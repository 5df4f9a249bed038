"""SPDX 3.0.1 JSON-LD, written as plain tables: what BSI TR-03183-2 asks of SPDX, and where CISA's fields have a place.

Elements name each other by IRIs below one namespace, which belongs to the content.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ci_guard import HOME_URL
from ci_guard.model.component import Component, Hash, Inventory
from ci_guard.sbom.encoding import encode
from ci_guard.sbom.licenses import concluded
from ci_guard.sbom.metadata import Metadata, content_uuid
from ci_guard.sbom.purls import identifying_purl
from ci_guard.sbom.shipped import file_name, file_properties, shipped_file, shipped_hashes
from ci_guard.sbom.sources import is_uri
from ci_guard.sbom.spdx_licenses import UNKNOWN, SpdxLicenses
from ci_guard.sbom.suppliers import Supplier, named, supplier
from ci_guard.sbom.unknowns import unknowns

_CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
_TERMS = "https://spdx.org/rdf/3.0.1/terms/Core"
_CREATION = "_:creation"
_UNNAMED = f"{HOME_URL}/spdx/00000000-0000-0000-0000-000000000000#"
_ALGORITHMS = frozenset({"md5", "sha1", "sha256", "sha384", "sha512"})
_PURPOSES = {"operating-system": "operatingSystem"}
_TYPES = {"pre-build": "source", "post-build": "analyzed"}
"""CycloneDX's phase -> CISA's type of SBOM: from sources and locks, or from what was found in an artifact."""

_FILE_PURPOSES = {
    ("bsi:component:executable", "executable"): "executable",
    ("bsi:component:archive", "archive"): "archive",
    ("bsi:component:structured", "structured"): "container",
    ("bsi:component:structured", "unstructured"): "firmware",
}


def write(inventory: Inventory, metadata: Metadata) -> bytes:
    """The document (UTF-8, everything sorted, one element a line, one final newline)."""
    graph = _Graph(inventory, metadata)
    written = encode({"@context": _CONTEXT, "@graph": list(graph.elements())})
    namespace = f"{HOME_URL}/spdx/{content_uuid(written)}#"
    return written.replace(_UNNAMED.encode(), namespace.encode())


class _Graph:
    """The elements of one document; agents and licences are made as components name them, each once."""

    def __init__(self, inventory: Inventory, metadata: Metadata) -> None:
        self.inventory = inventory
        self.metadata = metadata
        self.licenses = SpdxLicenses()
        self.made: dict[str, dict[str, Any]] = {}
        self.root = metadata.subject or "root"

    def elements(self) -> Iterator[dict[str, Any]]:
        """All of them, the document first."""
        yield self._creation()
        yield _element("SpdxDocument", "document") | {
            "name": self.metadata.name,
            "profileConformance": ["core", "software", "simpleLicensing"],
            "rootElement": [_iri("sbom")],
        }
        yield _element("software_Sbom", "sbom") | {
            "software_sbomType": [_TYPES[self.metadata.lifecycle]],
            "rootElement": [_package_iri(self.root)],
        }
        packages = [part for component in self._components() for part in self._component(component)]
        relations = list(self._relations())
        yield from (self.made[key] for key in sorted(self.made))
        yield from packages
        yield from relations

    def _components(self) -> Iterator[Component]:
        if not self.metadata.subject:
            yield Component(
                ref=self.root, name=self.metadata.name, version=self.metadata.version, type="application", scope=""
            )
        yield from self.inventory.components

    def _creation(self) -> dict[str, Any]:
        who = [self._agent(one) for one in (named(self.metadata.author),) if one is not None]
        tool = _element("Tool", "tool") | {"name": f"{self.metadata.tool}-{self.metadata.tool_version}"}
        self.made[tool["spdxId"]] = tool
        if not who:  # somebody has to be named: then it is the program itself
            program = _element("SoftwareAgent", "program") | {"name": self.metadata.tool}
            who = [self.made.setdefault(program["spdxId"], program)["spdxId"]]
        listed = unknowns(self.inventory, self.metadata)
        return {
            "type": "CreationInfo",
            "@id": _CREATION,
            "specVersion": "3.0.1",
            "created": self.metadata.timestamp,
            "createdBy": who,
            "createdUsing": [tool["spdxId"]],
            "comment": "\n".join(f"{key}: {value}" for key, value in listed),
        }

    def _agent(self, one: Supplier, page: str = "") -> str:
        """The IRI of somebody, who is made at the first naming; `page` stands for who states no address."""
        kind = "Organization" if one.several else "Person"
        contacts = [("email", one.email)] if one.email else [("urlScheme", url) for url in (one.url or page,) if url]
        iri = _iri("agent", f"{kind}\n{one.name}\n{contacts}")
        if iri not in self.made:
            made = _element(kind, "") | {"spdxId": iri, "name": one.name}
            self.made[iri] = made | _filled(externalIdentifier=[_identifier(*contact) for contact in contacts])
        return iri

    def _expression(self, text: str) -> str:
        """The IRI of an expression, with the words that each LicenseRef in it stands for."""
        iri = _iri("license", text)
        if iri not in self.made:
            references = [
                word for word in re.findall(r"LicenseRef-[A-Za-z0-9.-]+", text) if word in self.licenses.extracted
            ]
            entries = [{"type": "DictionaryEntry", "key": r, "value": self._words(r)} for r in sorted(set(references))]
            own = _filled(simplelicensing_licenseExpression=text, simplelicensing_customIdToUri=entries)
            self.made[iri] = _element("simplelicensing_LicenseExpression", "") | {"spdxId": iri} | own
        return iri

    def _words(self, reference: str) -> str:
        iri = _iri("words", reference)
        own = {"spdxId": iri, "simplelicensing_licenseText": self.licenses.extracted[reference]}
        self.made.setdefault(iri, _element("simplelicensing_SimpleLicensingText", "") | own)
        return iri

    def _component(self, component: Component) -> Iterator[dict[str, Any]]:
        """The package, the file that it is shipped as, and how licences belong to it; a file is no package."""
        iri = _package_iri(component.ref)
        file = _file(component)
        if component.type == "file":
            yield file | _filled(spdxId=iri, name=component.name, software_copyrightText=component.copyright)
        else:
            yield self._package(component, iri)
            if file["name"]:
                yield file
                yield _relation(iri, "hasDistributionArtifact", [file["spdxId"]])
        declared = self.licenses.expression(component.licenses)
        if declared != UNKNOWN:
            yield _relation(iri, "hasDeclaredLicense", [self._expression(declared)])
            if concluded(component):
                yield _relation(iri, "hasConcludedLicense", [self._expression(declared)])

    def _package(self, component: Component, iri: str) -> dict[str, Any]:
        said = dict(component.properties)
        page = said.get("ci-guard:homepage", "")
        page = page if is_uri(page) and page.startswith("http") else ""
        supplied = supplier(component)
        if supplied is None and component.ref == self.root:
            supplied = named(self.metadata.supplier, several=True)
        agent = self._agent(supplied, page) if supplied else ""
        purl = identifying_purl(component)
        places = [f"{p.path}:{p.region.start_line}" if p.region else p.path for p in component.locations]
        return _element("software_Package", "") | _filled(
            spdxId=iri,
            name=component.name,
            externalIdentifier=[_identifier("packageUrl", purl)] if purl else [],
            suppliedBy=agent,
            originatedBy=[agent] if agent else [],
            verifiedUsing=_hashes(shipped_hashes(component) or component.hashes),
            software_copyrightText=component.copyright,
            software_primaryPurpose=_PURPOSES.get(component.type, component.type),
            software_packageVersion=component.version,
            software_packageUrl=purl,
            software_downloadLocation=url if is_uri(url := shipped_file(component).url) else "",
            software_homePage=page,
            software_sourceInfo=f"found at {', '.join(places)}" if places else "",
        )

    def _relations(self) -> Iterator[dict[str, Any]]:
        """One of each kind a package, with whether all that it needs is there."""
        needs: dict[tuple[str, str], set[str]] = defaultdict(set)
        for edge in self.inventory.edges:
            if edge.kind == "generated-from":  # SPDX 3 says it the other way round
                needs[edge.target, "generates"].add(_package_iri(edge.source))
            else:
                needs[edge.source, "contains" if edge.kind == "contains" else "dependsOn"].add(
                    _package_iri(edge.target)
                )
        files = {c.ref for c in self.inventory.components if c.type == "file"}
        for ref in set(self.inventory.roots) - {self.root}:
            needs[self.root, "contains" if ref in files else "dependsOn"].add(_package_iri(ref))
        for ref in (c.ref for c in self._components()):
            whole = ref in self.inventory.complete or (ref == self.root and not self.inventory.unknown)
            for kind in ("contains", "dependsOn", "generates"):
                targets = sorted(needs[ref, kind])
                if targets or (kind == "dependsOn" and ref not in files):
                    nothing = f"{_TERMS}/{'NoneElement' if whole else 'NoAssertionElement'}"
                    more = {} if kind == "generates" else {"completeness": "complete" if whole else "noAssertion"}
                    yield _relation(_package_iri(ref), kind, targets or [nothing]) | more


def _file(component: Component) -> dict[str, Any]:
    """What BSI calls the deployable component."""
    purposes = [_FILE_PURPOSES[pair] for pair in file_properties(component) if pair in _FILE_PURPOSES]
    url = shipped_file(component).url
    link = {"type": "ExternalRef", "externalRefType": "binaryArtifact", "locator": [url]}
    return _element("software_File", "") | _filled(
        spdxId=_iri("file", component.ref),
        name=file_name(component),
        externalRef=[link] if is_uri(url) else [],
        verifiedUsing=_hashes(shipped_hashes(component) or component.hashes),
        software_additionalPurpose=purposes,
    )


def _iri(kind: str, text: str = "") -> str:
    digest = f"-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:24]}" if text else ""
    return f"{_UNNAMED}{kind}{digest}"


def _package_iri(ref: str) -> str:
    return _iri("package", ref)


def _element(kind: str, identifier: str) -> dict[str, Any]:
    return {"type": kind, "spdxId": _iri(identifier), "creationInfo": _CREATION}


def _filled(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value or key == "name"}


def _relation(source: str, kind: str, targets: list[str]) -> dict[str, Any]:
    iri = _iri("relationship", f"{source} {kind}")
    ends = {"spdxId": iri, "from": source, "relationshipType": kind, "to": targets}
    return _element("Relationship", "") | ends


def _identifier(kind: str, value: str) -> dict[str, str]:
    return {"type": "ExternalIdentifier", "externalIdentifierType": kind, "identifier": value}


def _hashes(hashes: tuple[Hash, ...]) -> list[dict[str, str]]:
    known = (h for h in hashes if h.algorithm in _ALGORITHMS)
    return [{"type": "Hash", "algorithm": h.algorithm, "hashValue": h.value} for h in known]
