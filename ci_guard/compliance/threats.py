"""Findings by threat: STRIDE's six kinds or ATT&CK's techniques, each with the worst DREAD of what was found."""

from __future__ import annotations

from collections.abc import Iterable

from ci_guard import TOOL_NAME
from ci_guard.engine.frameworks import Control, Framework, relations
from ci_guard.model.finding import Finding
from ci_guard.model.record import record
from ci_guard.model.report import Report, RuleKey, RuleMeta


@record
class RuleThreat:
    """A rule that found something: how often, on which things (sorted), and how many of its findings are accepted."""

    meta: RuleMeta
    findings: int
    excepted: int
    objects: tuple[str, ...]


@record
class Threat:
    """A kind of threat, or a technique. `rules` found something, worst first; `looked` rules looked at something."""

    control: Control
    rules: tuple[RuleThreat, ...]
    looked: int

    @property
    def findings(self) -> int:
        """Open findings that bear on it."""
        return sum(rule.findings for rule in self.rules)

    @property
    def excepted(self) -> int:
        """Accepted findings that bear on it."""
        return sum(rule.excepted for rule in self.rules)

    @property
    def worst(self) -> float:
        """The highest DREAD score among the rules with an open finding, 0.0 if there is none."""
        return max((rule.meta.dread_score for rule in self.rules if rule.findings), default=0.0)


@record
class ThreatView:
    """All threats of a framework: those with findings first, worst first."""

    framework: Framework
    threats: tuple[Threat, ...]


def threats(report: Report, framework: Framework) -> ThreatView:
    """What our findings bear on. A threat without findings is not averted: files show little of most of them."""
    metas = [meta for meta in report.rules.values() if meta.tool == TOOL_NAME]
    speaking = relations(framework.id, metas)
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if finding.tool == TOOL_NAME and not finding.implied_by:
            found.setdefault(finding.rule, []).append(finding)
    views = [_threat(report, control, speaking.get(control.id, ()), found) for control in framework.controls]
    return ThreatView(framework, tuple(sorted(views, key=lambda t: (-t.worst, -t.findings, -t.excepted))))


def _threat(report: Report, control: Control, rules: Iterable[str], found: dict[str, list[Finding]]) -> Threat:
    named = sorted(rules)
    judged = [_rule(report.rules[RuleKey(TOOL_NAME, rule)], found[rule]) for rule in named if rule in found]
    judged.sort(key=lambda r: (-r.meta.dread_score, -r.findings))
    return Threat(control, tuple(judged), sum(bool(report.evaluated.get(rule)) for rule in named))


def _rule(meta: RuleMeta, findings: list[Finding]) -> RuleThreat:
    return RuleThreat(
        meta,
        findings=sum(f.suppressed is None for f in findings),
        excepted=sum(f.suppressed is not None for f in findings),
        objects=tuple(sorted({str(f.subject) for f in findings if f.suppressed is None})),
    )
