"""`ci-guard baseline write|prune`: accept what is there today, and let go of what is no longer there."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands.options import add_policy
from ci_guard.commands.outcome import Outcome
from ci_guard.config.types import BASELINE_NAME
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN, ConfigError, InputError
from ci_guard.model.report import Report
from ci_guard.pipeline.everything import judge_everything
from ci_guard.pipeline.session import Session, open_session
from ci_guard.source.edit import replace_file
from ci_guard.suppress.baseline import Baseline, from_findings, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("write", "prune"), help="accept all findings, or drop those that are gone")
    parser.add_argument("paths", metavar="PATH", nargs="*", help="files and folders (default: .)")
    parser.add_argument("--output", metavar="FILE", default=None, help=f"where to write (default: {BASELINE_NAME})")
    add_policy(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Judge, then write the file. Exit 0 when all could be judged, 3 when not: the file then lacks what it hides.

    Raises ConfigError when there is nothing to prune, InputError when the file would lie outside the root.
    """
    options = {**vars(args), "since": None}  # a baseline of what is new only would forget the rest
    write_anew = args.action == "write"
    session = open_session(Path.cwd(), args.paths, os.environ, options, repo_wide=True, expect_baseline=not write_anew)
    report = session.report(judge_everything(session))
    after = _written(session, report) if write_anew else _pruned(session, report)
    target = _target(session, args.output)
    replace_file(target, write(after))
    _tell(target, session, after)
    # A rule that needs more than this repo shows hides nothing: it can say no more the next time.
    joining = {id for id, selected in session.rules.selection.rules.items() if selected.rule.needs_repo}
    return Outcome(report, EXIT_BROKEN if any(u.rule not in joining for u in report.unjudged) else EXIT_OPEN)


def _written(session: Session, report: Report) -> Baseline:
    """Everything there is today; of files that were not judged in this run, what was accepted before."""
    accepted = from_findings(report.findings)
    before = session.policy.baseline or Baseline()
    # What a rule could not say in this run, as one about the whole repo of a part of it, it said before.
    silent = {(u.rule, u.location.path) for u in report.unjudged if u.location}
    elsewhere = {
        name: count
        for name, count in before.counts.items()
        if not _covers(session, name.path) or (name.rule.rpartition("/")[2], name.path) in silent
    }
    return Baseline({**elsewhere, **accepted.counts})


def _pruned(session: Session, report: Report) -> Baseline:
    before = session.policy.baseline
    if before is None:
        raise ConfigError("there is no baseline to prune; name it with --baseline or in the configuration")
    return before.prune(report.findings, renames=session.policy.renames, covers=lambda path: _covers(session, path))


def _covers(session: Session, path: str) -> bool:
    """Whether this run judged `path`, had it been there."""
    below = (target in {".", path} or path.startswith(target + "/") for target in session.targets)
    return any(below) and session.lint_request().wants(path)


def _target(session: Session, output: str | None) -> Path:
    """The file to write: as the option says, else as the configuration does, inside the root even through links."""
    if output:
        return Path(output)
    folder = session.config.source.rpartition("/")[0]
    named = session.config.baseline or (f"{folder}/{BASELINE_NAME}" if folder else BASELINE_NAME)
    target = session.root / named
    if not target.parent.resolve().is_relative_to(session.root.resolve()):
        raise InputError(f"{named}: a link leads out of {session.root}")
    return target


def _tell(target: Path, session: Session, after: Baseline) -> None:
    before = session.policy.baseline or Baseline()
    print(f"{target.name}: {sum(after.counts.values())} findings accepted, {sum(before.counts.values())} before")
    if not session.config.baseline:
        print(f"Add `baseline: {target.name}` to .ci-guard.yaml, so that it is used.")
