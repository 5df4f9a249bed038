"""`ci-guard config check`: is the policy as it was meant?"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.config.types import CONFIG_NAME
from ci_guard.gate import in_words
from ci_guard.model.errors import EXIT_OPEN, EXIT_USAGE
from ci_guard.pipeline.policy.boundary import day_of
from ci_guard.pipeline.policy.check import Checked, check_config, configurations
from ci_guard.report.escape import terminal
from ci_guard.source.files import normalise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action and its arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check configurations, and the baseline, ratchet and own rules they name")
    every = f"configurations (default: every {CONFIG_NAME} below this folder)"
    check.add_argument("paths", metavar="FILE", nargs="*", help=every)


def run(args: argparse.Namespace) -> Outcome:
    """Check each. Exit 2 when something is wrong in one of them, as a run would end. Raises InputError."""
    root, today = Path.cwd(), day_of(os.environ)
    paths = [normalise(root, path) for path in args.paths] or configurations(root)
    if not paths:
        print(f"no {CONFIG_NAME} here: the defaults hold")
    results = [check_config(root, path, today) for path in paths]
    for checked in results:
        _tell(checked)
    return Outcome(exit_code=EXIT_USAGE if any(checked.problems for checked in results) else EXIT_OPEN)


def _tell(checked: Checked) -> None:
    for problem in checked.problems:
        print(terminal(problem))
    for note in checked.notes:
        print(f"{terminal(note)} (note)")
    if checked.problems:
        print(f"{terminal(checked.path)}: {in_words(len(checked.problems), 'problem')}")
    else:
        also = f", with {', '.join(map(terminal, checked.also))}" if checked.also else ""
        print(f"{terminal(checked.path)}: good{also}")
