"""`ci-guard sbom create`: a bill of materials of the repository and what it deploys."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ci_guard.commands.options import add_images
from ci_guard.commands.outcome import Outcome
from ci_guard.model.component import Inventory
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN, InputError, UsageError
from ci_guard.model.ports import Progress
from ci_guard.model.printable import visible
from ci_guard.pipeline.gathering import Gathered, gather_locks, gather_workloads
from ci_guard.pipeline.images import archived_images, inventory_of, is_image
from ci_guard.pipeline.sbom import FORMATS, render
from ci_guard.report.progress import progress_for
from ci_guard.sbom.metadata import Metadata, timestamp
from ci_guard.source.edit import replace_file

_PATH_HELP = (
    "folder to look at (default: .), or oci:DIR, oci-archive:FILE, docker-archive:FILE, rootfs:DIR, "
    "environment:DIR (Python or Node; a .venv or node_modules is one), oci://REFERENCE (asks the registry)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="write a bill of materials", allow_abbrev=False)
    create.add_argument("path", metavar="PATH", nargs="?", default=".", help=_PATH_HELP)
    add_images(create)
    create.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="CycloneDX 1.6 (default) or SPDX 2.3, JSON"
    )
    create.add_argument("--output", metavar="FILE", default=None, help="write to FILE instead of the terminal")
    create.add_argument("--name", metavar="TEXT", default="", help="what the document describes")
    create.add_argument("--version", metavar="TEXT", default="", help="its version")
    create.add_argument("--author", metavar="TEXT", default="", help="who answers for the document")
    create.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> Outcome:
    """Write the document. Exit 3 when something could not be read: the document names it, and is not complete."""
    progress = progress_for(quiet=args.quiet)
    if is_image(args.path):
        return _image(args, progress)
    root = Path(args.path)
    if not root.is_dir():
        raise InputError(f"{args.path}: no folder")
    progress.stage("sbom", "reading locks and manifests")
    gathered = gather_locks(root, ["."], progress)
    gather_workloads(root, ["."], progress, gathered)
    gathered.images = archived_images(args.image_archive, gathered.workloads, args.platform)
    inventory = gathered.inventory()
    read = f"{len(gathered.locks)} locks, {len(gathered.workloads)} workloads"
    progress.done(f"{len(inventory.components)} components, {len(inventory.edges)} edges from {read}")
    _write(args, inventory, args.name or "repository", "pre-build")
    return Outcome(exit_code=_tell(gathered))


def _image(args: argparse.Namespace, progress: Progress) -> Outcome:
    """The document of one image or root file system; exit 3 when nothing of it could be read."""
    if args.image_archive:
        raise UsageError("--image-archive goes with a repository, whose manifests name the images")
    progress.stage("sbom", args.path)
    inventory = inventory_of(args.path, args.platform)
    progress.done(f"{len(inventory.components)} components, {len(inventory.edges)} edges")
    named = next((c for c in inventory.components if c.ref in inventory.roots and c.type == "container"), None)
    args.version = args.version or (named.version if named else "")
    _write(args, inventory, args.name or (named.name if named else "root-file-system"), "post-build")
    for text in inventory.unknown:
        print(visible(f"ci-guard: {text}"), file=sys.stderr)
    return Outcome(exit_code=EXIT_BROKEN if inventory.unread else EXIT_OPEN)


def _write(args: argparse.Namespace, inventory: Inventory, name: str, lifecycle: str) -> None:
    moment = timestamp(os.environ)
    metadata = Metadata(moment, name=name, version=args.version, author=args.author, lifecycle=lifecycle)
    data = render(args.format, inventory, metadata)
    if args.output:
        replace_file(Path(args.output), data)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _tell(gathered: Gathered) -> int:
    """Name what is missing from the document; the exit code that goes with it."""
    if not gathered.locks and not gathered.workloads and not gathered.unreadable:
        print("ci-guard: no lock and no workload was found", file=sys.stderr)
    for broken in gathered.unreadable:
        line = broken.location.region.start_line if broken.location.region else 1
        print(visible(f"ci-guard: {broken.path}:{line}: {broken.reason}: left out"), file=sys.stderr)
    for skipped in gathered.skipped:
        print(visible(f"ci-guard: {skipped.path}: {skipped.reason}: left out"), file=sys.stderr)
    for place in gathered.images.unused:
        print(visible(f"ci-guard: {place}: no workload names an image of it"), file=sys.stderr)
    unread = [text for content in gathered.images.contents for text in content.unread]
    for text in unread:
        print(visible(f"ci-guard: {text}"), file=sys.stderr)
    return EXIT_BROKEN if gathered.unreadable or unread else EXIT_OPEN
