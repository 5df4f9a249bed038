"""`ci-guard init`: a pre-commit config, a workflow, `.ci-guard.yaml` and a first baseline."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import write
from ci_guard.config import values
from ci_guard.config.types import CONFIG_NAME
from ci_guard.gate import NEVER, closes, in_words
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN, UsageError
from ci_guard.model.finding import Finding
from ci_guard.pipeline.setup.init import InitRequest, Plan, plan
from ci_guard.pipeline.setup.takeover import Takeover
from ci_guard.report.compact import where
from ci_guard.report.escape import terminal
from ci_guard.setup import reference
from ci_guard.setup.inventory import HOOKS_FILE
from ci_guard.setup.peers.collecting import PEERS
from ci_guard.setup.reference import Reference
from ci_guard.source.changeset import patch, write_all
from ci_guard.suppress.baseline import Baseline

_LISTED = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", metavar="PATH", nargs="?", default=".", help="the repository, or a folder of it")
    parser.add_argument("--dry-run", action="store_true", help="write nothing; print the changes as a patch")
    parser.add_argument(
        "--from", metavar="TOOL,…", action="append", default=[], dest="tools",
        help=f"take over what another tool was told to skip: {', '.join(PEERS)}",
    )  # fmt: skip
    parser.add_argument("--profile", metavar="NAME", default="default", help="which rules judge (default: default)")
    parser.add_argument(
        "--action",
        metavar="OWNER/REPO@COMMIT",
        default="",
        help="where ci-guard is; without it a placeholder is written",
    )


def run(args: argparse.Namespace) -> Outcome:
    """Plan, tell, write. Raises UsageError, InputError, ConfigError; then nothing was written."""
    pinned = reference.parse(args.action) if args.action else Reference()
    try:
        profile = values.profile(args.profile)
    except ValueError as error:
        raise UsageError(f"--profile: {error}") from None
    tools = tuple(dict.fromkeys(tool for named in args.tools for tool in _tools(named)))
    planned = plan(InitRequest(Path(args.path), profile, tools, pinned), os.environ)
    if args.dry_run:
        write(patch(planned.changes), None)
    else:
        write_all(planned.root, planned.changes)
    told = "".join(f"{line}\n" for line in _told(planned, pinned, dry=args.dry_run))
    if args.dry_run:
        print(told, end="", file=sys.stderr)
    else:
        write(told, None)
    return Outcome(planned.report, EXIT_OPEN)


def _tools(named: str) -> tuple[str, ...]:
    try:
        return values.separated(values.one_of(PEERS))(named)
    except ValueError as error:
        raise UsageError(f"--from: {error}") from None


def _told(planned: Plan, pinned: Reference, *, dry: bool) -> Iterator[str]:
    yield from _found(planned)
    yield ""
    for change in planned.changes:
        verb = ("would write" if dry else "wrote") if change.before is None else ("would extend" if dry else "extended")
        detail = f"  {_counted(planned.accepted)}" if planned.accepted and change == planned.changes[-1] else ""
        yield f"{verb:<12}  {terminal(change.path)}{detail}"
    for path, why in planned.left:
        yield f"{'left':<12}  {terminal(path)}: {terminal(why)}"
    if planned.snippet:
        yield from ("", *planned.snippet.splitlines())
    yield ""
    yield from _taken_over(planned)
    yield from _first_day(planned)
    yield from _next_steps(planned, pinned)


def _found(planned: Plan) -> Iterator[str]:
    scope = planned.report.scope
    parts = [f"{in_words(scope.files.get('judged', 0), 'file')} with manifests", planned.inventory.words()]
    yield f"Found {', '.join(part for part in parts if part)}."
    drafted = any(change.path.endswith(CONFIG_NAME) for change in planned.changes)
    for tool in sorted({tool for tool, _ in planned.inventory.peers} - set(planned.takeover.tools)) if drafted else ():
        named = ", ".join(path for of, path in planned.inventory.peers if of == tool)
        yield f"{tool} is configured here ({terminal(named)}): `ci-guard init --from {tool}` takes over what it skips."
    if not planned.is_git:
        yield "This is no git repository yet; the default branch is taken to be `main`."
    if templates := scope.files.get("helm-template", 0):
        yield f"{in_words(templates, 'template')} of charts not judged: judge what `helm template` renders."


def _counted(accepted: Baseline) -> str:
    count = sum(accepted.counts.values())
    return f"({in_words(count, 'finding')} of today accepted)" if count else "(nothing to accept)"


def _taken_over(planned: Plan) -> Iterator[str]:
    """What came of the other tools' skips; nothing is dropped in silence."""
    taken = planned.takeover
    if taken.entries or taken.switches:
        skips = f"{in_words(taken.skips, 'skip')} as {in_words(taken.entries, 'suppression')}"
        yield f"Taken over: {skips}, {in_words(taken.switches, 'rule')} turned on or off."
    if taken.without_reason:
        entries = in_words(taken.without_reason, "suppression has", "suppressions have")
        yield f"{entries} no reason and no effect yet: write one where .ci-guard.yaml says `fill in why`."
    if taken.needless:
        yield f"{in_words(len(taken.needless), 'entry', 'entries')} left out, as nothing would change here:"
        yield from (f"  {terminal(f'{origin}: {check}')}" for origin, check in taken.needless)
    if taken.leftovers:
        yield f"{in_words(len(taken.leftovers), 'thing')} could not be taken over:"
        yield from (f"  {terminal(f'{left.origin}: {left.words}')}" for left in taken.leftovers)
    if taken != Takeover():
        yield ""


