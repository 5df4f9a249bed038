"""The same as JSON for programs, `ci-guard/framework-report/1` (docs/schemas/framework-report.schema.json)."""

from __future__ import annotations

from collections import Counter

from ci_guard import TOOL_NAME
from ci_guard.compliance.assessment import Assessed, Assessment
from ci_guard.compliance.threats import Threat, ThreatView
from ci_guard.model.report import Report
from ci_guard.report.framework import Sources, View
from ci_guard.report.json import JsonObject, finding_document, written
from ci_guard.report.json import document as report_document

SCHEMA = "ci-guard/framework-report/1"


def render(view: View, report: Report, sources: Sources) -> str:
    """ASCII-only JSON with an indent of one, the same text every time."""
    return written(document(view, report, sources))


def document(view: View, report: Report, sources: Sources) -> JsonObject:
    """The view as plain values, with what it rests on."""
    whole = report_document(report, None)
    framework = view.framework
    return {
        "schema": SCHEMA,
        "tool": whole["tool"],
        "framework": {
            "id": framework.id,
            "title": framework.title,
            "version": framework.version,
            "edition": view.edition if isinstance(view, Assessment) else framework.version,
            "organization": framework.organization,
            "url": framework.url,
            "licence": framework.licence,
        },
        "scope": whole["scope"],
        "sources": dict(sorted(sources.items())),
        **_parts(view),
        "otherTools": _others(report),
        "unjudged": whole["unjudged"],
    }


def _parts(view: View) -> JsonObject:
    if isinstance(view, ThreatView):
        return {"threats": [_threat(threat) for threat in view.threats]}
    return {"counts": dict(view.counts), "controls": [_control(assessed) for assessed in view.controls]}


def _control(assessed: Assessed) -> JsonObject:
    control = assessed.control
    return {
        "id": assessed.id,
        "title": control.title,
        "status": assessed.status,
        "assessable": control.assessable,
        "reason": assessed.reason,
        "rules": [
            {
                "rule": one.rule,
                "relation": one.relation,
                "looked": one.looked,
                "open": one.open,
                "excepted": one.excepted,
                "unjudged": one.unjudged,
            }
            for one in assessed.evidence
        ],
        "findings": [finding_document(finding) for finding in assessed.findings],
    }


def _threat(threat: Threat) -> JsonObject:
    return {
        "id": threat.control.id,
        "title": threat.control.title,
        "worstDread": threat.worst,
        "open": threat.findings,
        "excepted": threat.excepted,
        "rulesThatLooked": threat.looked,
        "rules": [
            {
                "rule": rule.meta.id,
                "title": rule.meta.title,
                "open": rule.findings,
                "excepted": rule.excepted,
                "dread": dict(rule.meta.dread),
                "dreadScore": rule.meta.dread_score,
                "objects": list(rule.objects),
                "remedy": rule.meta.remedy,
            }
            for rule in threat.rules
        ],
    }


def _others(report: Report) -> dict[str, int]:
    """Open findings of other tools by tool: their rules name no controls."""
    return dict(sorted(Counter(f.tool for f in report.findings if f.tool != TOOL_NAME and f.counts).items()))
