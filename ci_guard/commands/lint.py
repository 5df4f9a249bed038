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
from ci_guard.model.errors import InputError
from ci_guard.model.location import STDIN_PATH
from ci_guard.model.record import replace
from ci_guard.model.report import Notice
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
    add_policy(parser)
    add_output(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Judge and show. Exit 0 or 1 by the findings; nothing to judge is exit 0 with a notice."""
    from_stdin = args.paths == ["-"]
    session = open_session(Path.cwd(), [] if from_stdin else args.paths, os.environ, vars(args), repo_wide=args.all)
    session = replace(session, fixing=shows_edits(args))
    linted = _from_stdin(session, args.stdin_filename) if from_stdin else _from_files(session)
    report = session.report(linted)
    verdict = decide(report, GatePolicy(session.config.fail_on, allow_empty=True))
    show(report, verdict, args, session.root)
    return Outcome(report, verdict.exit_code)


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
