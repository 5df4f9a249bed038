"""`ci-guard deps vex init`: a draft of a VEX document about what the advisories found, for a person to finish."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ci_guard.commands.options import add_advisories, add_online, add_policy
from ci_guard.commands.outcome import Outcome
from ci_guard.commands.printing import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="vex_action", metavar="ACTION", required=True)
    init = actions.add_parser("init", help="draft statements about what is found", allow_abbrev=False)
    init.add_argument("paths", metavar="PATH", nargs="*", help="files and folders (default: .)")
    init.add_argument("--format", choices=("openvex", "cyclonedx"), default="openvex", help="default: openvex")
    init.add_argument("--sbom", metavar="FILE", default=None, help="CycloneDX SBOM that the statements point into")
    init.add_argument("--author", metavar="NAME", default="", help="who makes the statements")
    init.add_argument("--output", metavar="FILE", default=None, help="write to FILE instead of the terminal")
    add_advisories(init)
    add_policy(init)
    add_online(init)


def run(args: argparse.Namespace) -> Outcome:
    """Write the draft. Every statement is `under_investigation`: it accepts nothing until somebody says why.

    Raises InputError when the advisories could not be judged: half a draft would look like a whole one.
    """
    from ci_guard.pipeline.dependencies.vex_drafts import draft
    from ci_guard.pipeline.session import open_session

    session = open_session(Path.cwd(), args.paths, os.environ, {**vars(args), "format": None})
    sbom = Path(args.sbom) if args.sbom else None
    document = draft(session, os.environ, vars(args), kind=args.format, author=args.author, sbom=sbom)
    write(document, args.output)
    return Outcome()
