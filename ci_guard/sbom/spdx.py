"""SPDX 2.3, written as plain tables: JSON, and the tag-value syntax of the same document.

Not through spdx-tools: importing its model alone takes half of the time that a whole bill of materials may take, and
a document that it did not write can be judged by it in the tests. What is not known is NOASSERTION, never absent.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ci_guard import HOME_URL
from ci_guard.model.component import Component, Distribution, Inventory
from ci_guard.sbom import spdx_tag_value
from ci_guard.sbom.encoding import encode_identified
from ci_guard.sbom.licenses import concluded
from ci_guard.sbom.metadata import Metadata
from ci_guard.sbom.purls import identifying_purl
from ci_guard.sbom.shipped import file_name, shipped_file, shipped_hashes
from ci_guard.sbom.sources import is_uri, split_git
from ci_guard.sbom.spdx_files import analysed, checksums_of, is_spdx_file, spdx_file
from ci_guard.sbom.spdx_licenses import UNKNOWN, SpdxLicenses
from ci_guard.sbom.suppliers import named, supplier
from ci_guard.sbom.unknowns import unknowns

_DOCUMENT = "SPDXRef-DOCUMENT"
_ROOT = "SPDXRef-root"
_NAMESPACE = ("documentNamespace", f"{HOME_URL}/spdx/{{}}")
_PURPOSES = {kind: kind.upper() for kind in ("library", "container", "application", "file", "operating-system")}
_REVERSED = {
    "dev-depends-on": "DEV_DEPENDENCY_OF",
    "optional-depends-on": "OPTIONAL_DEPENDENCY_OF",
    "runs": "RUNTIME_DEPENDENCY_OF",
}
_KINDS = {"contains": "CONTAINS", "generated-from": "GENERATED_FROM"}
_CONCLUDED = "Concluded from what the package itself declares; its files were not compared with it."
_CONTEXTS = {
    "pre-build": "Generated before any build, from lockfiles and manifests.",
    "post-build": "Generated after the build, from what is installed.",
}
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9.]+")


def write(inventory: Inventory, metadata: Metadata) -> bytes:
    """The document as JSON (UTF-8, everything sorted, one final newline); its namespace belongs to its content."""
    return encode_identified(_document(inventory, metadata), *_NAMESPACE)


def write_tag_value(inventory: Inventory, metadata: Metadata) -> bytes:
    """The same document, namespace and all, in the tag-value syntax."""
    document = json.loads(write(inventory, metadata))
    return spdx_tag_value.encode(document)


def _document(inventory: Inventory, metadata: Metadata) -> dict[str, Any]:
    ids = {c.ref: _id(c) for c in inventory.components}
    licenses = SpdxLicenses()
    files = {c.ref: spdx_file(c, ids[c.ref], licenses.expression) for c in inventory.components if is_spdx_file(c)}
    packages = [_package(c, ids[c.ref], licenses) for c in inventory.components if c.ref not in files]
    root = ids.get(metadata.subject, _ROOT)
    supplied = named(metadata.supplier, several=True)
    for package in packages:
        if package["SPDXID"] == root and package["supplier"] == UNKNOWN and supplied:
            package["supplier"] = supplied.spdx()
    if root == _ROOT:
        listed = [files[ref] for ref in sorted(set(inventory.roots) & set(files))]
        packages.insert(0, {**_root(metadata), **analysed(listed)})
    document: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "documentNamespace": "",
        "name": metadata.name,
        "creationInfo": _creation(inventory, metadata),
        "packages": packages,
        "relationships": sorted(_relationships(inventory, ids, root, files), key=lambda r: tuple(r.values())),
    }
    if files:
        document["files"] = list(files.values())
    if licenses.extracted:
        document["hasExtractedLicensingInfos"] = [
            {"licenseId": key, "extractedText": text, "name": text} for key, text in sorted(licenses.extracted.items())
        ]
    return document


def _id(component: Component) -> str:
    """Readable, and unique by a digest of the ref: SPDX allows letters, digits, `.` and `-` only."""
    readable = _NOT_IN_ID.sub("-", component.name).strip("-")[:60]
    return (
        f"SPDXRef-{readable or 'package'}-{hashlib.sha256(component.ref.encode('utf-8', 'replace')).hexdigest()[:16]}"
    )


def _creation(inventory: Inventory, metadata: Metadata) -> dict[str, Any]:
    people = [named(metadata.author), named(metadata.supplier, several=True)]
    creators = {f"Tool: {metadata.tool}-{metadata.tool_version}", *(one.spdx() for one in people if one)}
    notes = [_CONTEXTS[metadata.lifecycle]]
    notes += [value if key == "input" else f"{key}: {value}" for key, value in unknowns(inventory, metadata)]
    return {"created": metadata.timestamp, "creators": sorted(creators), "comment": "\n".join(notes)}


def _root(metadata: Metadata) -> dict[str, Any]:
    own = Component(ref=_ROOT, name=metadata.name, version=metadata.version, type="application")
    supplied = named(metadata.supplier, several=True)
    package = {
        "SPDXID": _ROOT,
        "name": own.name,
        "versionInfo": own.version,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "supplier": supplied.spdx() if supplied else UNKNOWN,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": UNKNOWN,
        "primaryPackagePurpose": "APPLICATION",
        "externalRefs": list(_external(own, Distribution())),
    }
    return {key: value for key, value in package.items() if value != ""}


def _package(component: Component, identifier: str, licenses: SpdxLicenses) -> dict[str, Any]:
    main = shipped_file(component)
    supplied = supplier(component)
    declared = licenses.expression(component.licenses)
    agreed = concluded(component) and declared != UNKNOWN
    checksums = checksums_of(shipped_hashes(component))
    package: dict[str, Any] = {
        "SPDXID": identifier,
        "name": component.name,
        "versionInfo": component.version,
        "packageFileName": file_name(component),
        "downloadLocation": _download(component, main),
        "filesAnalyzed": False,
        "homepage": _homepage(component),
        "supplier": supplied.spdx() if supplied else UNKNOWN,
        "checksums": checksums,
        "licenseConcluded": declared if agreed else UNKNOWN,
        "licenseDeclared": declared,
        "licenseComments": _CONCLUDED if agreed else "",
        "copyrightText": component.copyright or UNKNOWN,
        "primaryPackagePurpose": _PURPOSES[component.type],
        "externalRefs": list(_external(component, main)),
        "sourceInfo": _source_info(component),
    }
    if not checksums and component.hashes:
        package["comment"] = "Any of: " + ", ".join(f"{h.algorithm}:{h.value}" for h in component.hashes)
    return {key: value for key, value in package.items() if value not in ("", [])}


def _homepage(component: Component) -> str:
    page = dict(component.properties).get("ci-guard:homepage", "")
    return page if page.startswith(("https://", "http://")) and is_uri(page) else ""


def _download(component: Component, main: Distribution) -> str:
    if component.source == "git":
        repository, commit = split_git(component.source_url)
        url = f"git+{repository.removeprefix('git+')}" + (f"@{commit}" if commit else "")
        return url if re.match(r"git\+(?:https?|ssh|git)://\S+\Z", url) else UNKNOWN
    url = main.url or (component.source_url if component.source == "url" else "")
    return url if re.match(r"https?://\S+\Z", url) else UNKNOWN


def _external(component: Component, main: Distribution) -> Iterator[dict[str, str]]:
    if purl := identifying_purl(component):
        yield {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
    for file in component.distributions:
        if file != main and file.url.isprintable() and file.url and " " not in file.url:
            digest = f"#{file.hashes[0].algorithm}={file.hashes[0].value}" if file.hashes else ""
            locator = f"{file.url}{digest}"
            yield {"referenceCategory": "OTHER", "referenceType": "distribution", "referenceLocator": locator}


def _source_info(component: Component) -> str:
    """Where it stands, line by line, and under what condition it is needed."""
    places = [f"{p.path}:{p.region.start_line}" if p.region else p.path for p in component.locations]
    marker = f" (only if {component.markers})" if component.markers else ""
    return f"found at {', '.join(places)}{marker}" if places else ""


def _relationships(
    inventory: Inventory, ids: Mapping[str, str], root: str, files: Collection[str]
) -> Iterator[dict[str, str]]:
    yield _relation(_DOCUMENT, "DESCRIBES", root)
    for ref in inventory.roots:
        if ids[ref] != root:
            yield _relation(root, "CONTAINS" if ref in files else "DEPENDS_ON", ids[ref])
    sources = {edge.source for edge in inventory.edges}
    for edge in inventory.edges:
        # Many readers follow DEPENDS_ON alone; what else is known of an edge stands beside it.
        yield _relation(ids[edge.source], _KINDS.get(edge.kind, "DEPENDS_ON"), ids[edge.target])
        if edge.kind in _REVERSED:
            yield _relation(ids[edge.target], _REVERSED[edge.kind], ids[edge.source])
    for ref, identifier in ids.items():
        if ref in files:
            continue
        if ref not in inventory.complete:
            yield _relation(identifier, "DEPENDS_ON", UNKNOWN)
        elif ref not in sources:
            yield _relation(identifier, "DEPENDS_ON", "NONE")


def _relation(element: str, kind: str, related: str) -> dict[str, str]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}
