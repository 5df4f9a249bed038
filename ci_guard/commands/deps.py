"""`ci-guard deps`: verify what a build pulls in — lock entries, advisories, workflow actions, images."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands import deps_db, deps_pin, deps_vex
from ci_guard.commands.options import add_advisories, add_online, add_output, add_policy
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import show, shows_edits
from ci_guard.gate import GatePolicy, decide
from ci_guard.model.record import replace
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.deps import CATEGORIES, judge_dependencies
from ci_guard.pipeline.lint import lint
from ci_guard.pipeline.policy.boundary import lock_in_force
from ci_guard.pipeline.session import open_session
from ci_guard.report.progress import Silent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="judge locks, advisories, workflows and images", allow_abbrev=False)
    check.add_argument("paths", metavar="PATH", nargs="*", help="files and folders (default: .)")
    add_advisories(check)
    add_policy(check)
    add_output(check)
    add_online(check)
    deps_db.add_arguments(actions.add_parser("db", help="the databases of advisories", allow_abbrev=False))
    deps_pin.add_arguments(actions.add_parser("pin", help="write digests and commits", allow_abbrev=False))
    deps_vex.add_arguments(actions.add_parser("vex", help="drafts of VEX documents", allow_abbrev=False))


def run(args: argparse.Namespace) -> Outcome:
    """Judge and show. Exit 0 or 1 by the findings; nothing to judge is exit 0 with a notice."""
    if args.action == "db":
        return deps_db.run(args)
    if args.action == "pin":
        return deps_pin.run(args)
    if args.action == "vex":
        return deps_vex.run(args)
    from ci_guard.pipeline.dependencies.advisories import ask

    session = open_session(Path.cwd(), args.paths, os.environ, vars(args))
    rules = RulesInForce(replace(session.rules.choice, categories=CATEGORIES))
    asked = ask(session.root, session.policy, session.today, os.environ, vars(args))
    session = replace(session, rules=rules, advisories=asked, fixing=shows_edits(args))
    request = replace(session.lint_request(), whole=True)  # which images the manifests deploy
    linted = lint(request, Silent())
    lock = lock_in_force(session.policy)
    judge_dependencies(request, rules, session.config.registries, linted, asked, lock, session.before)
    report = session.report(linted)
    verdict = decide(report, GatePolicy(session.config.fail_on, allow_empty=True))
    show(report, verdict, args, session.root)
    return Outcome(report, verdict.exit_code)
