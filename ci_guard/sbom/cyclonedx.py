"""CycloneDX JSON: components through the model of cyclonedx-python-lib, the document put together here.

The library's own outputter is quadratic, and it has no model for compositions; one component at a time it is linear.
The purl is written as we built it: the library would normalise it away from the specification.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model import component as model
from cyclonedx.schema.schema import BaseSchemaVersion, SchemaVersion1Dot6, SchemaVersion1Dot7
from cyclonedx.spdx import is_supported_id

from ci_guard import HOME_URL
from ci_guard.model.component import Component, Distribution, Hash, Inventory
from ci_guard.model.location import Location
from ci_guard.sbom.encoding import encode_identified
from ci_guard.sbom.licenses import LicenseExpressions
from ci_guard.sbom.metadata import Metadata
from ci_guard.sbom.sources import is_uri
from ci_guard.sbom.suppliers import supplier

_VERSIONS: dict[str, type[BaseSchemaVersion]] = {"1.6": SchemaVersion1Dot6, "1.7": SchemaVersion1Dot7}
_ALGORITHMS = {
    "md5": HashAlgorithm.MD5,
    "sha1": HashAlgorithm.SHA_1,
    "sha256": HashAlgorithm.SHA_256,
    "sha384": HashAlgorithm.SHA_384,
    "sha512": HashAlgorithm.SHA_512,
}
_TYPES = {kind.value: kind for kind in model.ComponentType}
# Development tools are no part of what runs: `excluded`, in CycloneDX's words.
_SCOPES = {
    "required": model.ComponentScope.REQUIRED,
    "optional": model.ComponentScope.OPTIONAL,
    "dev": model.ComponentScope.EXCLUDED,
}
_ROOT = "root"


def write(inventory: Inventory, metadata: Metadata, spec_version: str = "1.6") -> bytes:
    """The document (UTF-8, keys in schema order, everything sorted, one final newline).

    `spec_version` is "1.6" or "1.7". The serial number belongs to the content: the same content, the same bytes.
    Raises KeyError for another version.
    """
    view = _VERSIONS[spec_version]
    licenses = LicenseExpressions()
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{spec_version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": spec_version,
        "serialNumber": "",
        "version": 1,
        "metadata": _metadata(inventory, metadata),
        "components": [_component(c, view, licenses) for c in inventory.components],
        "dependencies": list(_dependencies(inventory)),
        "compositions": list(_compositions(inventory)),
    }
    return encode_identified(document, "serialNumber", "urn:uuid:{}")


def _metadata(inventory: Inventory, metadata: Metadata) -> dict[str, Any]:
    tool = {
        "type": "application",
        "name": metadata.tool,
        "version": metadata.tool_version,
        "externalReferences": [{"type": "website", "url": HOME_URL}],
    }
    subject = {"type": "application", "bom-ref": _ROOT, "name": metadata.name}
    head: dict[str, Any] = {
        "timestamp": metadata.timestamp,
        "lifecycles": [{"phase": metadata.lifecycle}],
        "tools": {"components": [tool]},
    }
    if metadata.author:
        head["authors"] = [{"name": metadata.author}]
    head["component"] = {**subject, "version": metadata.version} if metadata.version else subject
    if metadata.supplier:
        head["supplier"] = {"name": metadata.supplier}
    head["properties"] = [{"name": f"ci-guard:unknown:{k}", "value": v} for k, v in _unknowns(inventory, metadata)]
    return head


def _unknowns(inventory: Inventory, metadata: Metadata) -> list[tuple[str, str]]:
    """What this document does not know, in words: CycloneDX has no NOASSERTION."""
    listed = [("author", "not stated")] if not metadata.author else []
    nobody = sum(1 for c in inventory.components if c.type == "library" and supplier(c) is None)
    listed += [("supplier", f"not stated for {nobody} of the libraries")] if nobody else []
    bare = sum(1 for c in inventory.components if c.type == "library" and not c.licenses)
    listed += [("licenses", f"not stated for {bare} of the libraries")] if bare else []
    return sorted(listed + [("input", text) for text in inventory.unknown])


def _component(component: Component, view: type[BaseSchemaVersion], licenses: LicenseExpressions) -> dict[str, Any]:
    group, _, name = component.name.rpartition("/") if component.ecosystem == "npm" else ("", "", component.name)
    modelled = model.Component(
        name=name or component.name,
        type=_TYPES[component.type],
        bom_ref=component.ref,
        group=group or None,
        version=component.version or None,
        scope=_SCOPES.get(component.scope),
        hashes=[HashType(alg=_ALGORITHMS[h.algorithm], content=h.value) for h in _known(component.hashes)],
    )
    written: dict[str, Any] = json.loads(modelled.as_json(view_=view))  # type: ignore[attr-defined]
    # The leaves that a component has by the dozen: as model objects they take three times as long as all the rest.
    named = supplier(component)
    more = {
        "supplier": named.cyclonedx() if named else {},
        "licenses": licenses.cyclonedx(component.licenses, is_supported_id),
        "purl": component.purl,
        "externalReferences": _references(component),
        "properties": [{"name": key, "value": value} for key, value in _properties(component)],
        "evidence": {"occurrences": _occurrences(component.locations)} if component.locations else {},
    }
    return written | {key: value for key, value in more.items() if value}


def _known(hashes: Iterable[Hash]) -> list[Hash]:
    return [h for h in hashes if h.algorithm in _ALGORITHMS]


def _references(component: Component) -> list[dict[str, Any]]:
    found = [_distribution(d) for d in component.distributions if is_uri(d.url)]
    if component.source == "git" and is_uri(component.source_url):
        found.append({"type": "vcs", "url": component.source_url})
    return found


def _distribution(file: Distribution) -> dict[str, Any]:
    hashes = [{"alg": _ALGORITHMS[h.algorithm].value, "content": h.value} for h in _known(file.hashes)]
    reference: dict[str, Any] = {"type": "distribution", "url": file.url}
    return {**reference, "hashes": hashes} if hashes else reference


def _properties(component: Component) -> list[tuple[str, str]]:
    beside = {
        "ci-guard:source": component.source,
        "ci-guard:source-url": component.source_url,
        "ci-guard:marker": component.markers,
    }
    files = [("ci-guard:file", _file_text(f)) for f in component.distributions if not is_uri(f.url)]
    return sorted([*component.properties, *files, *((key, value) for key, value in beside.items() if value)])


def _file_text(file: Distribution) -> str:
    """A file that is no link: its name, and the hashes that go with it."""
    return " ".join([file.url or file.filename, *(f"{h.algorithm}:{h.value}" for h in file.hashes)])


def _occurrences(locations: Iterable[Location]) -> list[dict[str, Any]]:
    places = sorted({(place.path, place.region.start_line if place.region else 0) for place in locations})
    return [{"location": path, "line": line} if line else {"location": path} for path, line in places]


def _dependencies(inventory: Inventory) -> Iterator[dict[str, Any]]:
    needs: dict[str, set[str]] = defaultdict(set)
    for edge in inventory.edges:
        needs[edge.source].add(edge.target)
    needs[_ROOT] = set(inventory.roots)
    for ref in sorted({_ROOT, *(c.ref for c in inventory.components)}):
        yield {"ref": ref, "dependsOn": sorted(needs[ref])} if needs[ref] else {"ref": ref}


def _compositions(inventory: Inventory) -> Iterator[dict[str, Any]]:
    """Whose dependencies are all here, and of whom it is not known."""
    refs = {c.ref for c in inventory.components}
    # What could not be read may hold more: then the document as a whole is known to lack something.
    lacking = {_ROOT} if inventory.unknown else set()
    whole = (refs & inventory.complete) | ({_ROOT} - lacking)
    for aggregate, members in (("complete", whole), ("incomplete", lacking), ("unknown", refs - inventory.complete)):
        if members:
            yield {"aggregate": aggregate, "dependencies": sorted(members)}
