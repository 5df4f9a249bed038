"""`ci-guard gate FILE.sarif…` or `--from DIR`: decide on the results of any tool, or on those of an earlier run."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from ci_guard.commands.options import FAIL_ON, add_output
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import show
from ci_guard.config import values
from ci_guard.config.settings import setting
from ci_guard.gate import GatePolicy, decide
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.record import replace
from ci_guard.model.report import Report
from ci_guard.pipeline.policy import load_policy
from ci_guard.sarif.reader import merge, read

SARIF_NAME = "ci-guard.sarif"
VERDICT_NAME = "verdict.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="SARIF 2.1.0 of any tool; several are judged as one")
    parser.add_argument("--from", dest="directory", metavar="DIR", help="what `ci-guard run --output-dir DIR` left")
    parser.add_argument("--allow-empty", action="store_true", help="open the gate although nothing was judged")
    group = parser.add_argument_group("policy")
    group.add_argument("--config", metavar="FILE", default=None, help="configuration (default: .ci-guard.yaml)")
    group.add_argument("--fail-on", choices=FAIL_ON, default=None, help="lowest severity that fails (default: high)")
    group.add_argument("--baseline", metavar="FILE", default=None, help="findings that were accepted earlier")
    group.add_argument("--base", metavar="REV", default=None, help="the commit whose policy judges a change")
    add_output(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Read, merge, apply the policy in force, decide, print. Raises CiGuardError."""
    if bool(args.files) == bool(args.directory):
        raise UsageError("gate: name SARIF files, or one directory with --from")
    options, root = vars(args), Path.cwd()
    policy = load_policy(root, os.environ, options)
    fail_on = policy.config.fail_on
    if args.directory:
        folder = Path(args.directory)
        fail_on = _fail_on(options, _recorded_fail_on(folder / VERDICT_NAME))
        reports = [_read(folder / SARIF_NAME)]
    else:
        reports = [_read(Path(name)) for name in args.files]
    report = merge(reports)
    if policy.baseline is not None:
        report = replace(report, findings=tuple(policy.baseline.apply(report.findings, policy.renames)))
    report = replace(report, notices=(*report.notices, *policy.notices))
    verdict = decide(report, GatePolicy(fail_on, args.allow_empty))
    show(report, verdict, args, root)
    return Outcome(report, verdict.exit_code)


def _read(path: Path) -> Report:
    return read(_bytes(path), str(path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _fail_on(options: dict[str, Any], recorded: str) -> str:
    """Deciding later decides by the threshold of the run, unless somebody asks for another now."""
    return setting("fail_on", values.fail_on, options=options, environ=os.environ, configured=recorded)


def _recorded_fail_on(path: Path) -> str:
    try:
        recorded = json.loads(_bytes(path))["failOn"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a verdict of ci-guard") from error
    if recorded not in FAIL_ON:
        raise InputError(f"{path}: failOn is none of {', '.join(FAIL_ON)}")
    return str(recorded)
