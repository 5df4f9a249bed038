"""`ci-guard report FILE.sarif… --framework F`: what results show of a framework's controls, or of threats."""

from __future__ import annotations

import argparse
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import write
from ci_guard.pipeline.report import RENDERERS, render


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="SARIF 2.1.0; several are read as one")
    parser.add_argument(
        "--framework",
        required=True,
        metavar="NAME",
        help="cis-kubernetes, nsa-cisa, stride, attack … (docs/frameworks.md)",
    )
    parser.add_argument("--edition", metavar="E", default="", help="number the controls as another edition does: 1.12")
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=tuple(RENDERERS), default="markdown", help="default: markdown")
    group.add_argument("--output", metavar="FILE", default=None, help="write to FILE instead of the terminal")


def run(args: argparse.Namespace) -> Outcome:
    """Read, assess, print; decides nothing, so the exit is 0 whatever was found. Raises InputError, UsageError."""
    write(render(args.files, args.framework, args.edition, args.format), args.output)
    return Outcome()
