"""`ci-guard gate FILE.sarif…` or `--from DIR`: decide on the results of any tool, and on those of an earlier run."""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path

from ci_guard.commands.options import FAIL_ON, add_output
from ci_guard.commands.outcome import Outcome
from ci_guard.gate import GatePolicy, decide
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.report import Report
from ci_guard.report import render
from ci_guard.report.style import style_for
from ci_guard.sarif.reader import merge, read

SARIF_NAME = "ci-guard.sarif"
VERDICT_NAME = "verdict.json"
_DEFAULT_FAIL_ON = "high"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="SARIF 2.1.0 of any tool; several are judged as one")
    parser.add_argument("--from", dest="directory", metavar="DIR", help="what `ci-guard run --output-dir DIR` left")
    parser.add_argument("--fail-on", choices=FAIL_ON, default=None, help="lowest severity that fails (default: high)")
    parser.add_argument("--allow-empty", action="store_true", help="open the gate although nothing was judged")
    add_output(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Read, merge, decide, print. Raises UsageError and InputError."""
    if bool(args.files) == bool(args.directory):
        raise UsageError("gate: name SARIF files, or one directory with --from")
    fail_on = args.fail_on or os.environ.get("CI_GUARD_FAIL_ON") or ""
    if fail_on and fail_on not in FAIL_ON:
        raise UsageError(f"CI_GUARD_FAIL_ON: {fail_on!r} is none of {', '.join(FAIL_ON)}")
    if args.directory:
        folder = Path(args.directory)
        fail_on = fail_on or _recorded_fail_on(folder / VERDICT_NAME)
        reports = [_read(folder / SARIF_NAME)]
    else:
        reports = [_read(Path(name)) for name in args.files]
    report = merge(reports)
    verdict = decide(report, GatePolicy(fail_on or _DEFAULT_FAIL_ON, args.allow_empty))
    style = style_for(sys.stdout, os.environ, no_color=args.no_color or bool(args.output), quiet=args.quiet)
    text = render(args.format or "text", report, verdict, style, partial(_source, Path.cwd()))
    _print(text, args.output)
    return Outcome(report, verdict.exit_code)


def _read(path: Path) -> Report:
    return read(_bytes(path), str(path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _recorded_fail_on(path: Path) -> str:
    """The threshold that the run was asked for, so that deciding later decides the same."""
    try:
        recorded = json.loads(_bytes(path))["failOn"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a verdict of ci-guard") from error
    if recorded not in FAIL_ON:
        raise InputError(f"{path}: failOn is none of {', '.join(FAIL_ON)}")
    return str(recorded)


def _source(root: Path, path: str) -> bytes | None:
    """A regular file below `root`, for line hashes; SARIF files may name any path, so links are refused."""
    target = root / path
    try:
        inside = target.resolve(strict=True) == root.resolve() / path
        return target.read_bytes() if inside and target.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def _print(text: str, output: str | None) -> None:
    if output:
        try:
            Path(output).write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputError(f"{output}: {error.strerror or error}") from error
        return
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
