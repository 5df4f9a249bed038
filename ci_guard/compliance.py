"""Which controls of which framework the judged rules touch, and how those fared."""

from __future__ import annotations

from dataclasses import dataclass

from ci_guard import TOOL_NAME
from ci_guard.model.report import Report

FAILED = "failed"
ACCEPTED = "accepted"
PASSED = "passed"
NOT_JUDGED = "not judged"
TOUCHED = "touched"


@dataclass(frozen=True, slots=True)
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


def control_results(report: Report) -> list[ControlResult]:
    """Every control that a rule of ours in the report touches, sorted by framework and control.

    A control fails when a rule that checks it directly has an open finding; one that is implied by another is open,
    too, only said elsewhere. Suppressing a finding accepts the risk, it does not make the control pass. It passes only
    when such a rule looked at something, none has a finding, and none was kept from judging. Related rules alone
    decide nothing.
    """
    speaking: dict[tuple[str, str], dict[str, str]] = {}
    for meta in report.rules.values():
        if meta.tool != TOOL_NAME:
            continue
        for framework, controls in meta.controls.items():
            for control, strength in controls.items():
                speaking.setdefault((framework, control), {})[meta.id] = strength
    ours = [f for f in report.findings if f.tool == TOOL_NAME]
    found = [f.rule for f in ours if f.suppressed is None]
    accepted = {f.rule for f in ours if f.suppressed is not None}
    return [
        ControlResult(
            framework,
            control,
            _outcome(report, rules, set(found), accepted),
            tuple(sorted(rules)),
            sum(r in rules for r in found),
        )
        for (framework, control), rules in sorted(speaking.items())
    ]


def _outcome(report: Report, rules: dict[str, str], found: set[str], accepted: set[str]) -> str:
    direct = {rule for rule, strength in rules.items() if strength == "direct"}
    if direct & found:
        return FAILED
    if direct & accepted:
        return ACCEPTED
    if any(u.rule in direct or (direct and not u.rule) for u in report.unjudged):
        return NOT_JUDGED
    if any(report.evaluated.get(rule) for rule in direct):
        return PASSED
    return NOT_JUDGED if direct else TOUCHED
