"""Findings -> SARIF results: places, fingerprints, suppressions, fixes."""

from __future__ import annotations

import hashlib
from typing import Any

import sarif_om as om

from ci_guard.model.finding import Finding
from ci_guard.model.location import Edit, Location, Region
from ci_guard.model.ports import ReadBytes
from ci_guard.model.printable import visible
from ci_guard.model.suppression import Suppression
from ci_guard.sarif.encoding import LEVELS, SOURCE_ROOT, links, message_text, shorten, uri_of
from ci_guard.sarif.fingerprint import LINE_HASH, LineHashes

_SNIPPET_LIMIT = 500  # code points; a minified file would otherwise be repeated with every finding
_RELATED_LIMIT = 100
_LINKED = 5
_FLOW_LIMIT = 1000  # what GitHub shows
_REASON_LIMIT = 1024


class Fingerprints:
    """What tells results apart: the line hashes of the files that findings point into, and a name of our own."""

    def __init__(self, read: ReadBytes) -> None:
        self._lines = LineHashes(read)

    def of(self, finding: Finding) -> dict[str, str]:
        """`primaryLocationLineHash` where there is a line in a readable file, and our own that outlives moves."""
        keys = {"ciGuardResource/v1": _resource_hash(finding)}
        region = finding.location.region
        if region is not None and (found := self._lines.of(finding.location.path, region.start_line)):
            keys[LINE_HASH] = found
        return keys


def result(finding: Finding, rule_index: int, prints: Fingerprints) -> Any:
    """One SARIF result."""
    suppressions = _suppressions(finding)
    return om.Result(
        rule_id=finding.rule,
        rule_index=rule_index,
        level=LEVELS[finding.severity],
        message=om.Message(text=(message_text(finding.message) or finding.rule) + _links_to(finding.related)),
        locations=[_primary(finding)],
        related_locations=_related(finding) or None,
        code_flows=_code_flows(finding) or None,
        partial_fingerprints=prints.of(finding),
        suppressions=suppressions or None,
        fixes=[_fix(finding.edits)] if finding.edits else None,
        properties={"ciGuard": _ours(finding)},
    )


def region(place: Region) -> Any:
    """A SARIF region; columns count code points (`columnKind` says so) and the end is exclusive."""
    return om.Region(
        start_line=place.start_line,
        start_column=place.start_column,
        end_line=place.end_line,
        end_column=place.end_column,
    )


def location(place: Location, *, snippet: bool = True) -> Any:
    """A SARIF location with the text of its region, unless that is unknown, long or on several lines."""
    physical = om.PhysicalLocation(artifact_location=_artifact(place.path))
    if place.region is not None:
        physical.region = region(place.region)
        if place.snippet and snippet:
            _add_snippet(physical, place.region, place.snippet)
    return om.Location(physical_location=physical)


def _add_snippet(physical: Any, place: Region, line: str) -> None:
    if place.end_line != place.start_line or len(line) > _SNIPPET_LIMIT:
        return
    part = line[place.start_column - 1 : place.end_column - 1]
    if part:
        physical.region.snippet = om.ArtifactContent(text=visible(part))
    if part != line:
        whole = om.ArtifactContent(text=visible(line))
        physical.context_region = om.Region(start_line=place.start_line, snippet=whole)


def _artifact(path: str) -> Any:
    return om.ArtifactLocation(uri=uri_of(path), uri_base_id=SOURCE_ROOT)


def _primary(finding: Finding) -> Any:
    place = location(finding.location)
    name = f"{finding.subject}: {finding.path}" if finding.path else str(finding.subject)
    place.logical_locations = [
        om.LogicalLocation(
            name=visible(finding.subject.name) or None,
            fully_qualified_name=visible(name),
            kind="resource" if finding.subject.api_version else visible(finding.subject.kind) or "resource",
        )
    ]
    return place


def _links_to(related: tuple[Location, ...]) -> str:
    """What makes a viewer show the related locations: links by their ids, behind the message."""
    return links([place.note or _place(place) for place in related[:_LINKED]])


def _place(place: Location) -> str:
    return f"{place.path}:{place.region.start_line}" if place.region else place.path


def _related(finding: Finding) -> list[Any]:
    related = []
    for number, place in enumerate(finding.related[:_RELATED_LIMIT], start=1):
        item = _noted(place)
        item.id = number
        related.append(item)
    return related


def _code_flows(finding: Finding) -> list[Any]:
    flows = []
    for flow in finding.flows:
        steps = [om.ThreadFlowLocation(location=_noted(step)) for step in flow.steps[:_FLOW_LIMIT]]
        if steps:
            flows.append(om.CodeFlow(thread_flows=[om.ThreadFlow(locations=steps)]))
    return flows


def _noted(place: Location) -> Any:
    item = location(place)
    if place.note:
        item.message = om.Message(text=message_text(place.note))
    return item


def _fix(edits: tuple[Edit, ...]) -> Any:
    by_path: dict[str, list[Any]] = {}
    for edit in edits:
        inserted = om.ArtifactContent(text=edit.text)
        replacement = om.Replacement(deleted_region=region(edit.region), inserted_content=inserted)
        by_path.setdefault(edit.path, []).append(replacement)
    changes = [om.ArtifactChange(artifact_location=_artifact(p), replacements=r) for p, r in by_path.items()]
    return om.Fix(description=om.Message(text="Apply the rule's own fix."), artifact_changes=changes)


def _suppressions(finding: Finding) -> list[Any]:
    out = []
    if finding.suppressed is not None:
        out.append(_suppression(finding.suppressed))
    if finding.implied_by:
        reason = f"Implied by {visible(finding.implied_by)}, which is reported on the same place."
        out.append(om.Suppression(kind="external", justification=reason))
    return out


def _suppression(accepted: Suppression) -> Any:
    return om.Suppression(
        kind="inSource" if accepted.origin in {"comment", "annotation"} else "external",
        justification=shorten(visible(accepted.reason), _REASON_LIMIT) or None,
        location=location(accepted.location, snippet=False) if accepted.location else None,
    )


def _ours(finding: Finding) -> dict[str, Any]:
    """What SARIF has no field for: kept so that `reader` gives back the same finding."""
    subject = finding.subject
    ours: dict[str, Any] = {
        "severity": str(finding.severity),
        "subject": {
            "kind": subject.kind,
            "name": subject.name,
            "namespace": subject.namespace,
            "apiVersion": subject.api_version,
            "container": subject.container,
        },
        "path": finding.path,
        "key": finding.key,
        "impliedBy": finding.implied_by,
    }
    if finding.suppressed is not None:
        accepted = finding.suppressed
        expires = accepted.expires.isoformat() if accepted.expires else ""
        ours["suppression"] = {"origin": accepted.origin, "expires": expires, "approver": accepted.approver}
    return {k: v for k, v in ours.items() if v}


def _resource_hash(finding: Finding) -> str:
    subject = finding.subject
    named = (subject.api_version, subject.kind, subject.namespace, subject.name, subject.container)
    text = "\0".join((finding.rule, *named, finding.path, finding.key))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
