"""`ci-guard sbom`: write a bill of materials of what is locked and deployed, compare two, check one of any tool."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ci_guard.commands import sbom_check, sbom_diff
from ci_guard.commands.options import add_images
from ci_guard.commands.outcome import Outcome
from ci_guard.model.component import Inventory
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN, InputError, UsageError
from ci_guard.model.ports import Progress
from ci_guard.model.printable import visible
from ci_guard.pipeline.materials import checksums
from ci_guard.pipeline.materials.gathering import Gathered, gather_files, gather_locks, gather_workloads
from ci_guard.pipeline.materials.images import ROOTFS, archived_images, inventory_of, is_image
from ci_guard.pipeline.sbom import FORMATS, render
from ci_guard.report.progress import progress_for
from ci_guard.sbom.inventory import described
from ci_guard.sbom.metadata import Metadata, timestamp
from ci_guard.source.edit import replace_file

MANIFESTS = "manifests:"
_PATH_HELP = (
    "folder to look at (default: .), or manifests:DIR (the files themselves, and what they deploy), "
    "oci:DIR, oci-archive:FILE, docker-archive:FILE, rootfs:DIR, "
    "environment:DIR (Python or Node; a .venv or node_modules is one), oci://REFERENCE (asks the registry)"
)
_FORMAT_HELP = (
    "CycloneDX JSON (1.6 unless the name says 1.7; -gitlab with the properties of its dependency list), "
    "SPDX 2.3, JSON or tag-value, or SPDX 3.0.1 (default: %(default)s)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="write a bill of materials", allow_abbrev=False)
    create.add_argument("path", metavar="PATH", nargs="?", default=".", help=_PATH_HELP)
    add_images(create)
    create.add_argument("--format", choices=FORMATS, default=FORMATS[0], help=_FORMAT_HELP)
    create.add_argument("--output", metavar="FILE", default=None, help="write to FILE instead of the terminal")
    create.add_argument(
        "--checksums", metavar="FILE", default=None, help="also list the files that it was made from, as sha256sum does"
    )
    create.add_argument("--name", metavar="TEXT", default="", help="what the document describes")
    create.add_argument("--version", metavar="TEXT", default="", help="its version")
    create.add_argument("--author", metavar="WHO", default="", help="who answers for the document: NAME <EMAIL>")
    create.add_argument(
        "--supplier", metavar="WHO", default="", help="who supplies what it describes: NAME <EMAIL|URL>"
    )
    create.add_argument("--quiet", action="store_true", help="no progress")
    sbom_diff.add_arguments(actions.add_parser("diff", help="compare two bills of materials", allow_abbrev=False))
    sbom_check.add_arguments(actions.add_parser("check", help="judge bills of materials", allow_abbrev=False))


def run(args: argparse.Namespace) -> Outcome:
    """Write the document. Exit 3 when something could not be read: the document names it, and is not complete."""
    if args.action == "check":
        return sbom_check.run(args)
    if args.action == "diff":
        return sbom_diff.run(args)
    progress = progress_for(quiet=args.quiet)
    if is_image(args.path):
        return _image(args, progress)
    files_too = args.path.startswith(MANIFESTS)
    root = Path(args.path.removeprefix(MANIFESTS))
    if not root.is_dir():
        raise InputError(f"{args.path}: no folder")
    progress.stage("sbom", "reading locks and manifests")
    gathered = Gathered() if files_too else gather_locks(root, ["."], progress)
    gather_workloads(root, ["."], progress, gathered)
    if files_too:
        gather_files(root, gathered)
    gathered.images = archived_images(args.image_archive, gathered.workloads, args.platform)
    inventory = gathered.inventory()
    read = f"{len(gathered.files)} files" if files_too else f"{len(gathered.locks)} locks"
    told = f"{len(inventory.components)} components, {len(inventory.edges)} edges from {read}"
    progress.done(f"{told}, {len(gathered.workloads)} workloads")
    _write(args, inventory, "manifests" if files_too else "repository", "pre-build")
    _list(args, checksums.sources(root, inventory))
    return Outcome(exit_code=_tell(gathered))


def _image(args: argparse.Namespace, progress: Progress) -> Outcome:
    """The document of one image or root file system; exit 3 when nothing of it could be read."""
    if args.image_archive:
        raise UsageError("--image-archive goes with a repository, whose manifests name the images")
    progress.stage("sbom", args.path)
    inventory = inventory_of(args.path, args.platform)
    progress.done(f"{len(inventory.components)} components, {len(inventory.edges)} edges")
    _write(args, inventory, "root-file-system" if args.path.startswith(ROOTFS) else "environment", "post-build")
    _list(args, [])
    for text in inventory.unknown:
        print(visible(f"ci-guard: {text}"), file=sys.stderr)
    return Outcome(exit_code=EXIT_BROKEN if inventory.unread else EXIT_OPEN)


def _write(args: argparse.Namespace, inventory: Inventory, name: str, lifecycle: str) -> None:
    about = described(inventory)
    subject = None if args.name or args.version else about  # what is named otherwise is something else
    metadata = Metadata(
        timestamp(os.environ),
        name=args.name or (about.name if about else name),
        version=args.version or (subject.version if subject else ""),
        author=args.author,
        supplier=args.supplier,
        lifecycle=lifecycle,
        subject=subject.ref if subject else "",
    )
    data = render(args.format, inventory, metadata)
    if args.output:
        replace_file(Path(args.output), data)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _list(args: argparse.Namespace, files: list[Path]) -> None:
    """Write the list of checksums, where one is wanted: of the files that were read, and of the document."""
    if args.checksums:
        target = Path(args.checksums)
        written = [Path(args.output)] if args.output else []
        replace_file(target, checksums.listed(target, [*files, *written]))


def _tell(gathered: Gathered) -> int:
    """Name what is missing from the document; the exit code that goes with it."""
    if not (gathered.locks or gathered.workloads or gathered.files or gathered.unreadable):
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
