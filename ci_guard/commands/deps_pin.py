"""`ci-guard deps pin`: digests and commits in place of what can be moved, in every file that names them."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.commands.options import add_online
from ci_guard.commands.outcome import Outcome
from ci_guard.config.settings import switch
from ci_guard.model.errors import EXIT_BROKEN, EXIT_CLOSED, EXIT_OPEN, UsageError
from ci_guard.model.location import Location
from ci_guard.model.printable import visible

if TYPE_CHECKING:
    from ci_guard.pipeline.pinning.request import Job
    from ci_guard.pipeline.pinning.tree import Pinning


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="files and folders (default: .)")
    maps = "a lock of digests, or lines of NAME VERSION DIGEST-OR-COMMIT (default: .ci-guard.digests.json)"
    parser.add_argument("--map", metavar="FILE", action="append", default=[], help=maps)
    parser.add_argument("--check", action="store_true", help="change nothing, print the difference, exit 1 if any")
    parser.add_argument("--write-lock", action="store_true", help="write .ci-guard.digests.json; with --online, anew")
    parser.add_argument("--config", metavar="FILE", default=None, help="configuration (default: .ci-guard.yaml)")
    add_online(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Pin. Exit 1 when `--check` finds something to change, 3 when something could not be read or asked for."""
    from ci_guard.pipeline.pinning.request import pin, write_lock
    from ci_guard.pipeline.pinning.tree import write_files

    options = {"config": args.config}
    online = switch("online", vars(args), os.environ)
    job = pin(Path.cwd(), args.paths, os.environ, options, maps=args.map, online=online, anew=args.write_lock)
    if not (job.sources or args.write_lock):
        raise UsageError(
            "nothing says what to pin to: name a --map FILE, write .ci-guard.digests.json, or use --online"
        )
    if args.check:
        _print(_difference(job, with_lock=args.write_lock))
    else:
        write_files(job.root, job.result)
        if args.write_lock:
            write_lock(job)
    _tell(job, check=args.check)
    changes = bool(job.result.files) or (args.write_lock and job.lock_before != job.lock_after)
    if any(left.broken for left in job.result.left):
        return Outcome(exit_code=EXIT_BROKEN)
    return Outcome(exit_code=EXIT_CLOSED if args.check and changes else EXIT_OPEN)


def _difference(job: Job, *, with_lock: bool) -> Iterator[str]:
    files = [(file.path, file.before, file.after) for file in job.result.files]
    if with_lock and job.lock_before != job.lock_after:
        files.append((job.lock_name, job.lock_before, job.lock_after))
    for path, before, after in files:
        old, new = _lines(before), _lines(after)
        yield from difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="")


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").splitlines()


def _tell(job: Job, *, check: bool) -> None:
    result = job.result
    if not check:
        _print(_changed(result))
    for left in result.left:
        name = f"{left.name}: " if left.name else ""
        print(visible(f"{_place(left.location)}: {name}not pinned: {left.reason}"))
    count = sum(len(file.changes) for file in result.files)
    would = " to pin" if check else " pinned now"
    print(
        f"{count}{would} in {len(result.files)} files, {result.pinned - count} pinned before, {len(result.left)} left"
    )


def _changed(result: Pinning) -> Iterator[str]:
    for file in result.files:
        for change in file.changes:
            version = f" # {change.to.version}" if change.to.version else ""
            yield f"{_place(change.place.location)}: {change.place.written} -> {change.to.pin}{version}"


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        print("\t".join(map(visible, line.split("\t"))))


def _place(location: Location) -> str:
    return f"{location.path}:{location.region.start_line}" if location.region else location.path
