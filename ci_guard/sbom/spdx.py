"""SPDX 2.3 JSON, written as plain tables.

Not through spdx-tools: importing its model alone takes half of the time that a whole bill of materials may take, and
a document that it did not write can be judged by it in the tests. What is not known is NOASSERTION, never absent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard import HOME_URL
from ci_guard.model.component import Component, Distribution, Hash, Inventory
from ci_guard.sbom.encoding import encode_identified
from ci_guard.sbom.licenses import LicenseExpressions
from ci_guard.sbom.metadata import Metadata
from ci_guard.sbom.sources import split_git
from ci_guard.sbom.suppliers import supplier

_UNKNOWN = "NOASSERTION"
_DOCUMENT = "SPDXRef-DOCUMENT"
_ROOT = "SPDXRef-root"
_ALGORITHMS = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}
_PURPOSES = {kind: kind.upper() for kind in ("library", "container", "application", "file", "operating-system")}
_REVERSED = {
    "dev-depends-on": "DEV_DEPENDENCY_OF",
    "optional-depends-on": "OPTIONAL_DEPENDENCY_OF",
    "runs": "RUNTIME_DEPENDENCY_OF",
}
_CONTEXTS = {
    "pre-build": "Generated before any build, from lockfiles and manifests.",
    "post-build": "Generated after the build, from what is installed.",
}
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9.]+")


def write(inventory: Inventory, metadata: Metadata) -> bytes:
    """The document (UTF-8, everything sorted, one final newline); its namespace belongs to its content."""
    ids = {c.ref: _id(c) for c in inventory.components}
    licenses = _Licenses()
    packages = [_root(metadata), *(_package(c, ids[c.ref], licenses) for c in inventory.components)]
    document: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "documentNamespace": "",
        "name": metadata.name,
        "creationInfo": _creation(inventory, metadata),
        "packages": packages,
        "relationships": sorted(_relationships(inventory, ids), key=lambda r: tuple(r.values())),
    }
    if licenses.extracted:
        document["hasExtractedLicensingInfos"] = [licenses.extracted[key] for key in sorted(licenses.extracted)]
    return encode_identified(document, "documentNamespace", f"{HOME_URL}/spdx/{{}}")


def _id(component: Component) -> str:
    """Readable, and unique by a digest of the ref: SPDX allows letters, digits, `.` and `-` only."""
    readable = _NOT_IN_ID.sub("-", component.name).strip("-")[:60]
    return (
        f"SPDXRef-{readable or 'package'}-{hashlib.sha256(component.ref.encode('utf-8', 'replace')).hexdigest()[:16]}"
    )


def _creation(inventory: Inventory, metadata: Metadata) -> dict[str, Any]:
    author = f"Person: {metadata.author}" if metadata.author else ""
    creators = [f"Tool: {metadata.tool}-{metadata.tool_version}"] + ([author] if author else [])
    notes = [_CONTEXTS[metadata.lifecycle], *inventory.unknown]
    return {"created": metadata.timestamp, "creators": creators, "comment": "\n".join(notes)}


def _root(metadata: Metadata) -> dict[str, Any]:
    package = {
        "SPDXID": _ROOT,
        "name": metadata.name,
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        "supplier": f"Organization: {metadata.supplier}" if metadata.supplier else _UNKNOWN,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
        "copyrightText": _UNKNOWN,
        "primaryPackagePurpose": "APPLICATION",
    }
    return {**package, "versionInfo": metadata.version} if metadata.version else package


def _package(component: Component, identifier: str, licenses: _Licenses) -> dict[str, Any]:
    main = _main_file(component)
    named = supplier(component)
    checksums = _checksums(main.hashes or component.hashes)
    package: dict[str, Any] = {
        "SPDXID": identifier,
        "name": component.name,
        "versionInfo": component.version,
        "downloadLocation": _download(component, main),
        "filesAnalyzed": False,
        "supplier": named.spdx() if named else _UNKNOWN,
        "checksums": checksums,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": licenses.declared(component.licenses),
        "copyrightText": _UNKNOWN,
        "primaryPackagePurpose": _PURPOSES[component.type],
        "externalRefs": list(_external(component, main)),
        "sourceInfo": _source_info(component),
    }
    if not checksums and component.hashes:
        package["comment"] = "Any of: " + ", ".join(f"{h.algorithm}:{h.value}" for h in component.hashes)
    return {key: value for key, value in package.items() if value not in ("", [])}


def _main_file(component: Component) -> Distribution:
    """The one file that `downloadLocation` and `checksums` speak of: the source archive where there is one."""
    files = [f for f in component.distributions if f.url.startswith(("https://", "http://"))]
    sources = [f for f in files if not f.filename.endswith(".whl")]
    return next(iter(sources or files), Distribution())


def _checksums(hashes: tuple[Hash, ...]) -> list[dict[str, str]]:
    """One a algorithm: several of one would leave open which file each belongs to."""
    usable = [h for h in hashes if h.algorithm in _ALGORITHMS]
    if len({h.algorithm for h in usable}) < len(usable):
        return []
    return [{"algorithm": _ALGORITHMS[h.algorithm], "checksumValue": h.value} for h in sorted(usable)]


def _download(component: Component, main: Distribution) -> str:
    if component.source == "git":
        repository, commit = split_git(component.source_url)
        url = f"git+{repository.removeprefix('git+')}" + (f"@{commit}" if commit else "")
        return url if re.match(r"git\+(?:https?|ssh|git)://\S+\Z", url) else _UNKNOWN
    url = main.url or (component.source_url if component.source == "url" else "")
    return url if re.match(r"https?://\S+\Z", url) else _UNKNOWN


def _external(component: Component, main: Distribution) -> Iterator[dict[str, str]]:
    if component.purl:
        yield {
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": component.purl,
        }
    for file in component.distributions:
        if file != main and file.url and " " not in file.url:
            digest = f"#{file.hashes[0].algorithm}={file.hashes[0].value}" if file.hashes else ""
            locator = f"{file.url}{digest}"
            yield {"referenceCategory": "OTHER", "referenceType": "distribution", "referenceLocator": locator}


def _source_info(component: Component) -> str:
    """Where it stands, line by line, and under what condition it is needed."""
    places = [f"{p.path}:{p.region.start_line}" if p.region else p.path for p in component.locations]
    marker = f" (only if {component.markers})" if component.markers else ""
    return f"found at {', '.join(places)}{marker}" if places else ""


def _relationships(inventory: Inventory, ids: Mapping[str, str]) -> Iterator[dict[str, str]]:
    yield _relation(_DOCUMENT, "DESCRIBES", _ROOT)
    for ref in inventory.roots:
        yield _relation(_ROOT, "DEPENDS_ON", ids[ref])
    sources = {edge.source for edge in inventory.edges}
    for edge in inventory.edges:
        if edge.kind in _REVERSED:
            yield _relation(ids[edge.target], _REVERSED[edge.kind], ids[edge.source])
        else:
            kind = "CONTAINS" if edge.kind == "contains" else "DEPENDS_ON"
            yield _relation(ids[edge.source], kind, ids[edge.target])
    for ref, identifier in ids.items():
        if ref not in inventory.complete:
            yield _relation(identifier, "DEPENDS_ON", _UNKNOWN)
        elif ref not in sources:
            yield _relation(identifier, "DEPENDS_ON", "NONE")


def _relation(element: str, kind: str, related: str) -> dict[str, str]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}


def _says(text: str) -> bool:
    """Whether a text holds anything to read; control characters alone are refused as a licence's text."""
    return any(c.isprintable() and not c.isspace() for c in text)


class _Licenses:
    """Declared licences as SPDX wants them, and the texts that are no SPDX expression, collected as LicenseRefs."""

    def __init__(self) -> None:
        self._expressions = LicenseExpressions()
        self.extracted: dict[str, dict[str, str]] = {}

    def declared(self, texts: tuple[str, ...]) -> str:
        """An expression over listed licences and LicenseRefs; NOASSERTION when nothing is declared."""
        found = sorted({self._expressions.spdx(text) or self._reference(text) for text in texts if _says(text)})
        if not found:
            return _UNKNOWN
        return found[0] if len(found) == 1 else " AND ".join(f"({t})" if " " in t else t for t in found)

    def _reference(self, text: str) -> str:
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
        readable = _NOT_IN_ID.sub("-", text).strip("-")[:40]
        identifier = f"LicenseRef-{readable}-{digest}" if readable else f"LicenseRef-{digest}"
        self.extracted[identifier] = {"licenseId": identifier, "extractedText": text, "name": text}
        return identifier
