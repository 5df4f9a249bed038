"""`ci-guard sbom check`: does a bill of materials say what it should, whichever tool wrote it?"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands.options import add_output, add_policy
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import show
from ci_guard.gate import GatePolicy, decide
from ci_guard.model.errors import UsageError
from ci_guard.model.record import replace
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.session import open_session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    text = "CycloneDX or SPDX of any tool, or a list of checksums (SHA256SUMS); of a folder, those that are called so"
    parser.add_argument("files", metavar="FILE", nargs="+", help=text)
    add_policy(parser)
    add_output(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Judge and show. Exit 0 or 1 by the findings, 3 when there is nothing to judge or it cannot be judged."""
    from ci_guard.pipeline.materials.check import CATEGORIES, RULES, check, documents

    session = open_session(Path.cwd(), args.files, os.environ, vars(args))
    rules = RulesInForce(replace(session.rules.choice, categories=CATEGORIES))
    if not RULES & rules.selection.rules.keys():
        raise UsageError(f"profile {session.config.profile} has no rules about bills of materials; sbom-ntia has some")
    session = replace(session, rules=rules)
    linted = Linted(entries=session.config.suppressions)
    check(session.root, documents(session.root, session.targets), rules, linted)
    report = session.report(linted)
    verdict = decide(report, GatePolicy(session.config.fail_on))
    show(report, verdict, args, session.root)
    return Outcome(report, verdict.exit_code)
