"""`ci-guard verify --images`: every image that manifests deploy, verified in its registry by the policy in force."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import show
from ci_guard.config.settings import switch
from ci_guard.gate import GatePolicy, decide
from ci_guard.model.errors import ConfigError, UsageError
from ci_guard.model.record import replace
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.lint import lint
from ci_guard.pipeline.session import open_session
from ci_guard.pipeline.verification.deployed_images import CATEGORIES, judge_images
from ci_guard.pipeline.verification.registries import network_by
from ci_guard.report.progress import Silent


def run(args: argparse.Namespace) -> Outcome:
    """Judge and show. Exit 0 or 1 by the findings; 3 when a registry could not be asked, or there was nothing."""
    if args.bundle or args.min_signers:
        raise UsageError("--images judges by `images:` of .ci-guard.yaml: without --bundle and --min-signers")
    session = open_session(Path.cwd(), args.images, os.environ, vars(args), repo_wide=True)
    if not session.config.images:
        raise ConfigError("`images:` says whose signature counts, and is not there", path=session.config.source)
    session = replace(session, rules=RulesInForce(replace(session.rules.choice, categories=CATEGORIES)))
    linted = lint(session.lint_request(), Silent())
    online = switch("online", vars(args), os.environ)
    network = network_by(session.config, session.root, os.environ) if online else None
    judge_images(session, linted.workloads, network, linted)
    report = session.report(linted)
    verdict = decide(report, GatePolicy(session.config.fail_on))
    show(report, verdict, args, session.root)
    return Outcome(report, verdict.exit_code)
