"""How controls fared by the rules of a report that speak of them, whatever framework they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ci_guard import TOOL_NAME
from ci_guard.model.record import record
from ci_guard.model.report import Report

FAILED = "failed"
ACCEPTED = "accepted"
PASSED = "passed"
NOT_JUDGED = "not judged"
TOUCHED = "touched"

Rules = Mapping[str, str]
"""The rules that speak of a control: id -> `direct` or `related`."""


@record
class ControlResult:
    """One control. `outcome` is `failed`, `accepted` (what fails is suppressed), `passed`, `not judged` or `touched`.

    `touched` says that only related rules looked. `rules` are the ids that speak of the control, `findings` how
    many of theirs are open.
    """

    framework: str
    control: str
    outcome: str
    rules: tuple[str, ...]
    findings: int


@record
class Tally:
    """What each rule of ours did: findings that are open, findings that are accepted, subjects that it looked at.

    A finding that another rule implies is open, too, only said elsewhere. `unjudged` are the rules that could not judge
    something; "" among them is the whole tool.
    """

    open: Mapping[str, int]
    accepted: Mapping[str, int]
    looked: Mapping[str, int]
    unjudged: frozenset[str]

    def outcome(self, rules: Rules) -> str:
        """How a control fared.

        It fails when a rule that checks it directly has an open finding. Suppressing a finding accepts the risk, it
        does not make the control pass. It passes only when such a rule looked at something, none has a finding, and
        none was kept from judging. Related rules alone decide nothing.
        """
        direct = [rule for rule, relation in rules.items() if relation == "direct"]
        if any(self.open.get(rule) for rule in direct):
            return FAILED
        if any(self.accepted.get(rule) for rule in direct):
            return ACCEPTED
        if direct and ("" in self.unjudged or not self.unjudged.isdisjoint(direct)):
            return NOT_JUDGED
        if any(self.looked.get(rule) for rule in direct):
            return PASSED
        return NOT_JUDGED if direct else TOUCHED


def tally(report: Report) -> Tally:
    """What our rules did; what other tools say speaks of no control."""
    ours = [f for f in report.findings if f.tool == TOOL_NAME]
    return Tally(
        open=Counter(f.rule for f in ours if f.suppressed is None),
        accepted=Counter(f.rule for f in ours if f.suppressed is not None),
        looked=report.evaluated,
        unjudged=frozenset(u.rule for u in report.unjudged),
    )


def control_results(report: Report) -> list[ControlResult]:
    """Every control that a rule of ours in the report touches, sorted by framework and control."""
    speaking: dict[tuple[str, str], dict[str, str]] = {}
    for meta in report.rules.values():
        if meta.tool == TOOL_NAME:
            for framework, controls in meta.controls.items():
                for control, relation in controls.items():
                    speaking.setdefault((framework, control), {})[meta.id] = relation
    done = tally(report)
    return [
        ControlResult(
            framework,
            control,
            done.outcome(rules),
            tuple(sorted(rules)),
            sum(done.open.get(rule, 0) for rule in rules),
        )
        for (framework, control), rules in sorted(speaking.items())
    ]
