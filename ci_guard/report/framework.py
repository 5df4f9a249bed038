"""A framework's controls, or threats, as Markdown for people who assess: evidence from files, no conformity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ci_guard import TOOL_NAME
from ci_guard.compliance.assessment import Assessed, Assessment
from ci_guard.compliance.threats import Threat, ThreatView
from ci_guard.gate import in_words
from ci_guard.model.finding import Finding
from ci_guard.model.report import Report
from ci_guard.report.compact import where
from ci_guard.report.escape import code, markdown
from ci_guard.report.prose import blocks

View = Assessment | ThreatView
Sources = Mapping[str, str]
"""The SARIF files that the report was made from: name -> `sha256:…`."""

_FINDINGS_SHOWN = 20  # of one control; JSON has all
_LISTED = 100
_WORDS = {
    "fail": "❌ fail",
    "excepted": "⚠️ excepted",
    "pass": "✅ pass",
    "manual": "manual",
    "not-assessed": "not assessed",
}
_STATEMENT = """\
This is static evidence: what rules found in files of a repository. It supports an assessment and replaces none. A
control passes here only if a rule that checks it directly looked at something and found nothing; *partial* says that
files show only a part of it. What is suppressed or in a baseline is *excepted*, never passed. Related rules support a
control in part and decide nothing.
"""
_THREATS = """\
Findings by what they make possible, worst first. DREAD (1 to 10, the mean of damage, reproducibility, exploitability,
affected users and discoverability) ranks them and decides nothing. A threat without findings is not averted: files show
little of most of them.
"""


def render(view: View, report: Report, sources: Sources) -> str:
    """The view as Markdown: summary, every control or threat, evidence, other tools, what was not judged, scope."""
    body = _assessment(view) if isinstance(view, Assessment) else _threats(view)
    closing = (*_others(report), *_unjudged(report), *_scope(view, report, sources))
    return "\n".join([*body, *closing]) + "\n"


def _assessment(view: Assessment) -> Iterator[str]:
    yield f"# {markdown(view.framework.title)} {markdown(view.edition)}"
    yield f"\n{_STATEMENT}\n## Summary\n\n| status | controls |\n|---|--:|"
    for status, count in view.counts.items():
        yield f"| {_WORDS[status]} | {count} |"
    yield f"| **all** | {len(view.controls)} |\n\n{_coverage(view)}"
    yield "\n## Controls\n\n| control | | status | files show it | looked at | open | accepted | related | remark |"
    yield "|---|---|---|---|--:|--:|--:|--:|---|"
    for assessed in view.controls:
        yield _row(assessed)
    evidence = [a for a in view.controls if a.findings or any(e.relation == "direct" for e in a.evidence)]
    if evidence:
        yield "\n## Evidence"
    for assessed in evidence:
        yield from _evidence(assessed)


def _coverage(view: Assessment) -> str:
    """Two numbers instead of one score: how much was assessed, and how much of that passed."""
    counts = view.counts
    assessed = counts["fail"] + counts["excepted"] + counts["pass"]
    visible = sum(a.control.assessable in {"static", "partial"} for a in view.controls)
    text = f"{assessed} of {in_words(len(view.controls), 'control')} were assessed; files can show {visible} of them."
    return f"{text} {counts['pass']} of the {assessed} passed." if assessed else text


def _row(assessed: Assessed) -> str:
    direct = [e for e in assessed.evidence if e.relation == "direct"]
    control = assessed.control
    numbers = (sum(e.looked for e in direct), sum(e.open for e in direct), sum(e.excepted for e in direct))
    cells = [code(assessed.id), markdown(control.title), _WORDS[assessed.status], control.assessable]
    cells += [str(n or "") for n in (*numbers, assessed.related)]
    return f"| {' | '.join(cells)} | {markdown(assessed.reason)} |"


def _evidence(assessed: Assessed) -> Iterator[str]:
    yield f"\n### {markdown(assessed.id)} {markdown(assessed.control.title)}: {_WORDS[assessed.status]}\n"
    for one in assessed.evidence:
        if one.relation == "direct":
            unjudged = ", could not judge everything" if one.unjudged else ""
            looked = f"looked at {one.looked}, {one.open} open, {one.excepted} accepted{unjudged}"
            yield f"- rule {code(one.rule)}: {looked}"
    for finding in assessed.findings[:_FINDINGS_SHOWN]:
        yield f"  - {_finding(finding)}"
    if len(assessed.findings) > _FINDINGS_SHOWN:
        yield f"  - … and {len(assessed.findings) - _FINDINGS_SHOWN} more"


def _finding(finding: Finding) -> str:
    text = f"{code(where(finding.location)[:500])} {markdown(finding.message[:1000])}"
    accepted = finding.suppressed
    if accepted is None:
        return text
    facts = [accepted.origin, accepted.reason[:300]]
    facts += [f"by {accepted.approver[:100]}"] if accepted.approver else []
    facts += [f"until {accepted.expires.isoformat()}"] if accepted.expires else []
    return f"{text} (accepted: {markdown('; '.join(filter(None, facts)))})"


def _threats(view: ThreatView) -> Iterator[str]:
    yield f"# {markdown(view.framework.title)} {markdown(view.framework.version)}"
    yield f"\n{_THREATS}\n| threat | | worst DREAD | open | accepted | rules that looked |\n|---|---|--:|--:|--:|--:|"
    seen = [t for t in view.threats if t.rules or t.looked]
    for threat in seen:
        numbers = " | ".join(str(n or "") for n in (threat.worst, threat.findings, threat.excepted, threat.looked))
        yield f"| {code(threat.control.id)} | {markdown(threat.control.title)} | {numbers} |"
    if len(seen) < len(view.threats):
        yield f"\nNo rule of this run speaks of {len(view.threats) - len(seen)} others."
    for threat in seen:
        if threat.rules:
            yield from _threat(threat)


def _threat(threat: Threat) -> Iterator[str]:
    yield f"\n## {markdown(threat.control.id)}: {markdown(threat.control.title)}\n"
    yield f"{markdown(threat.control.description)}\n"
    for rule in threat.rules:
        meta = rule.meta
        counts = f"{in_words(rule.findings, 'finding')}" + (f", {rule.excepted} accepted" if rule.excepted else "")
        vector = "/".join(str(value) for value in meta.dread.values())
        dread = f"DREAD {vector} = {meta.dread_score}" if vector else "no DREAD"
        yield f"- {code(meta.id)} {markdown(meta.title)}: {counts}, {dread}"
        yield from (f"  - {markdown(name[:300])}" for name in rule.objects[:_FINDINGS_SHOWN])
        if len(rule.objects) > _FINDINGS_SHOWN:
            yield f"  - … and {len(rule.objects) - _FINDINGS_SHOWN} more"
        remedy = next((block.lines[0] for block in blocks(meta.remedy) if not block.example), "")
        if remedy:
            yield f"  - Remedy: {markdown(remedy[:1000])}"


def _others(report: Report) -> Iterator[str]:
    counts = Counter(f.tool for f in report.findings if f.tool != TOOL_NAME and f.counts)
    if counts:
        yield "\n## Findings of other tools\n\nTheir rules name no controls, so nothing above rests on them.\n"
        yield from (f"- {markdown(tool[:200])}: {in_words(n, 'finding')}" for tool, n in sorted(counts.items()))


def _unjudged(report: Report) -> Iterator[str]:
    if report.unjudged:
        yield "\n## Not judged\n\nWhat could not be judged never counts as passed.\n"
    for case in report.unjudged[:_LISTED]:
        yield f"- {code(case.rule or report.tool)} {markdown(case.subject[:500])}: {markdown(case.reason[:500])}"
    if len(report.unjudged) > _LISTED:
        yield f"- … and {len(report.unjudged) - _LISTED} more"


def _scope(view: View, report: Report, sources: Sources) -> Iterator[str]:
    scope, framework = report.scope, view.framework
    yield "\n## Scope\n\n| what | value |\n|---|---|"
    files = ", ".join(f"{count} {outcome}" for outcome, count in scope.files.items())
    facts = [
        ("framework", f"{framework.title} {framework.version}, {framework.organization}"),
        ("licence", framework.licence),
        ("tool", f"{report.tool} {report.version}"),
        ("profile", scope.profile),
        ("Pod Security version", scope.pod_security_version),
        ("commit", scope.commit),
        ("root", scope.root),
        ("files", files),
        ("documents", str(scope.documents)),
        ("subjects", str(scope.subjects)),
    ]
    yield from _rows(facts)
    yield from _rows(list(scope.digests.items())[:_LISTED])
    yield from _rows(sources.items())


def _rows(facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"| {markdown(name[:300])} | {code(value[:500])} |" for name, value in facts if value)
