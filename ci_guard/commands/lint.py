"""`ci-guard lint`: judge Kubernetes manifests, file by file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ci_guard.commands.options import add_output, add_policy
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import show, shows_edits
from ci_guard.gate import GatePolicy, decide
from ci_guard.model.errors import EXIT_BROKEN, EXIT_CLOSED, EXIT_OPEN, InputError, UsageError
from ci_guard.model.location import STDIN_PATH
from ci_guard.model.printable import visible
from ci_guard.model.record import replace
from ci_guard.model.report import Notice, Report
from ci_guard.pipeline.lint import lint, lint_bytes
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.session import Session, open_session
from ci_guard.report.progress import Silent
from ci_guard.source.files import normalise

_STDIN_LIMIT = 64_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", help="files and folders (default: .); - reads standard input"
    )
    parser.add_argument(
        "--stdin-filename", metavar="NAME", default="", help="what standard input is called in findings"
    )
    parser.add_argument("--all", action="store_true", help="also judge by rules that need the whole repo")
    parser.add_argument("--fix", action="store_true", help="mend in the files what rules know how to mend")
    add_policy(parser)
    add_output(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Judge and show. Exit 0 or 1 by the findings; nothing to judge is exit 0 with a notice.

    With `--fix` exit 1 also says that files were changed, and 3 that one could not be. Raises UsageError.
    """
    from_stdin = args.paths == ["-"]
    if from_stdin and args.fix:
        raise UsageError("--fix changes files: it does not go with standard input")
    session = open_session(Path.cwd(), [] if from_stdin else args.paths, os.environ, vars(args), repo_wide=args.all)
    session = replace(session, fixing=args.fix or shows_edits(args))
    linted = _from_stdin(session, args.stdin_filename) if from_stdin else _from_files(session)
    report, least = session.report(linted), EXIT_OPEN
    if args.fix:
        report, least = _fixed(session, report)
    verdict = decide(report, GatePolicy(session.config.fail_on, allow_empty=True))
    show(report, verdict, args, session.root)
    return Outcome(report, max(verdict.exit_code, least))


def _fixed(session: Session, report: Report) -> tuple[Report, int]:
    """Mend the files; back come the report on what is left, and the least exit code. Says what was done, and what not.

    It is told on standard error, because the report may go to standard output in a format of its own.
    """
    from ci_guard.pipeline.fixing.files import fix  # to judge, nobody needs it

    fixed = fix(session.lint_request(), report.findings)
    for path, count in fixed.files.items():
        print(visible(f"fixed {path}: {count}"), file=sys.stderr)
    for path, reason in fixed.failures:
        print(visible(f"not fixed {path}: {reason}"), file=sys.stderr)
    if fixed.files:
        report = session.report(_from_files(session))
    left = sum(finding.counts for finding in report.findings)
    if left:
        print(f"{left} {'finding has' if left == 1 else 'findings have'} no fix that is certain", file=sys.stderr)
    return report, EXIT_BROKEN if fixed.failures else EXIT_CLOSED if fixed.files else EXIT_OPEN


def _from_files(session: Session) -> Linted:
    linted = lint(session.lint_request(), Silent())
    if session.repo_wide:
        from ci_guard.pipeline.manifests.joined import judge_joins
        from ci_guard.pipeline.manifests.namespaces import (
            judge_namespaces,  # loads the engine even when nothing is to be judged
        )

        judge_namespaces(session, linted)
        judge_joins(session, linted)
    return linted


def _from_stdin(session: Session, name: str) -> Linted:
    data = sys.stdin.buffer.read(_STDIN_LIMIT + 1)
    if len(data) > _STDIN_LIMIT:
        raise InputError(f"standard input is larger than {_STDIN_LIMIT:,} bytes")
    request, path = session.lint_request(), _named(session.root, name)
    if path != STDIN_PATH and not request.wants(path):
        linted = Linted()
        linted.judged.notices.append(Notice(f"{path} is left out by the configuration"))
        return linted
    linted = lint_bytes(request, path, data)
    if session.repo_wide:
        linted.judged.notices.append(Notice("one file is no repo: rules that need all of it did not judge"))
    return linted


def _named(root: Path, name: str) -> str:
    """The file as the configuration knows it: editors hand over absolute names. One outside keeps its name."""
    try:
        return normalise(root, name) or STDIN_PATH if name else STDIN_PATH
    except InputError:
        return name
