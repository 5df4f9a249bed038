"""The controls of one framework and what a report shows of each: fail, pass, not assessed, manual or excepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ci_guard import TOOL_NAME
from ci_guard.compliance.outcomes import ACCEPTED, FAILED, PASSED, TOUCHED, Rules, Tally, tally
from ci_guard.engine.frameworks import Control, Framework, relations
from ci_guard.model.finding import Finding
from ci_guard.model.record import record
from ci_guard.model.report import Report, RuleMeta

STATUSES = ("fail", "excepted", "pass", "manual", "not-assessed")


@record
class RuleEvidence:
    """What one rule contributes to a control: how many subjects it looked at, its open and its accepted findings."""

    rule: str
    relation: str
    looked: int
    open: int
    excepted: int
    unjudged: bool


@record
class Assessed:
    """One control. `id` is its name in the edition that was asked for; `reason` says why it is not simply pass or fail.

    `findings` are those of the rules that check it directly, accepted ones too.
    """

    control: Control
    id: str
    status: str
    reason: str
    evidence: tuple[RuleEvidence, ...]
    findings: tuple[Finding, ...]

    @property
    def related(self) -> int:
        """Open findings of rules that support the control only in part: they decide nothing."""
        return sum(e.open for e in self.evidence if e.relation != "direct")


@record
class Assessment:
    """All controls of an edition of a framework, in the framework's order."""

    framework: Framework
    edition: str
    controls: tuple[Assessed, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many controls have which status; every status is there."""
        counted = Counter(c.status for c in self.controls)
        return {status: counted[status] for status in STATUSES}


def assess(report: Report, framework: Framework, known: Iterable[RuleMeta], edition: str = "") -> Assessment:
    """What the report shows of the framework's controls.

    `known` are the rules of our catalogue: what the report itself says of a rule wins, for it is what was in force.
    Raises UsageError for an edition that the framework is not mapped to.
    """
    edition = framework.in_edition(edition)
    speaking = relations(framework.id, _metas(report, known).values())
    done = tally(report)
    by_rule: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if finding.tool == TOOL_NAME:
            by_rule.setdefault(finding.rule, []).append(finding)
    assessed = [
        _assessed(control, control.called(edition), speaking.get(control.id, {}), done, by_rule)
        for control in framework.controls
        if control.called(edition)
    ]
    return Assessment(framework, edition or framework.version, tuple(assessed))


def _metas(report: Report, known: Iterable[RuleMeta]) -> dict[str, RuleMeta]:
    metas = {meta.id: meta for meta in known}
    return metas | {meta.id: meta for meta in report.rules.values() if meta.tool == TOOL_NAME}


def _assessed(control: Control, id: str, rules: Rules, done: Tally, by_rule: Mapping[str, list[Finding]]) -> Assessed:
    outcome = done.outcome(rules)
    status, reason = _status(control, rules, outcome, done)
    return Assessed(
        control,
        id,
        status,
        reason,
        tuple(_evidence(rule, relation, done) for rule, relation in sorted(rules.items())),
        tuple(f for rule, relation in sorted(rules.items()) if relation == "direct" for f in by_rule.get(rule, ())),
    )


def _evidence(rule: str, relation: str, done: Tally) -> RuleEvidence:
    return RuleEvidence(
        rule,
        relation,
        looked=done.looked.get(rule, 0),
        open=done.open.get(rule, 0),
        excepted=done.accepted.get(rule, 0),
        unjudged=rule in done.unjudged,
    )


def _status(control: Control, rules: Rules, outcome: str, done: Tally) -> tuple[str, str]:
    if outcome == FAILED:
        return "fail", ""
    if outcome == ACCEPTED:
        return "excepted", "what fails is accepted; the risk is still there"
    if outcome == PASSED:
        return "pass", control.why
    if outcome == TOUCHED:
        return _untold(control, rules, done)
    if "" in done.unjudged:
        return "not-assessed", "the tool, or one whose results are here, did not finish"
    if any(rule in done.unjudged for rule in rules):
        return "not-assessed", "something could not be judged"
    return "not-assessed", "its rules had nothing to look at, or were not in the profile"


def _untold(control: Control, rules: Rules, done: Tally) -> tuple[str, str]:
    """The status of a control that no rule checks directly."""
    if control.assessable == "manual":
        return "manual", control.why
    if control.assessable == "not":
        return "not-assessed", control.why
    if any(done.looked.get(rule) for rule in rules):
        return "not-assessed", "only rules that support it in part looked"
    return "not-assessed", "no rule checks it directly"
