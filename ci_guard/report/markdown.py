"""Markdown for a job summary and `report.md`: verdict, table, each rule with its threat, scope, what was not judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ci_guard import TOOL_NAME
from ci_guard.compliance.outcomes import ACCEPTED, FAILED, NOT_JUDGED, PASSED, TOUCHED, control_results
from ci_guard.gate import RESULTS, in_words
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.ports import ReadBytes
from ci_guard.model.report import Report, RuleKey, RuleMeta, Verdict
from ci_guard.report.compact import where
from ci_guard.report.escape import code, markdown
from ci_guard.report.prose import blocks
from ci_guard.report.style import Style
from ci_guard.report.summary import comparison_sentence, folders, scope_sentence

SIZE_LIMIT = 1_000_000  # bytes; GitHub drops a summary above 1,048,576
_CLOSING_RESERVE = 200_000  # of these for what follows the findings
_PER_RULE = 200
_LISTED = 100
_CONTROLS_HEAD = "| framework | failed | accepted | passed | not judged | only touched |"
_HEADLINES = {"open": "✅ Gate open", "closed": "❌ Gate closed", "broken": "⚠️ Could not judge"}


def render(report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:  # noqa: ARG001
    """The report within 1,000,000 bytes; what did not fit is counted at the end of the findings."""
    shown = [f for f in report.findings if f.counts]
    page = _Page(SIZE_LIMIT - _CLOSING_RESERVE)
    page.add("# ci-guard\n\n")
    if verdict is not None:
        page.add(f"**{_HEADLINES[RESULTS[verdict.exit_code]]}** (exit {verdict.exit_code})\n\n")
        page.add(f"{markdown(verdict.paragraph[:4000])}\n\n")
    page.add(_compared(report))
    if shown:
        page.add(_table(shown))
        _findings(page, report, shown)
    page.limit = SIZE_LIMIT
    for block in (_unjudged(report), _suppressions(report), _compliance(report), _scope(report)):
        page.add(block)
    return page.text


class _Page:
    """Text that never exceeds its limit in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._parts: list[str] = []
        self._size = 0

    def add(self, block: str) -> bool:
        """Append `block` if it fits as a whole; whether it did."""
        size = len(block.encode("utf-8"))
        if self._size + size > self.limit:
            return False
        self._parts.append(block)
        self._size += size
        return True

    @property
    def text(self) -> str:
        return "".join(self._parts)


def _compared(report: Report) -> str:
    if report.comparison is None:
        return ""
    fixed = report.comparison.fixed
    lines = [
        f"- fixed: {code(where(f.location)[:200])}: {code(f.rule)}: {markdown(f.message[:500])}"
        for f in fixed[:_LISTED]
    ]
    more = [f"- … and {len(fixed) - _LISTED} more"] if len(fixed) > _LISTED else []
    return "\n".join([f"**{markdown(comparison_sentence(report))}**", "", *lines, *more]).rstrip() + "\n\n"


def _table(shown: Iterable[Finding]) -> str:
    rows = folders(shown)
    total: Counter[Severity] = Counter()
    for counts in rows.values():
        total.update(counts)
    lines = [f"| folder | {' | '.join(Severity)} | total |", "|---|" + "--:|" * (len(Severity) + 1)]
    lines += [_row(code(name[:200]), counts) for name, counts in list(rows.items())[:_LISTED]]
    lines.append(_row("**total**", total))
    return "\n".join(lines) + "\n\n"


def _row(name: str, counts: Counter[Severity]) -> str:
    return f"| {name} | {' | '.join(str(counts[s] or '') for s in Severity)} | {sum(counts.values())} |"


def _findings(page: _Page, report: Report, shown: list[Finding]) -> None:
    """A section a rule, the worst rule first."""
    by_rule: dict[RuleKey, list[Finding]] = {}
    for finding in shown:
        by_rule.setdefault(RuleKey(finding.tool, finding.rule), []).append(finding)
    order = sorted(by_rule, key=lambda k: (-max(f.severity.rank for f in by_rule[k]), -_dread(report, k), *k))
    page.add("## Findings\n\n")
    left_out = sum(not page.add(_rule_section(report.rules.get(key), key, by_rule[key])) for key in order)
    if left_out:
        page.limit += 1_000
        page.add(f"{in_words(left_out, 'rule')} did not fit here; `ci-guard.sarif` has all findings.\n\n")


def _dread(report: Report, key: RuleKey) -> float:
    meta = report.rules.get(key)
    return meta.dread_score if meta else 0.0


