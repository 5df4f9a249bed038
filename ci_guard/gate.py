"""The gate: one decision on one report, in plain words, whichever tools the findings come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ci_guard import __version__
from ci_guard.model.errors import EXIT_BROKEN, EXIT_CLOSED, EXIT_OPEN
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Report, Unjudged, Verdict
from ci_guard.model.suppression import Suppression

VERDICT_SCHEMA = "ci-guard/verdict/1"
NEVER = "never"
RESULTS = {EXIT_OPEN: "open", EXIT_CLOSED: "closed", EXIT_BROKEN: "broken"}
_NAMED = 5  # rules, reasons and subjects that the paragraph lists; verdict.json has them all
_NOTHING = "no file in scope is something that the rules look at"
_ACCEPTED = {
    "other": "suppressed with a reason",
    "baseline": "accepted by the baseline",
    "profile": "exempt by the profile",
    "since": "there before, on lines that did not change",
    "choice": "left out by --select or --ignore",
}
_ABOUT_POLICY = frozenset({"policy-changed", "suppression-expired", "suppression-unused"})
_JUDGED_OUTCOMES = ("judged", "sarif-run")


@record
class GatePolicy:
    """What closes the gate: `fail_on` is the lowest severity that does, or `never`.

    `allow_empty` opens it when nothing was judged: for hooks, which say so in a notice instead. `ratchet` allows so
    many findings of a severity, whatever `fail_on` says of it, and not one more; severities that it does not name are
    left to `fail_on`.
    """

    fail_on: str = "high"
    allow_empty: bool = False
    ratchet: Mapping[str, int] = field(default_factory=dict)


def decide(report: Report, policy: GatePolicy) -> Verdict:
    """The verdict on `report`.

    Only findings that count (neither suppressed nor implied) close the gate. A failure of the tool or of a service
    (`Unjudged` with rule "") is exit 3, whatever was found besides; a rule that could not judge a subject is named
    but is no failure, because the malformed field is a finding of its own. Nothing judged is exit 3, too.
    """
    counting = [f for f in report.findings if f.counts]
    closing = _closing(counting, policy)
    broken = [u for u in report.unjudged if not u.rule]
    empty = nothing_judged(report)
    exit_code = EXIT_CLOSED if closing else EXIT_OPEN
    if broken or (empty and not policy.allow_empty):
        exit_code = EXIT_BROKEN
    accepted = [f.suppressed for f in report.findings if f.suppressed is not None]
    baselined = sum(s.origin == "baseline" for s in accepted)
    verdict = Verdict(
        exit_code=exit_code,
        paragraph="",
        fail_on=policy.fail_on,
        counts=severity_counts(counting),
        suppressed=len(accepted) - baselined,
        baselined=baselined,
        reasons=tuple(_reasons(closing, broken, empty=empty and not policy.allow_empty)),
    )
    return replace(verdict, paragraph=" ".join(_sentences(report, verdict, policy, closing, broken)))


def _closing(counting: Sequence[Finding], policy: GatePolicy) -> list[Finding]:
    counted = Counter(f.severity for f in counting)
    return [
        f
        for f in counting
        if (
            policy.fail_on != NEVER and counted[f.severity] > policy.ratchet[f.severity]
            if f.severity in policy.ratchet
            else closes(f.severity, policy.fail_on)
        )
    ]


def closes(severity: Severity, fail_on: str) -> bool:
    """Whether a finding of `severity` closes a gate that fails on `fail_on`."""
    return fail_on != NEVER and severity.rank >= Severity(fail_on).rank


def nothing_judged(report: Report) -> bool:
    """No subject, no file, no finding, no run of another tool: an open gate would mean nothing.

    What is said about the policy itself is no judgement of anything.
    """
    judged = any(report.scope.files.get(outcome) for outcome in _JUDGED_OUTCOMES)
    found = any(f.rule not in _ABOUT_POLICY for f in report.findings)
    return not (found or report.scope.subjects or any(report.evaluated.values()) or judged)


def severity_counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings each severity has, all severities present, worst first."""
    counted = Counter(str(f.severity) for f in findings)
    return {str(severity): counted[str(severity)] for severity in Severity}


def kind_of_suppression(accepted: Suppression) -> str:
    """`baseline`, `profile` (what a profile exempts by design) or `other` (somebody gave a reason)."""
    kind = accepted.origin.partition(" ")[0]
    return kind if kind in _ACCEPTED else "other"


def in_words(number: int, noun: str, plural: str = "") -> str:
    """`1 finding`, `2 findings`, `no findings`."""
    return f"{number or 'no'} {noun if number == 1 else plural or noun + 's'}"


def decision(verdict: Verdict) -> dict[str, Any]:
    """The verdict alone, as `verdict.json` and the JSON report write it."""
    return {
        "result": RESULTS[verdict.exit_code],
        "exitCode": verdict.exit_code,
        "paragraph": verdict.paragraph,
        "failOn": verdict.fail_on,
        "counts": dict(verdict.counts),
        "suppressed": verdict.suppressed,
        "baselined": verdict.baselined,
        "reasons": list(verdict.reasons),
    }


