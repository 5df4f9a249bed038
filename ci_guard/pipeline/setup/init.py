"""`ci-guard init`: look at a repository, and plan the files with which its first day is green and new flaws are red.

Nothing that exists is overwritten: it is left and named. Of `.pre-commit-config.yaml` alone a copy with one entry more
is planned, where that can be done without touching another byte.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from ci_guard.config.loader import read_config
from ci_guard.config.types import BASELINE_NAME, CONFIG_NAME
from ci_guard.gate import GatePolicy, decide
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.finding import Finding
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Report, Verdict
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.everything import judge_everything
from ci_guard.pipeline.policy.boundary import Policy, day_of, load_policy
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.pipeline.session import Session
from ci_guard.pipeline.setup.takeover import Takeover, take_over
from ci_guard.setup import gitlab, hook_config, inventory, workflow
from ci_guard.setup.configuration import Draft
from ci_guard.setup.hook_config import HookEntry
from ci_guard.setup.inventory import GITLAB_FILE, HOOKS_FILE, WORKFLOW_FILE, Inventory
from ci_guard.setup.peers.collecting import collect
from ci_guard.setup.reference import Reference
from ci_guard.source.changeset import FileChange
from ci_guard.source.files import SourceFile, read_file, read_or_none, walk
from ci_guard.source.revision import GitRepository
from ci_guard.suppress import baseline as baselines
from ci_guard.suppress.baseline import Baseline

THERE = "is there already"


@record
class InitRequest:
    """What to set up. `place` is the folder as the user named it; what `tools` were told is taken over."""

    place: Path
    profile: str = "default"
    tools: tuple[str, ...] = ()
    reference: Reference = field(default_factory=Reference)


@record(frozen=False)
class Plan:
    """What would be written, what stays as it is (path, why), and what the gate would then say.

    `target` is the folder that is judged, from the root ("" = all of it). `snippet` is what a person must add to files
    that could not be extended safely. `accepted` is None where no baseline is planned.
    """

    root: Path
    target: str
    branch: str
    is_git: bool
    inventory: Inventory
    report: Report
    verdict: Verdict
    changes: list[FileChange] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    snippet: str = ""
    accepted: Baseline | None = None
    takeover: Takeover = field(default_factory=Takeover)


def plan(request: InitRequest, environ: Mapping[str, str]) -> Plan:
    """Look, judge, and say what to write; nothing is written. Raises UsageError, InputError, ConfigError."""
    root, target, branch, is_git = _place(request.place)
    found = inventory.take(entry.path for entry in walk(root, [target or "."]) if isinstance(entry, SourceFile))
    config_path = _below(target, CONFIG_NAME)
    takeover, drafted = Takeover(), b""
    if not os.path.lexists(root / config_path):
        draft, takeover = _draft(request, root, target, environ)
        drafted = draft.text()
    elif request.tools:
        raise UsageError(f"--from: {config_path} is there already, and is not overwritten; move it away first")
    policy = _policy(root, config_path, drafted)
    report, accepted = _judged(_session(root, target, policy, environ))
    verdict = decide(report, GatePolicy(policy.config.fail_on, allow_empty=True))
    planned = Plan(root, target, branch, is_git, found, report, verdict, accepted=accepted, takeover=takeover)
    _plan_config(planned, config_path, drafted)
    _plan_hooks(planned, HookEntry(request.reference, target))
    _plan_workflow(planned, request.reference)
    _plan_baseline(planned, config_path, policy.config.baseline)
    return planned


def _draft(request: InitRequest, root: Path, target: str, environ: Mapping[str, str]) -> tuple[Draft, Takeover]:
    """The new configuration, with what other tools were told."""
    draft = Draft(request.reference.schema, request.profile)
    if not request.tools:
        return draft, Takeover()

    def judge(draft: Draft) -> Sequence[Finding]:
        policy = _policy(root, _below(target, CONFIG_NAME), draft.text())
        return judge_everything(_session(root, target, policy, environ)).judged.findings

    base, selected = root / target, RuleChoice(request.profile, repo_wide=True).selection().rules
    paths = [entry.path for entry in walk(base) if isinstance(entry, SourceFile)]
    wishes = collect(paths, request.tools, partial(read_or_none, base))
    draft, taken = take_over(draft, wishes, selected, judge, target)
    return draft, replace(taken, tools=request.tools)


def _judged(session: Session) -> tuple[Report, Baseline | None]:
    """The report as it will be once a missing baseline is there, and that baseline."""
    linted = judge_everything(session)
    named = session.config.baseline
    data = _read(session.root, named) if named else None
    known = baselines.load(data, named) if data is not None else None
    made = baselines.from_findings(session.report(linted).findings) if named and known is None else None
    with_it = replace(session, policy=replace(session.policy, baseline=known or made))
    return with_it.report(linted), made


def _place(place: Path) -> tuple[Path, str, str, bool]:
    """Root, target in it, default branch, and whether it is a git repository."""
    if not place.is_dir():
        raise InputError(f"{place}: no such folder")
    repository = GitRepository.discover(place)
    if repository is None:
        return Path(os.path.normpath(place.absolute())), "", "main", False
    target = place.resolve().relative_to(repository.toplevel.resolve()).as_posix()
    return repository.toplevel, "" if target == "." else target, repository.default_branch(), True


def _policy(root: Path, config_path: str, drafted: bytes) -> Policy:
    """What will judge: the drafted configuration, or the one that is there with all that it names."""
    if drafted:
        return Policy(read_config(drafted, config_path), None, partial(read_or_none, root))
    return load_policy(root, {}, {"config": str(root / config_path)}, expect_baseline=False)


def _session(root: Path, target: str, policy: Policy, environ: Mapping[str, str]) -> Session:
    rules = RulesInForce(RuleChoice.of(policy.config, repo_wide=True, own=policy.own_rules))
    return Session(root, (target or ".",), policy, rules, day_of(environ), repo_wide=True)


def _plan_config(planned: Plan, path: str, drafted: bytes) -> None:
    if drafted:
        planned.changes.append(FileChange(path, drafted))
    else:
        planned.left.append((path, THERE))


def _plan_hooks(planned: Plan, entry: HookEntry) -> None:
    path = next((name for name in (HOOKS_FILE, ".pre-commit-config.yml") if (planned.root / name).exists()), HOOKS_FILE)
    try:
        before = _read(planned.root, path)
    except InputError as error:  # a link, most likely: not ours to follow
        planned.left.append((path, f"add the lines below ({str(error).removeprefix(f'{path}: ')})"))
        planned.snippet += entry.lines()
        return
    if before is None:
        planned.changes.append(FileChange(path, hook_config.new(entry)))
        return
    if hook_config.has_ours(path, before, entry):
        planned.left.append((path, "has our hooks already"))
        return
    after = hook_config.extended(path, before, entry)
    if after is not None:
        planned.changes.append(FileChange(path, after, before))
    else:
        planned.left.append((path, "cannot be extended without touching what is there; add the lines below"))
        planned.snippet += entry.lines()


def _plan_workflow(planned: Plan, reference: Reference) -> None:
    if (planned.root / GITLAB_FILE).exists() and not (planned.root / ".github").exists():
        planned.left.append((GITLAB_FILE, "add the lines below (docs/ci.md)"))
        planned.snippet += gitlab.snippet(reference)
        return
    if os.path.lexists(planned.root / WORKFLOW_FILE):
        another = f"; see docs/setting-up.md for judging {planned.target}, too" if planned.target else ""
        planned.left.append((WORKFLOW_FILE, THERE + another))
        return
    something = bool(planned.report.scope.subjects)
    text = workflow.text(reference, planned.branch, target=planned.target, judges_something=something)
    planned.changes.append(FileChange(WORKFLOW_FILE, text))


def _plan_baseline(planned: Plan, config_path: str, named: str) -> None:
    path = named or _below(planned.target, BASELINE_NAME)
    if planned.accepted is not None:
        planned.changes.append(FileChange(path, baselines.write(planned.accepted)))
    elif named:
        planned.left.append((path, THERE))
    else:
        words = (
            f"{config_path} names no baseline: add `baseline: {BASELINE_NAME}` there, then `ci-guard baseline write`"
        )
        planned.left.append((path, words))


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _read(root: Path, path: str) -> bytes | None:
    """The file, None where there is none. Raises InputError for a link or a folder of that name."""
    return read_file(root, path) if os.path.lexists(root / path) else None
