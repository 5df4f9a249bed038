"""Accepting findings of other tools: entries of the configuration whose rule is written TOOL/RULE.

Tool and rule are compared without regard to case: `checkov/CKV_K8S_8`, `hadolint/DL3007`. A tool that puts its own
name into its rule ids (`zizmor/unpinned-uses`) need not be named twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from ci_guard.config.types import SuppressionEntry
from ci_guard.model.finding import Finding
from ci_guard.model.record import replace
from ci_guard.model.suppression import Suppression
from ci_guard.suppress.comments import clean_reason
from ci_guard.suppress.ledger import (
    UNUSED,
    Applied,
    Emit,
    expired,
    is_foreign,
    speaks_of,
    told_of,
    without_reason,
)


def rule_names(tool: str, rule: str) -> frozenset[str]:
    """How a rule of a tool may be written, in lower case."""
    full = f"{tool}/{rule}".lower()
    return frozenset({full, rule.lower()}) if "/" in rule else frozenset({full})


def apply(
    findings: Iterable[Finding],
    entries: Sequence[SuppressionEntry],
    *,
    tools: Collection[str],
    today: date,
    emit: Emit,
) -> Applied:
    """Mark what the entries accept, and report entries that are wrong, or of one of `tools` and unused."""
    problems: list[Finding | None] = []
    valid: dict[str, list[SuppressionEntry]] = {}
    for entry in filter(is_foreign, entries):
        flaw = without_reason(entry.rule) if not clean_reason(entry.reason) else expired(entry, today)
        if flaw:
            problems.append(told_of(flaw, entry, emit))
        else:
            valid.setdefault(entry.rule.lower(), []).append(entry)
    used: set[int] = set()
    marked = [_mark(finding, valid, used) for finding in findings]
    ran = {tool.lower() for tool in tools}
    for entry in (entry for several in valid.values() for entry in several):
        if id(entry) not in used and entry.rule.partition("/")[0].lower() in ran:
            flaw = (UNUSED, f"The suppression of {entry.rule} suppresses nothing: remove it")
            problems.append(told_of(flaw, entry, emit))
    return Applied(marked, [problem for problem in problems if problem is not None])


def _mark(finding: Finding, valid: dict[str, list[SuppressionEntry]], used: set[int]) -> Finding:
    for name in sorted(rule_names(finding.tool, finding.rule)) if valid else ():
        for entry in valid.get(name, ()):
            if speaks_of(entry, finding.location.path, finding.subject):
                used.add(id(entry))
                if finding.suppressed is None:
                    reason = clean_reason(entry.reason)
                    suppression = Suppression(reason, "config", entry.location, entry.expires, entry.approver)
                    finding = replace(finding, suppressed=suppression)
    return finding
