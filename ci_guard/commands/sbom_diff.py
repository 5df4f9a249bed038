"""`ci-guard sbom diff`: what came, went and changed between two bills of materials, and what of it fails."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ci_guard.commands.options import FORMATS, add_output, add_policy
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import show, write
from ci_guard.config import values
from ci_guard.config.settings import setting, switch
from ci_guard.gate import GatePolicy, decide
from ci_guard.model.errors import UsageError
from ci_guard.model.record import replace
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.root import root_and_targets
from ci_guard.pipeline.session import open_session
from ci_guard.report.style import Style, style_for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("old", metavar="OLD", help="a CycloneDX or SPDX document of any tool, or a folder to read")
    parser.add_argument("new", metavar="NEW", help="what it is compared with, in the same or the other format")
    add_policy(parser)
    add_output(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Compare and show. Exit 0 or 1 by the findings, 3 when a side cannot be read."""
    from ci_guard.pipeline.materials.check import CATEGORIES
    from ci_guard.pipeline.materials.diff import compared, findings_of, judge, side
    from ci_guard.report import sbom_diff as reporter

    session = open_session(Path.cwd(), [args.new], os.environ, vars(args))
    if session.config.since:
        raise UsageError("--since: what was there before is OLD")
    old_root, (old,) = root_and_targets(Path.cwd(), [args.old])  # a checkout of the base stands beside the repository
    rules = RulesInForce(replace(session.rules.choice, categories=CATEGORIES))
    session = replace(session, rules=rules)
    result = compared(side(old_root, old), side(session.root, session.targets[0]))
    linted = Linted(entries=session.config.suppressions)
    judge(result, rules, linted)
    report = session.report(linted)
    verdict = decide(report, GatePolicy(session.config.fail_on))
    asked = setting("format", values.one_of(FORMATS), options=vars(args), environ=os.environ, configured="text")
    if asked not in {"text", "json", "markdown"}:
        show(report, verdict, args, session.root)
        return Outcome(report, verdict.exit_code)
    shown = reporter.Shown(result.old, result.new, result.changes, findings_of(result, report), verdict)
    if asked == "text":
        write(reporter.text(shown, _style(args)), args.output)
    else:
        write(reporter.json(shown) if asked == "json" else reporter.page(shown), args.output)
    return Outcome(report, verdict.exit_code)


def _style(args: argparse.Namespace) -> Style:
    options = vars(args)
    quiet = switch("quiet", options, os.environ)
    if args.output:
        return Style(quiet=bool(quiet))
    return style_for(sys.stdout, os.environ, no_color=switch("no_color", options, os.environ), quiet=quiet)
