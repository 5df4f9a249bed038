"""Drafts of VEX documents: everything is under investigation until a person says otherwise, and why.

The same findings give the same bytes: the document's id is made from its content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from ci_guard import TOOL_NAME, __version__
from ci_guard.advisories.matching import Match
from ci_guard.model.component import Component
from ci_guard.model.record import record

_UNDECIDED: Final = (
    "draft: say why it is not affected (status not_affected, with a justification), "
    "and until when (expires: YYYY-MM-DD)"
)
_RATINGS: Final = {"critical": "critical", "high": "high", "medium": "medium", "low": "low", "note": "info"}


@record
class Audited:
    """One advisory found for one component; `accepted` when a statement, or the profile, suppresses it."""

    component: Component
    match: Match
    accepted: bool = False


class Bom(NamedTuple):
    """The SBOM that statements point into: its serial (`urn:uuid:…`), version, and purl -> bom-ref."""

    serial: str
    version: int
    refs: Mapping[str, str]

    def link(self, purl: str) -> str:
        """The BOM-Link of the component; the purl itself when the SBOM does not have it."""
        ref = self.refs.get(purl)
        if ref is None:
            return purl
        return f"urn:cdx:{self.serial.removeprefix('urn:uuid:')}/{self.version}#{quote(ref, safe='')}"


def openvex(found: Sequence[Audited], author: str, when: str) -> str:
    """An OpenVEX document, one statement for each vulnerability and component."""
    statements = [
        {
            "vulnerability": {"name": one.match.id, "aliases": list(one.match.ids[1:])},
            "products": [{"@id": one.component.purl, "identifiers": {"purl": one.component.purl}}],
            "status": "under_investigation",
            "status_notes": _UNDECIDED,
        }
        for one in _distinct(found)
    ]
    name = uuid5(NAMESPACE_URL, json.dumps([author, when, statements]))
    return _text(
        {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": f"urn:uuid:{name}",
            "author": author,
            "timestamp": when,
            "version": 1,
            "tooling": f"{TOOL_NAME} {__version__}",
            "statements": statements,
        }
    )


def cyclonedx(found: Sequence[Audited], author: str, when: str, bom: Bom | None) -> str:
    """A CycloneDX 1.6 VEX; with `bom` it points into that SBOM by BOM-Link, else it lists the components itself."""
    distinct = _distinct(found)
    by_id: dict[str, list[Audited]] = {}
    for one in distinct:
        by_id.setdefault(one.match.id, []).append(one)
    vulnerabilities = [_vulnerability(ones, bom) for ones in by_id.values()]
    components = {one.component.purl: one.component for one in distinct if bom is None}
    content = {
        "metadata": {
            "timestamp": when,
            "tools": {"components": [{"type": "application", "name": TOOL_NAME, "version": __version__}]},
            **({"authors": [{"name": author}]} if author else {}),
        },
        **({"components": [_component(c) for _, c in sorted(components.items())]} if components else {}),
        "vulnerabilities": vulnerabilities,
    }
    serial = f"urn:uuid:{uuid5(NAMESPACE_URL, json.dumps(content))}"
    return _text({"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": serial, "version": 1, **content})


def _component(component: Component) -> dict[str, Any]:
    named = {"type": "library", "bom-ref": component.purl, "name": component.name}
    return {**named, "version": component.version, "purl": component.purl}


def _vulnerability(ones: Sequence[Audited], bom: Bom | None) -> dict[str, Any]:
    match = ones[0].match
    rating: dict[str, Any] = {"severity": _RATINGS[str(match.severity)]}
    if match.score:
        rating["score"] = match.score
    return {
        "id": match.id,
        "references": [{"id": name, "source": {"name": name.partition("-")[0]}} for name in match.ids[1:]],
        "ratings": [rating],
        "description": match.summary,
        **({"recommendation": f"upgrade to {match.fixed}"} if match.fixed else {}),
        "analysis": {"state": "in_triage", "detail": _UNDECIDED},
        "affects": [{"ref": bom.link(o.component.purl) if bom else o.component.purl} for o in ones],
    }


def _distinct(found: Sequence[Audited]) -> list[Audited]:
    """One for each vulnerability and purl: several locks may have the same package."""
    kept = {(one.match.id, one.component.purl): one for one in found if one.component.purl}
    return [one for _, one in sorted(kept.items())]


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