def _rule_section(meta: RuleMeta | None, key: RuleKey, findings: list[Finding]) -> str:
    worst = max(findings, key=lambda f: f.severity.rank).severity
    name = key.rule if key.tool == TOOL_NAME else f"{key.tool}/{key.rule}"
    lines = [f"### {markdown(name)}: {worst}, {in_words(len(findings), 'finding')}", ""]
    if meta is not None:
        lines += _about(meta)
    lines += [_item(f) for f in findings[:_PER_RULE]]
    if len(findings) > _PER_RULE:
        lines.append(f"- … and {len(findings) - _PER_RULE} more")
    return "\n".join(lines) + "\n\n"


def _about(meta: RuleMeta) -> Iterator[str]:
    for label, text in (("", meta.title), ("**Why.** ", meta.why), ("**Remedy.** ", meta.remedy)):
        told = _own_words(text) if meta.tool == TOOL_NAME else [markdown(" ".join(text.split())[:2000])]
        for block in filter(None, told):
            yield f"{label}{block}"
            yield ""
            label = ""
    threat = []
    if meta.stride:
        threat.append(f"STRIDE: {', '.join(map(markdown, meta.stride))}")
    if meta.dread:
        threat.append(f"DREAD: {meta.dread_score}")
    threat += [f"{markdown(name)}: {_controls(ids)}" for name, ids in sorted(meta.controls.items()) if ids]
    if meta.pod_security:
        threat.append(f"Pod Security check: {code(meta.pod_security)}")
    if threat:
        yield f"**Threat and controls.** {'; '.join(threat)}"
        yield ""


def _own_words(text: str) -> Iterator[str]:
    """Our rules' own Markdown is kept, but without HTML: a rule may come from the repository's own folder."""
    for block in blocks(text):
        if block.example:
            yield "\n".join(f"    {line}" for line in block.lines)
        else:
            yield block.lines[0].replace("<", "&lt;")


def _controls(ids: Iterable[str]) -> str:
    return ", ".join(code(control) for control in sorted(ids))


def _item(finding: Finding) -> str:
    return f"- {code(where(finding.location)[:500])} {markdown(finding.message[:1000])}"


def _unjudged(report: Report) -> str:
    if not report.unjudged:
        return ""
    lines = ["## Not judged", "", "What could not be judged never counts as passed.", ""]
    for case in report.unjudged[:_LISTED]:
        lines.append(
            f"- {code(case.rule or report.tool)} {markdown(case.subject[:500])}: {markdown(case.reason[:500])}"
        )
    return _closed(lines, len(report.unjudged))


def _suppressions(report: Report) -> str:
    accepted = [f for f in report.findings if f.suppressed is not None]
    if not accepted:
        return ""
    lines = ["## Suppressed", "", "| rule | place | reason | how | until | by |", "|---|---|---|---|---|---|"]
    for finding in accepted[:_LISTED]:
        by = finding.suppressed
        if by is not None:
            until = by.expires.isoformat() if by.expires else ""
            cells = (
                code(finding.rule),
                code(where(finding.location)[:300]),
                markdown(by.reason[:300]),
                by.origin,
                until,
            )
            lines.append(f"| {' | '.join(cells)} | {markdown(by.approver[:100])} |")
    return _closed(lines, len(accepted))


def _compliance(report: Report) -> str:
    """Frameworks touched by the judged rules: how many of their controls fared how."""
    results = control_results(report)
    if not results:
        return ""
    lines = ["## Controls", "", _CONTROLS_HEAD, "|---|--:|--:|--:|--:|--:|"]
    for framework in sorted({r.framework for r in results}):
        counts = Counter(r.outcome for r in results if r.framework == framework)
        numbers = (counts[outcome] for outcome in (FAILED, ACCEPTED, PASSED, NOT_JUDGED, TOUCHED))
        lines.append(f"| {markdown(framework)} | {' | '.join(map(str, numbers))} |")
    lines += ["", "A control passes only if a rule that checks it directly looked at something and found nothing."]
    return _closed(lines, 0)


def _scope(report: Report) -> str:
    lines = ["## Scope", ""]
    sentence = scope_sentence(report)
    if sentence:
        lines += [markdown(sentence[:4000]), ""]
    scope = report.scope
    facts = [("tool", f"{report.tool} {report.version}"), ("root", scope.root), ("commit", scope.commit)]
    facts += [(name, value) for name, value in sorted(scope.digests.items())][:_LISTED]
    lines += ["| what | value |", "|---|---|"]
    lines += [f"| {markdown(name)} | {code(value[:300])} |" for name, value in facts if value]
    if report.notices:
        lines += ["", "### Notices", ""]
        for notice in report.notices[:_LISTED]:
            place = f"{code(where(notice.location)[:300])}: " if notice.location else ""
            lines.append(f"- {place}{markdown(notice.message[:500])}")
    return _closed(lines, len(report.notices))


def _closed(lines: list[str], count: int) -> str:
    if count > _LISTED:
        lines.append(f"\n… and {count - _LISTED} more")
    return "\n".join(lines) + "\n\n"
