"""`ci-guard sbom create`: a bill of materials of the repository and what it deploys."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ci_guard.commands.outcome import Outcome
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN, InputError
from ci_guard.model.printable import visible
from ci_guard.pipeline.gathering import Gathered, gather_locks, gather_workloads
from ci_guard.pipeline.sbom import FORMATS, render
from ci_guard.report.progress import progress_for
from ci_guard.sbom.metadata import Metadata, timestamp
from ci_guard.source.edit import replace_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="write a bill of materials", allow_abbrev=False)
    create.add_argument("path", metavar="PATH", nargs="?", default=".", help="folder to look at (default: .)")
    create.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="CycloneDX 1.6 (default) or SPDX 2.3, JSON"
    )
    create.add_argument("--output", metavar="FILE", default=None, help="write to FILE instead of the terminal")
    create.add_argument("--name", metavar="TEXT", default="repository", help="what the document describes")
    create.add_argument("--version", metavar="TEXT", default="", help="its version")
    create.add_argument("--author", metavar="TEXT", default="", help="who answers for the document")
    create.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> Outcome:
    """Write the document. Exit 3 when something could not be read: the document names it, and is not complete."""
    root = Path(args.path)
    if not root.is_dir():
        raise InputError(f"{args.path}: no folder")
    progress = progress_for(quiet=args.quiet)
    progress.stage("sbom", "reading locks and manifests")
    gathered = gather_locks(root, ["."], progress)
    gather_workloads(root, ["."], progress, gathered)
    inventory = gathered.inventory()
    moment = timestamp(os.environ)
    metadata = Metadata(timestamp=moment, name=args.name, version=args.version, author=args.author)
    data = render(args.format, inventory, metadata)
    read = f"{len(gathered.locks)} locks, {len(gathered.workloads)} workloads"
    progress.done(f"{len(inventory.components)} components, {len(inventory.edges)} edges from {read}")
    if args.output:
        replace_file(Path(args.output), data)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    return Outcome(exit_code=_tell(gathered))


def _tell(gathered: Gathered) -> int:
    """Name what is missing from the document; the exit code that goes with it."""
    if not gathered.locks and not gathered.workloads and not gathered.unreadable:
        print("ci-guard: no lock and no workload was found", file=sys.stderr)
    for broken in gathered.unreadable:
        line = broken.location.region.start_line if broken.location.region else 1
        print(visible(f"ci-guard: {broken.path}:{line}: {broken.reason}: left out"), file=sys.stderr)
    for skipped in gathered.skipped:
        print(visible(f"ci-guard: {skipped.path}: {skipped.reason}: left out"), file=sys.stderr)
    return EXIT_BROKEN if gathered.unreadable else EXIT_OPEN
