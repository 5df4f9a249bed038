"""SARIF of any tool -> Report. What we wrote ourselves comes back as it was; nothing is trusted to be well formed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ci_guard import TOOL_NAME
from ci_guard.model.errors import InputError
from ci_guard.model.finding import Finding, sort_key
from ci_guard.model.report import Notice, Report, RuleKey, RuleMeta, Scope, Unjudged
from ci_guard.sarif import access
from ci_guard.sarif.access import JsonObject
from ci_guard.sarif.descriptors import RunRules
from ci_guard.sarif.encoding import plain_text
from ci_guard.sarif.places import Places
from ci_guard.sarif.rebuild import finding_of

JUDGED_RUN = "sarif-run"
"""The outcome that `Scope.files` counts for every run of another tool that has a list of results."""


def read(data: bytes, path: str) -> Report:
    """The findings, rules, notices and failures of the SARIF log `data`.

    A run without a list of results, or with an unsuccessful invocation, is a failure of that tool (`Unjudged`
    with rule ""). Raises InputError, naming `path`, when `data` is no SARIF 2.1.0 log.
    """
    log = access.parse(data, path)
    if access.text(log, "version") != "2.1.0":
        raise InputError(f"{path}: not a SARIF 2.1.0 log (version {str(log.get('version'))[:20]!r})")
    if not isinstance(log.get("runs"), list):
        raise InputError(f"{path}: a SARIF log has a list of runs, this one has none")
    reports = [_run(run, path) for run in access.children(log, "runs")]
    return merge(reports)


def is_for_upload(data: bytes, path: str) -> bool:
    """Whether we wrote `data` for code scanning, without what is suppressed: no base for saying that a rule passed.

    Raises InputError when `data` is no JSON.
    """
    runs = access.children(access.parse(data, path), "runs")
    return any(access.child(run, "properties", "ciGuard").get("forUpload") is True for run in runs)


def merge(reports: Iterable[Report]) -> Report:
    """One report of many: findings sorted, counts added up, the first scope that names a profile kept."""
    given = list(reports)
    rules: dict[RuleKey, RuleMeta] = {}
    evaluated: Counter[str] = Counter()
    for report in given:
        rules.update(report.rules)
        evaluated.update(report.evaluated)
    return Report(
        tool=TOOL_NAME,
        version=next((r.version for r in given if r.version), ""),
        scope=_merge_scopes([r.scope for r in given]),
        rules=rules,
        findings=tuple(sorted((f for r in given for f in r.findings), key=sort_key)),
        evaluated=dict(sorted(evaluated.items())),
        unjudged=tuple(u for r in given for u in r.unjudged),
        notices=tuple(n for r in given for n in r.notices),
    )


def _merge_scopes(scopes: list[Scope]) -> Scope:
    files: Counter[str] = Counter()
    for scope in scopes:
        files.update(scope.files)
    digests: dict[str, str] = {}
    for scope in scopes:
        digests.update(scope.digests)
    lead = next((s for s in scopes if s.profile), Scope())
    return Scope(
        root=lead.root,
        files=dict(sorted(files.items())),
        documents=sum(s.documents for s in scopes),
        subjects=sum(s.subjects for s in scopes),
        profile=lead.profile,
        pod_security_version=lead.pod_security_version,
        commit=next((s.commit for s in scopes if s.commit), ""),
        digests=digests,
    )


def _run(run: JsonObject, path: str) -> Report:
    driver = access.child(run, "tool", "driver")
    tool = access.text(driver, "name") or "unknown tool"
    places = Places(run)
    rules = RunRules(run, tool)
    findings: list[Finding] = []
    for result in access.children(run, "results"):
        finding = finding_of(result, tool, rules, places)
        if finding is not None:
            findings.append(finding)
    ours = access.child(run, "properties", "ciGuard") if tool == TOOL_NAME else {}
    judged = isinstance(run.get("results"), list)
    unjudged = list(_unjudged(run, tool, places))
    if not judged:
        unjudged.append(Unjudged("", path, f"the run of {tool} has no list of results: it did not judge"))
    return Report(
        tool=tool,
        version=access.text(driver, "version") if tool == TOOL_NAME else "",
        scope=_scope(ours) if tool == TOOL_NAME else Scope(files={JUDGED_RUN: 1} if judged else {}),
        rules=rules.metas,
        findings=tuple(findings),
        evaluated=access.counts(ours, "evaluated"),
        unjudged=tuple(unjudged),
        notices=tuple(_notices(run, tool, places)),
    )


def _scope(ours: JsonObject) -> Scope:
    scope = access.child(ours, "scope")
    return Scope(
        root=access.text(scope, "root") or ".",
        files=access.counts(scope, "files"),
        documents=max(access.integer(scope, "documents", 0), 0),
        subjects=max(access.integer(scope, "subjects", 0), 0),
        profile=access.text(scope, "profile"),
        pod_security_version=access.text(scope, "podSecurityVersion"),
        commit=access.text(scope, "commit"),
        digests=access.strings(scope, "digests"),
    )


def _notifications(run: JsonObject) -> Iterable[JsonObject]:
    for invocation in access.children(run, "invocations"):
        yield from access.children(invocation, "toolExecutionNotifications")


def _unjudged(run: JsonObject, tool: str, places: Places) -> Iterable[Unjudged]:
    named_failure = False
    for notification in _notifications(run):
        ours = access.child(notification, "properties", "ciGuard", "unjudged")
        if tool == TOOL_NAME and ours:
            rule = access.text(ours, "rule")
            named_failure |= not rule
            place = places.first(notification)
            yield Unjudged(rule, access.text(ours, "subject"), access.text(ours, "reason"), place)
    failed = [i for i in access.children(run, "invocations") if i.get("executionSuccessful") is False]
    if failed and not named_failure:
        yield Unjudged("", tool, f"{tool} says that its run did not succeed")


def _notices(run: JsonObject, tool: str, places: Places) -> Iterable[Notice]:
    if tool != TOOL_NAME:
        return
    for notification in _notifications(run):
        ours = access.child(notification, "properties", "ciGuard")
        if "unjudged" not in ours:
            message = access.text(ours, "notice") or plain_text(
                access.text(access.child(notification, "message"), "text")
            )
            yield Notice(message, places.first(notification))
