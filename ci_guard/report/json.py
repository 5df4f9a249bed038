"""The report as JSON, `ci-guard/report/1`: everything, for programs (docs/schemas/report.schema.json)."""

from __future__ import annotations

import json
from typing import Any

from ci_guard.gate import decision
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location, Region
from ci_guard.model.ports import ReadBytes
from ci_guard.model.report import Report, RuleKey, RuleMeta, Verdict, scope_document
from ci_guard.model.suppression import Suppression
from ci_guard.report.style import Style

SCHEMA = "ci-guard/report/1"
JsonObject = dict[str, Any]


def render(report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:  # noqa: ARG001
    """ASCII-only JSON with an indent of one, the same text every time."""
    return written(document(report, verdict))


def written(value: JsonObject) -> str:
    """Plain values as ASCII-only JSON with an indent of one and a line end at the end."""
    text = json.dumps(value, indent=1, ensure_ascii=True)
    # Lone surrogates (of file names that are not UTF-8) are no JSON: replace them as written.
    if "\\ud" in text:
        text = json.dumps(_well_formed(value), indent=1, ensure_ascii=True)
    return text + "\n"


def document(report: Report, verdict: Verdict | None) -> JsonObject:
    """The report as plain values; suppressed and implied findings included, and marked.

    Source text is as the report holds it: `report.render` has taken secrets out of it.
    """
    keys = dict.fromkeys(RuleKey(f.tool, f.rule) for f in report.findings)
    metas = [report.rules[key] for key in sorted(keys) if key in report.rules]
    return {
        "schema": SCHEMA,
        "tool": {"name": report.tool, "version": report.version},
        "scope": scope_document(report.scope),
        "rules": [_rule(meta) for meta in metas],
        "findings": [finding_document(f) for f in report.findings],
        "evaluated": dict(sorted(report.evaluated.items())),
        "unjudged": [
            {"rule": u.rule, "subject": u.subject, "reason": u.reason, "location": _place(u.location)}
            for u in report.unjudged
        ],
        "notices": [{"message": n.message, "location": _place(n.location)} for n in report.notices],
        "comparison": _comparison(report),
        "verdict": None if verdict is None else decision(verdict),
    }


def _comparison(report: Report) -> JsonObject | None:
    """What is new, unchanged and gone since `--since`; null without it."""
    against = report.comparison
    if against is None:
        return None
    fixed = [{"rule": f.rule, "message": f.message, "location": _place(f.location)} for f in against.fixed]
    return {"since": against.revision, "new": against.new, "unchanged": against.unchanged, "fixed": fixed}


def _rule(meta: RuleMeta) -> JsonObject:
    return {
        "tool": meta.tool,
        "id": meta.id,
        "title": meta.title,
        "severity": str(meta.severity),
        "category": meta.category,
        "status": meta.status,
        "why": meta.why,
        "remedy": meta.remedy,
        "podSecurity": meta.pod_security,
        "controls": {name: dict(ids) for name, ids in meta.controls.items()},
        "stride": list(meta.stride),
        "dread": dict(meta.dread),
        "references": list(meta.references),
        "helpUri": meta.help_uri,
    }


def finding_document(finding: Finding) -> JsonObject:
    """One finding as plain values."""
    subject = finding.subject
    return {
        "tool": finding.tool,
        "rule": finding.rule,
        "severity": str(finding.severity),
        "message": finding.message,
        "location": _location(finding.location),
        "subject": {
            "apiVersion": subject.api_version,
            "kind": subject.kind,
            "namespace": subject.namespace,
            "name": subject.name,
            "container": subject.container,
        },
        "path": finding.path,
        "key": finding.key,
        "related": [_location(place) for place in finding.related],
        "flows": [[_location(step) for step in flow.steps] for flow in finding.flows],
        "edits": [{"path": e.path, "region": _region(e.region), "text": e.text} for e in finding.edits],
        "impliedBy": finding.implied_by,
        "suppressed": _suppression(finding.suppressed),
    }


def _place(location: Location | None) -> JsonObject | None:
    return None if location is None else {**_location(location), "snippet": ""}


def _location(location: Location) -> JsonObject:
    return {
        "path": location.path,
        "region": None if location.region is None else _region(location.region),
        "snippet": location.snippet,
        "note": location.note,
    }


def _region(region: Region) -> JsonObject:
    return {
        "startLine": region.start_line,
        "startColumn": region.start_column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }


def _suppression(suppression: Suppression | None) -> JsonObject | None:
    if suppression is None:
        return None
    return {
        "reason": suppression.reason,
        "origin": suppression.origin,
        "location": _place(suppression.location),
        "expires": suppression.expires.isoformat() if suppression.expires else None,
        "approver": suppression.approver,
    }


def _well_formed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_well_formed(k): _well_formed(v) for k, v in value.items()}
    return [_well_formed(v) for v in value] if isinstance(value, list) else value
