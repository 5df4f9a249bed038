"""The gate over SARIF of any tool: the policy in force applied to it, one decision, and what that rests on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from ci_guard import TOOL_NAME
from ci_guard.config import values
from ci_guard.config.settings import config_path, setting
from ci_guard.gate import GatePolicy, decide, decision
from ci_guard.model.errors import InputError
from ci_guard.model.finding import Finding, fingerprint, sort_key
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Report, RuleKey, Scope, Verdict
from ci_guard.model.suppression import Suppression
from ci_guard.pipeline import evidence as evidences
from ci_guard.pipeline.changed import unchanged_since
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.dependencies.advisories import ask, database_digests
from ci_guard.pipeline.evidence import Evidence
from ci_guard.pipeline.policy.boundary import Policy, day_of, load_policy, rule_folders
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.sarif.reader import merge, read
from ci_guard.source.files import read_or_none
from ci_guard.suppress import foreign

SARIF_NAME = "ci-guard.sarif"
VERDICT_NAME = "verdict.json"
OPTIONS = ("config", "baseline", "ratchet", "extends", "since", "rules")
"""Options of the command line that a verdict of the gate depends on, beside those that `GateRequest` names."""


@record
class GateRequest:
    """What to decide on. `folder` is what a run left; its `ci-guard.sarif` has the policy applied already.

    `select` and `ignore` name rules (TOOL/RULE, or RULE of any tool) or tools: which count, and which do not.
    """

    root: Path
    environ: Mapping[str, str]
    options: Mapping[str, Any]
    files: tuple[Path, ...] = ()
    folder: Path | None = None
    allow_empty: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@record
class Gated:
    """The decision and what it rests on."""

    report: Report
    verdict: Verdict
    evidence: Evidence
    policy: Policy


@record
class _Applying:
    """The policy in force, as findings meet it."""

    request: GateRequest
    policy: Policy
    rules: RulesInForce
    today: date
    told: list[Finding] = field(default_factory=list)


def decide_gate(request: GateRequest) -> Gated:
    """Read, apply the policy, decide. Raises InputError, ConfigError, RevisionError: then nothing was decided."""
    options = {**request.options, "select": None, "ignore": None}
    policy = load_policy(request.root, request.environ, options)
    results = {str(path): _bytes(path) for path in _files(request)}
    merged = merge(read(data, name) for name, data in results.items())
    applying = _Applying(
        request, policy, RulesInForce(RuleChoice.of(policy.config, own=policy.own_rules)), day_of(request.environ)
    )
    report = _applied(merged, applying)
    fail_on = policy.config.fail_on
    if request.folder is not None:
        fail_on = _fail_on(request, _recorded(request.folder / VERDICT_NAME))
    report = replace(report, notices=(*report.notices, *policy.notices))
    verdict = decide(report, GatePolicy(fail_on, request.allow_empty, policy.ratchet))
    digests = {name: evidences.sha256(data) for name, data in results.items()}
    found = _evidence(applying, digests, fail_on)
    scope = _scope(report.scope, request.root, found)
    return Gated(replace(report, scope=scope), verdict, found, policy)


def _files(request: GateRequest) -> tuple[Path, ...]:
    return request.files if request.folder is None else (request.folder / SARIF_NAME,)


def _applied(report: Report, applying: _Applying) -> Report:
    """The report with everything that the policy accepts marked, and what is said about the policy added."""
    policy, request = applying.policy, applying.request
    findings = [_chosen(finding, request) for finding in report.findings]
    tools = {key.tool for key in report.rules} | {f.tool for f in findings}
    accepted = foreign.apply(
        findings, policy.config.suppressions, tools=tools, today=applying.today, emit=applying.rules.emit
    )
    findings = accepted.findings
    if policy.baseline is not None:
        findings = policy.baseline.apply(findings, policy.renames)
    if policy.config.since:
        findings = unchanged_since(request.root, policy.config.since, findings, applying.rules.choice, policy.config)
    known = {fingerprint(f) for f in findings}
    told = [f for f in (*policy.findings(applying.rules.emit), *accepted.problems) if fingerprint(f) not in known]
    metas = {RuleKey(TOOL_NAME, f.rule): applying.rules.catalogue.meta(f.rule) for f in told}
    merged = tuple(sorted([*findings, *told], key=sort_key))
    return replace(report, findings=merged, rules={**metas, **report.rules})


def _chosen(finding: Finding, request: GateRequest) -> Finding:
    """A finding of a rule that is not to count, marked; nothing is dropped, so that the report tells of it."""
    if finding.suppressed is not None or not (request.select or request.ignore):
        return finding
    names = {finding.tool.lower(), finding.rule.lower(), *foreign.rule_names(finding.tool, finding.rule)}
    selected = not request.select or any(name.lower() in names for name in request.select)
    if selected and not any(name.lower() in names for name in request.ignore):
        return finding
    return replace(finding, suppressed=Suppression("its rule is left out by --select or --ignore", "choice"))


def _evidence(applying: _Applying, results: Mapping[str, str], fail_on: str) -> Evidence:
    request, policy = applying.request, applying.policy
    return Evidence(
        kind="gate",
        results=results,
        day=applying.today,
        policy=evidences.policy_digests(policy),
        base=policy.base.commit if policy.base is not None else "",
        options={
            **options_in_force(request.options, request.environ, policy),
            "fail_on": fail_on,
            "allow_empty": request.allow_empty,
            "select": list(request.select),
            "ignore": list(request.ignore),
            "from": str(request.folder or ""),
        },
        rules=applying.rules.catalogue.digest,
    )


def options_in_force(options: Mapping[str, Any], environ: Mapping[str, str], policy: Policy) -> dict[str, Any]:
    """Where policy was read from and what it was told, as options that give the same without any environment."""
    config = policy.config
    named, asked = config_path(options, environ)
    given = {"config": named if asked else config.source, "baseline": config.baseline, "since": config.since}
    given |= {"ratchet": config.ratchet, "extends": config.extends}
    return {**{k: v for k, v in given.items() if v}, "rules": list(rule_folders(options, environ))}


def _scope(scope: Scope, root: Path, found: Evidence) -> Scope:
    digests = {**scope.digests, "config": evidences.digest_of(found.policy), "rules": found.rules}
    return replace(scope, commit=scope.commit or head_of(root), digests=digests)


def head_of(root: Path) -> str:
    """The commit of the working tree, "" outside of git or before the first commit."""
    from ci_guard.model.errors import RevisionError
    from ci_guard.source.revision import GitRepository

    try:
        repository = GitRepository.discover(root)
        return repository.head() or "" if repository is not None else ""
    except RevisionError:
        return ""


def _fail_on(request: GateRequest, recorded: Mapping[str, Any]) -> str:
    """Deciding later decides by the threshold of the run, unless somebody asks for another now."""
    before = str(recorded["failOn"])
    return setting("fail_on", values.fail_on, options=request.options, environ=request.environ, configured=before)


def _recorded(path: Path) -> Mapping[str, Any]:
    try:
        recorded = json.loads(_bytes(path))
        if recorded["failOn"] not in values.FAIL_ON:
            raise InputError(f"{path}: failOn is none of {', '.join(values.FAIL_ON)}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a verdict of ci-guard") from error
    found: Mapping[str, Any] = recorded
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


@record
class Replayed:
    """`differences` says in words what is not as it was; where there are none, `gated` is the same decision again."""

    recorded: Mapping[str, Any]
    gated: Gated | None
    differences: tuple[str, ...]


def replay(path: Path, root: Path) -> Replayed:
    """Derive a recorded verdict once more from the inputs that it names. Raises InputError, RevisionError …"""
    recorded = _recorded(path)
    found = evidences.read(recorded, str(path))
    changed = [*evidences.differences("input", found.inputs, _digests_now(root, found.inputs))]
    results = {name: path.parent / name if found.kind == "run" else Path(name) for name in found.results}
    now = {name: evidences.sha256(_bytes(place)) for name, place in results.items() if place.is_file()}
    changed += evidences.differences("result", found.results, now)
    if len(now) < len(results):
        return Replayed(recorded, None, tuple(changed))
    gated = _again(found, tuple(results[name] for name in sorted(results)), root)
    for name in found.policy:
        gated.policy.read(name)  # a run reads more of the policy than deciding again does: VEX, keys
    changed += evidences.differences("policy", found.policy, evidences.policy_digests(gated.policy))
    if found.kind == "run":
        asked = ask(root, gated.policy, found.day, os.environ, {})
        changed += evidences.differences("database", found.databases, database_digests(asked))
    if gated.evidence.rules != found.rules:
        changed.append(f"the rules are {gated.evidence.rules[:19]}…, were {found.rules[:19]}…")
    before = {name: recorded.get(name) for name in decision(gated.verdict)}
    if not changed:
        after = decision(gated.verdict)
        changed += [
            f"{name} comes out as {after[name]!r}, was {before[name]!r}"
            for name in after
            if after[name] != before[name]
        ]
    return Replayed(recorded, gated, tuple(changed))


def _again(found: Evidence, files: Sequence[Path], root: Path) -> Gated:
    environ = {"SOURCE_DATE_EPOCH": str(int(datetime.combine(found.day, time(12), UTC).timestamp()))}
    options = {name: found.options.get(name) or None for name in (*OPTIONS, "fail_on")}
    options["base"] = found.base or None
    if found.kind == "run":
        return _decided_by_run(found, files, root, environ, options)
    request = GateRequest(
        root,
        environ,
        options,
        tuple(files),
        allow_empty=bool(found.options.get("allow_empty")),
        select=tuple(found.options.get("select", ())),
        ignore=tuple(found.options.get("ignore", ())),
    )
    return decide_gate(request)


def _decided_by_run(
    found: Evidence, files: Iterable[Path], root: Path, environ: Mapping[str, str], options: Mapping[str, Any]
) -> Gated:
    """What a run left has its policy applied already: only the decision is made again."""
    policy = load_policy(root, environ, options)
    report = merge(read(_bytes(path), str(path)) for path in files)
    allow_empty = bool(found.options.get("allow_empty"))
    verdict = decide(report, GatePolicy(policy.config.fail_on, allow_empty, policy.ratchet))
    choice = RuleChoice.of(policy.config, own=policy.own_rules)
    return Gated(report, verdict, replace(found, rules=choice.catalogue().digest), policy)


def _digests_now(root: Path, names: Iterable[str]) -> dict[str, str]:
    found = {name: read_or_none(root, name) for name in names}
    return {name: evidences.sha256(data) for name, data in found.items() if data is not None}
