"""CycloneDX JSON, written as plain tables and judged by the official schemas in the tests.

Not through cyclonedx-python-lib: its outputter is quadratic, it has no model for compositions, its import and its
objects took two thirds of the time, and it would normalise purls away from the specification.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from ci_guard import HOME_URL
from ci_guard.model.component import Component, Distribution, Hash, Inventory
from ci_guard.model.location import Location
from ci_guard.sbom.encoding import encode_identified
from ci_guard.sbom.gitlab import gitlab_properties
from ci_guard.sbom.licenses import LicenseExpressions, concluded
from ci_guard.sbom.metadata import Metadata
from ci_guard.sbom.purls import identifying_purl
from ci_guard.sbom.shipped import file_properties, shipped_hashes
from ci_guard.sbom.sources import is_uri
from ci_guard.sbom.suppliers import named, supplier
from ci_guard.sbom.unknowns import unknowns

VERSIONS = ("1.6", "1.7")
_ALGORITHMS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
# Development tools are no part of what runs: `excluded`, in CycloneDX's words.
_SCOPES = {"required": "required", "optional": "optional", "dev": "excluded"}
_ROOT = "root"


def write(inventory: Inventory, metadata: Metadata, spec_version: str = "1.6", *, gitlab: bool = False) -> bytes:
    """The document (UTF-8, everything sorted, one final newline).

    `spec_version` is one of `VERSIONS`. With `gitlab` it carries the properties that GitLab's dependency list asks
    for. The serial number belongs to the content: the same content, the same bytes.
    """
    licenses = LicenseExpressions()
    described = {c.ref: _component(c, spec_version, licenses) for c in inventory.components}
    head = _metadata(inventory, metadata)
    head["component"] = described.pop(metadata.subject, None) or _subject(metadata)
    if manufacturer := named(metadata.supplier):
        head["component"].setdefault("supplier", manufacturer.cyclonedx())
    if gitlab:
        head["properties"] = [*gitlab_properties(inventory), *head["properties"]]
    root = metadata.subject or _ROOT
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{spec_version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": spec_version,
        "serialNumber": "",
        "version": 1,
        "metadata": head,
        "components": list(described.values()),
        "dependencies": list(_dependencies(inventory, root)),
        "compositions": list(_compositions(inventory, root)),
    }
    return encode_identified(document, "serialNumber", "urn:uuid:{}")


def _metadata(inventory: Inventory, metadata: Metadata) -> dict[str, Any]:
    tool = {
        "type": "application",
        "name": metadata.tool,
        "version": metadata.tool_version,
        "externalReferences": [{"type": "website", "url": HOME_URL}],
    }
    head: dict[str, Any] = {
        "timestamp": metadata.timestamp,
        "lifecycles": [{"phase": metadata.lifecycle}],
        "tools": {"components": [tool]},
    }
    if author := named(metadata.author):
        head["authors"] = [{"name": author.name, **({"email": author.email} if author.email else {})}]
    head["component"] = None  # its place among the keys
    if manufacturer := named(metadata.supplier):
        head["supplier"] = manufacturer.cyclonedx()
    listed = unknowns(inventory, metadata)
    head["properties"] = [{"name": f"ci-guard:unknown:{key}", "value": value} for key, value in listed]
    return head


def _subject(metadata: Metadata) -> dict[str, Any]:
    """What the document describes, where no component of the inventory is that."""
    own = Component(ref=_ROOT, name=metadata.name, version=metadata.version, type="application")
    subject = {"type": own.type, "bom-ref": _ROOT, "name": own.name, "version": own.version}
    return {key: value for key, value in {**subject, "purl": identifying_purl(own)}.items() if value}


def _component(component: Component, spec_version: str, licenses: LicenseExpressions) -> dict[str, Any]:
    group, _, name = component.name.rpartition("/") if component.ecosystem == "npm" else ("", "", component.name)
    supplied = supplier(component)
    written = {
        "type": component.type,
        "bom-ref": component.ref,
        "supplier": supplied.cyclonedx() if supplied else {},
        "group": group,
        "name": name or component.name,
        "version": component.version,
        "scope": _SCOPES.get(component.scope, ""),
        "hashes": _hashes(shipped_hashes(component) or component.hashes),
        "licenses": _licenses(component, spec_version, licenses),
        "copyright": component.copyright,
        "purl": identifying_purl(component),
        "externalReferences": _references(component),
        "properties": [{"name": key, "value": value} for key, value in _properties(component)],
        "evidence": {"occurrences": _occurrences(component.locations)} if component.locations else {},
    }
    # An empty name stays: the schema wants the key.
    return {key: value for key, value in written.items() if value or key == "name"}


def _hashes(hashes: Iterable[Hash]) -> list[dict[str, str]]:
    return [{"alg": _ALGORITHMS[h.algorithm], "content": h.value} for h in hashes if h.algorithm in _ALGORITHMS]


def _licenses(component: Component, spec_version: str, licenses: LicenseExpressions) -> list[dict[str, Any]]:
    """What is declared, and what is concluded beside it: in 1.6 an expression has to stand alone, so it stands once."""
    declared = licenses.cyclonedx(component.licenses)
    if not concluded(component):
        return declared
    both = licenses.cyclonedx(component.licenses, "concluded")
    return both if spec_version == "1.6" and "expression" in both[0] else declared + both


def _references(component: Component) -> list[dict[str, Any]]:
    found = [_distribution(d) for d in component.distributions if is_uri(d.url)]
    if component.source == "git" and is_uri(component.source_url):
        found.append({"type": "vcs", "url": component.source_url})
    homepages = {value for key, value in component.properties if key == "ci-guard:homepage" and is_uri(value)}
    return found + [{"type": "website", "url": url} for url in sorted(homepages)]


def _distribution(file: Distribution) -> dict[str, Any]:
    hashes = _hashes(file.hashes)
    reference: dict[str, Any] = {"type": "distribution", "url": file.url}
    return {**reference, "hashes": hashes} if hashes else reference


def _properties(component: Component) -> list[tuple[str, str]]:
    beside = {
        "ci-guard:source": component.source,
        "ci-guard:source-url": component.source_url,
        "ci-guard:marker": component.markers,
    }
    files = [("ci-guard:file", _file_text(f)) for f in component.distributions if not is_uri(f.url)]
    said = ((key, value) for key, value in beside.items() if value)
    return sorted([*component.properties, *files, *said, *file_properties(component)])


def _file_text(file: Distribution) -> str:
    """A file that is no link: its name, and the hashes that go with it."""
    return " ".join([file.url or file.filename, *(f"{h.algorithm}:{h.value}" for h in file.hashes)])


def _occurrences(locations: Iterable[Location]) -> list[dict[str, Any]]:
    places = sorted({(place.path, place.region.start_line if place.region else 0) for place in locations})
    return [{"location": path, "line": line} if line else {"location": path} for path, line in places]


def _dependencies(inventory: Inventory, root: str) -> Iterator[dict[str, Any]]:
    needs: dict[str, set[str]] = defaultdict(set)
    for edge in inventory.edges:
        needs[edge.source].add(edge.target)
    needs[root] |= set(inventory.roots) - {root}
    for ref in sorted({root, *(c.ref for c in inventory.components)}):
        yield {"ref": ref, "dependsOn": sorted(needs[ref])}


def _compositions(inventory: Inventory, root: str) -> Iterator[dict[str, Any]]:
    """Whose dependencies are all here, and of whom it is not known."""
    refs = {c.ref for c in inventory.components}
    # What could not be read may hold more: then the document as a whole is known to lack something.
    lacking = {root} if inventory.unknown else set()
    whole = ((refs & inventory.complete) | ({root} - refs)) - lacking
    for aggregate, members in (
        ("complete", whole),
        ("incomplete", lacking),
        ("unknown", refs - inventory.complete - lacking),
    ):
        if members:
            yield {"aggregate": aggregate, "dependencies": sorted(members)}