def verdict_document(verdict: Verdict, report: Report, evidence: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What `verdict.json` holds: the decision, what it rests on, and what was judged (docs/schemas/).

    `evidence` is what deriving the decision once more needs (`pipeline.evidence`).
    """
    scope = report.scope
    document = {
        "schema": VERDICT_SCHEMA,
        "tool": {"name": report.tool, "version": report.version or __version__},
        **decision(verdict),
        "unjudged": len(report.unjudged),
        "commit": scope.commit,
        "digests": dict(sorted(scope.digests.items())),
    }
    return {**document, "evidence": dict(evidence)} if evidence is not None else document


def verdict_json(verdict: Verdict, report: Report, evidence: Mapping[str, Any] | None = None) -> bytes:
    """`verdict_document` as bytes, the same every time."""
    import json  # only `run` writes it; hooks decide without

    return (json.dumps(verdict_document(verdict, report, evidence), indent=2) + "\n").encode("ascii")


def _reasons(closing: list[Finding], broken: list[Unjudged], *, empty: bool) -> Iterable[str]:
    for failure in broken:
        yield f"failed: {failure.subject}: {failure.reason}"
    if empty:
        yield "nothing was judged"
    ranked = Counter((-f.severity.rank, f.rule, str(f.severity)) for f in closing)
    for (_, rule, severity), count in sorted(ranked.items()):
        yield f"{rule}: {count} {severity}"


def _sentences(
    report: Report, verdict: Verdict, policy: GatePolicy, closing: list[Finding], broken: list[Unjudged]
) -> Iterable[str]:
    yield from _headline(report, verdict, closing, broken)
    yield from _by_ratchet(verdict, policy)
    lesser = sum(verdict.counts.values()) - len(closing)
    verb = "is" if lesser == 1 else "are"
    if lesser and verdict.fail_on == NEVER:
        yield f"{_plural_findings(lesser)} {verb} listed; none closes it, because it is told never to fail."
    elif lesser and not policy.ratchet:
        yield f"{_plural_findings(lesser)} below {verdict.fail_on} {verb} listed but {_does(lesser)} not close it."
    elif lesser:
        yield f"{_plural_findings(lesser)} {verb} within the ratchet or below {verdict.fail_on}, and listed."
    accepted = Counter(kind_of_suppression(f.suppressed) for f in report.findings if f.suppressed is not None)
    for kind, words in _ACCEPTED.items():
        if accepted[kind]:
            yield f"{_plural_findings(accepted[kind])} {_was(accepted[kind])} {words}."
    yield from _could_not_judge(report)


def _by_ratchet(verdict: Verdict, policy: GatePolicy) -> Iterable[str]:
    """Where there are more than last time, and where the ratchet could be drawn closer."""
    if policy.fail_on == NEVER:
        return
    more = [(s, n, policy.ratchet[s]) for s, n in verdict.counts.items() if n > policy.ratchet.get(s, n)]
    if more:
        listed = ", ".join(f"{count} {severity} where {allowed or 'none'} may be" for severity, count, allowed in more)
        yield f"The ratchet allows no more than last time: {listed}."
    fewer = [
        f"{severity} ({count})" for severity, count in verdict.counts.items() if count < policy.ratchet.get(severity, 0)
    ]
    if fewer and not more:
        yield f"There are fewer than the ratchet allows, of {', '.join(fewer)}: --write-ratchet draws it closer."


def _headline(report: Report, verdict: Verdict, closing: list[Finding], broken: list[Unjudged]) -> Iterable[str]:
    if broken:
        failures = _listed([f"{u.subject}: {u.reason}" if u.subject else u.reason for u in broken], "; ")
        yield f"Could not judge: something failed ({failures}). This is neither a pass nor a fail."
    elif verdict.exit_code == EXIT_BROKEN:
        yield f"Nothing was judged: {_NOTHING}. An open gate would mean nothing."
    if closing:
        by_severity = Counter(f.severity for f in closing)
        worst_first = [f"{by_severity[s]} {s}" for s in Severity if by_severity[s]]
        rules = Counter(f.rule for f in sorted(closing, key=lambda f: -f.severity.rank))
        named = _listed([f"{rule} ({count})" for rule, count in rules.items()], ", ")
        start = "The gate is closed:" if verdict.exit_code == EXIT_CLOSED else "What was judged would close the gate:"
        beyond = all(closes(f.severity, verdict.fail_on) for f in closing)
        many = f"{_plural_findings(len(closing))}" + (f" at or above {verdict.fail_on}" if beyond else "")
        yield f"{start} {many} ({', '.join(worst_first)}), by {named}."
    elif verdict.exit_code == EXIT_OPEN:
        yield _open(report, verdict)


def _open(report: Report, verdict: Verdict) -> str:
    if nothing_judged(report):
        return f"The gate is open, but nothing was judged: {_NOTHING}."
    if not any(verdict.counts.values()):
        return f"The gate is open: no findings{_in_scope(report)}."
    if verdict.fail_on == NEVER:
        return "The gate is open."
    if any(count and closes(Severity(severity), verdict.fail_on) for severity, count in verdict.counts.items()):
        return "The gate is open: no severity has more findings than the ratchet allows."
    return f"The gate is open: no finding at or above {verdict.fail_on}{_in_scope(report)}."


def _in_scope(report: Report) -> str:
    scope = report.scope
    if scope.documents:
        return f" in {in_words(scope.documents, 'document')}"
    return f" in {in_words(scope.subjects, 'subject')}" if scope.subjects else ""


def _could_not_judge(report: Report) -> Iterable[str]:
    rules = Counter(u.rule for u in report.unjudged if u.rule)
    if rules:
        places = sum(rules.values())
        named = _listed([f"{rule} ({count})" for rule, count in sorted(rules.items())], ", ")
        yield f"{in_words(places, 'judgement')} could not be made, which does not count as passed: {named}."


def _listed(parts: list[str], separator: str) -> str:
    if len(parts) <= _NAMED:
        return separator.join(parts)
    return separator.join(parts[:_NAMED]) + f" and {len(parts) - _NAMED} more"


def _plural_findings(count: int) -> str:
    return in_words(count, "finding")


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _does(count: int) -> str:
    return "does" if count == 1 else "do"