def _first_day(planned: Plan) -> Iterator[str]:
    """What the gate says once the files are there; what a baseline cannot accept is named with its place."""
    if planned.verdict.exit_code == EXIT_OPEN:
        yield f"With these files the gate is open; {_closed_by(planned.verdict.fail_on)}."
        if planned.report.unjudged:
            cases = in_words(len(planned.report.unjudged), "judgement")
            yield f"{cases} could not be made from this repository alone; `ci-guard lint --all` names them."
        return
    if planned.verdict.exit_code == EXIT_BROKEN:
        yield terminal(planned.verdict.paragraph)
        return
    closing = [f for f in planned.report.findings if f.counts and closes(f.severity, planned.verdict.fail_on)]
    yield f"The gate stays closed: {in_words(len(closing), 'finding')} that no baseline accepts."
    yield "Mend them, or leave the files out with `exclude:` in .ci-guard.yaml:"
    yield from (f"  {_line(finding)}" for finding in closing[:_LISTED])
    if len(closing) > _LISTED:
        yield f"  … and {len(closing) - _LISTED} more: ci-guard lint"


def _closed_by(fail_on: str) -> str:
    return (
        "it stays open whatever is found (fail-on: never)"
        if fail_on == NEVER
        else f"a new finding at or above {fail_on} closes it"
    )


def _line(finding: Finding) -> str:
    return f"{terminal(where(finding.location))}: {terminal(finding.message)} [{terminal(finding.rule)}]"


def _next_steps(planned: Plan, pinned: Reference) -> Iterator[str]:
    steps = list(_steps(planned, pinned))
    if steps:
        yield "\nNext:"
        yield from (f"{number}. {step}" for number, step in enumerate(steps, start=1))


def _steps(planned: Plan, pinned: Reference) -> Iterator[str]:
    written = {change.path for change in planned.changes}
    if not written:
        return
    if not pinned.filled and written & {HOOKS_FILE, ".github/workflows/ci-guard.yml"}:
        yield "Replace OWNER and <commit> by where ci-guard lives and a full commit (or run with --action)."
    if HOOKS_FILE in written:
        yield "Run `pre-commit install` (or `prek install`) in every clone."
    yield 'Commit the files, and make the check "ci-guard" required in a ruleset of the default branch.'
