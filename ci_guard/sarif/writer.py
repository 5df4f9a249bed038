"""Report -> SARIF 2.1.0 bytes: one run a tool and category, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sarif_om as om

from ci_guard import HOME_URL, TOOL_NAME
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.report import Report, RuleKey, RuleMeta, scope_document
from ci_guard.model.secrecy import without_secrets
from ci_guard.sarif import limits, results
from ci_guard.sarif.encoding import category_of, message_text
from ci_guard.sarif.rules import Descriptors
from ci_guard.sarif.serialize import dump
from ci_guard.sarif.taxonomy import Taxonomy

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MANIFESTS = category_of("")
CATEGORIES = ("manifests", "dependencies", "provenance", "workflows")
"""All that the main job judges: `write(categories=CATEGORIES)` keeps a run of each, so that alerts close."""

_NOTIFICATIONS = 1_000

Group = tuple[str, str]


def write(
    report: Report,
    read: ReadBytes,
    *,
    suppressed: bool = True,
    categories: Iterable[str] = (),
    taxonomies: Iterable[Taxonomy] = (),
) -> bytes:
    """The report as SARIF, ASCII only, one result a line; without the source text that sensitive rules point at.

    `read` gives the files that findings point into (for line hashes). `suppressed=False` is the variant for
    upload: without what is suppressed or implied, because code scanning would show it as open, and within its
    limits. `categories` are rule folders that were judged: their runs are kept even when empty, so that alerts
    close. `taxonomies` are the catalogues of the frameworks that rules refer to.
    """
    report = without_secrets(report)
    findings = [f for f in report.findings if suppressed or f.counts]
    groups = _groups(report, findings, categories)
    prints = results.Fingerprints(read)
    given = tuple(taxonomies)
    if suppressed:
        return _log(report, groups, prints, given, most=0)
    for most in limits.FEWER:
        data = _log(report, groups, prints, given, most=most)
        if limits.is_small_enough(data):
            break
    return data


def _log(
    report: Report,
    groups: Mapping[Group, list[Finding]],
    prints: results.Fingerprints,
    taxonomies: tuple[Taxonomy, ...],
    *,
    most: int,
) -> bytes:
    """The log with all findings, or, for upload, at most `most` of each run."""
    runs = []
    for number, (group, members) in enumerate(groups.items()):
        kept = limits.worst_first(members, lambda f: f.severity, most) if most else members
        part = _Part(group, kept, found=len(members), first=number == 0, whole=not most)
        runs.append(_run(report, part, prints, taxonomies))
    body = ",\n".join(runs)
    return f'{{"$schema":"{SCHEMA}","version":"2.1.0","runs":[\n{body}\n]}}\n'.encode("ascii")


def _groups(report: Report, findings: Iterable[Finding], categories: Iterable[str]) -> dict[Group, list[Finding]]:
    ours = {category_of(folder) for folder in categories}
    groups: dict[Group, list[Finding]] = {(TOOL_NAME, category): [] for category in sorted(ours)}
    for finding in findings:
        groups.setdefault((finding.tool, _category(report, finding.tool, finding.rule)), []).append(finding)
    for key in report.rules:  # a foreign run without results, or rules that looked and found nothing
        if key.tool != TOOL_NAME or report.evaluated.get(key.rule):
            groups.setdefault((key.tool, _category(report, key.tool, key.rule)), [])
    for rule in {*report.evaluated, *(u.rule for u in report.unjudged if u.rule)}:
        groups.setdefault((TOOL_NAME, _category(report, TOOL_NAME, rule)), [])
    if not groups:
        groups[TOOL_NAME, MANIFESTS] = []
    # Ours first, manifests before the others: the first run carries the scope and the notices.
    return dict(sorted(groups.items(), key=lambda g: (g[0][0] != TOOL_NAME, g[0][1] != MANIFESTS, g[0])))


def _category(report: Report, tool: str, rule: str) -> str:
    meta = report.rules.get(RuleKey(tool, rule))
    folder = meta.category if meta else ""
    return category_of(folder) if tool == TOOL_NAME else folder


class _Part(NamedTuple):
    """What goes into one run. The first one carries the scope; one that is not `whole` lacks what is suppressed."""

    group: Group
    findings: Sequence[Finding]
    found: int
    first: bool
    whole: bool


def _run(report: Report, part: _Part, prints: results.Fingerprints, taxonomies: tuple[Taxonomy, ...]) -> str:
    group, findings = part.group, part.findings
    tool, category = group
    metas = _metas(report, group, findings)
    descriptors = Descriptors(metas, taxonomies)
    lines = [dump(results.result(f, descriptors.index[f.rule], prints)) for f in findings]
    taxonomy_components = descriptors.components()
    head = om.Run(
        tool=om.Tool(driver=_driver(report, tool, descriptors)),
        automation_details=om.RunAutomationDetails(id=category) if category else None,
        column_kind="unicodeCodePoints",
        original_uri_base_ids={
            "%SRCROOT%": {"description": {"text": "The folder that was judged: the root of the repository."}}
        },
        invocations=[_invocation(report, group, first=part.first, found=part.found, written=len(findings))],
        taxonomies=taxonomy_components or None,
        properties=_run_properties(report, part),
    )
    body = ",\n".join(lines)
    return f'{dump(head)[:-1]},"results":[\n{body}\n]}}' if body else f'{dump(head)[:-1]},"results":[]}}'


def _metas(report: Report, group: Group, findings: Iterable[Finding]) -> list[tuple[RuleMeta, Severity]]:
    """The run's rules with the severity that was in force: the findings' own where a profile changed it."""
    tool, category = group
    highest: dict[str, Severity] = {}
    for finding in findings:
        known = highest.get(finding.rule)
        if known is None or finding.severity.rank > known.rank:
            highest[finding.rule] = finding.severity
    names = set(highest)
    names |= {
        key.rule
        for key in report.rules
        if key.tool == tool
        and (tool != TOOL_NAME or report.evaluated.get(key.rule))
        and _category(report, *key) == category
    }
    metas = []
    for name in sorted(names):
        meta = report.rules.get(RuleKey(tool, name))
        if meta is None:
            meta = RuleMeta(tool, name, name, highest[name])
        metas.append((meta, highest.get(name, meta.severity)))
    return metas


def _driver(report: Report, tool: str, descriptors: Descriptors) -> Any:
    ours = tool == TOOL_NAME
    version = report.version if ours else None
    return om.ToolComponent(
        name=tool,
        full_name=f"{tool} {version}" if version else None,
        version=version,
        semantic_version=version,
        information_uri=HOME_URL if ours else None,
        rules=descriptors.rules,
        supported_taxonomies=descriptors.references() or None,
    )


def _invocation(report: Report, group: Group, *, first: bool, found: int, written: int) -> Any:
    tool, category = group
    notifications = [] if tool != TOOL_NAME else _notifications(report, category, first=first)
    text, level = limits.said(found, written)
    if text:
        notifications.append(_notification(text, level))
    broken = tool == TOOL_NAME and first and any(not u.rule for u in report.unjudged)
    return om.Invocation(execution_successful=not broken, tool_execution_notifications=notifications or None)


def _notifications(report: Report, category: str, *, first: bool) -> list[Any]:
    out = []
    for unjudged in report.unjudged:
        if first if not unjudged.rule else _category(report, TOOL_NAME, unjudged.rule) == category:
            text = f"{unjudged.rule or TOOL_NAME} could not judge {unjudged.subject}: {unjudged.reason}"
            ours = {"unjudged": {"rule": unjudged.rule, "subject": unjudged.subject, "reason": unjudged.reason}}
            level = "warning" if unjudged.rule else "error"
            out.append(_notification(text, level, unjudged.location, ours, unjudged.rule))
    if first:
        out += [_notification(n.message, "note", n.location, {"notice": n.message}) for n in report.notices]
    if len(out) > _NOTIFICATIONS:
        more = len(out) - _NOTIFICATIONS
        out = [*out[:_NOTIFICATIONS], _notification(f"{more} more notifications are not listed.", "warning")]
    return out


def _notification(
    text: str, level: str, place: Location | None = None, ours: dict[str, Any] | None = None, rule: str = ""
) -> Any:
    return om.Notification(
        message=om.Message(text=message_text(text)),
        level=level,
        locations=[results.location(place, snippet=False)] if place else None,
        associated_rule=om.ReportingDescriptorReference(id=rule) if rule else None,
        properties={"ciGuard": ours} if ours else None,
    )


def _run_properties(report: Report, part: _Part) -> dict[str, Any] | None:
    tool, category = part.group
    if tool != TOOL_NAME:
        return None
    evaluated = {
        rule: count
        for rule, count in sorted(report.evaluated.items())
        if (_category(report, TOOL_NAME, rule) == category)
    }
    ours: dict[str, Any] = {"evaluated": evaluated}
    if not part.whole:
        ours["forUpload"] = True  # that a rule looked, and has no result here, does not say that it found nothing
    if part.first:
        ours["scope"] = scope_document(report.scope)
    return {"ciGuard": ours}
