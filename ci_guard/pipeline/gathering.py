"""What a bill of materials is made from: the locks below the root, and what the manifests deploy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ci_guard.model.component import Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.location import Location
from ci_guard.model.ports import Progress
from ci_guard.sbom.deployed import Workload, deployed_inventory
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.lockfiles import parser_name, read_lock
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.source.document import Unreadable
from ci_guard.source.files import SkippedPath, read_file, walk


def everything(path: str) -> bool:
    """The filter that lets all paths in."""
    del path
    return True


@dataclass(slots=True)
class Gathered:
    """The locks one by one, the workloads, and everything that could not be read."""

    locks: list[Lock] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    skipped: list[SkippedPath] = field(default_factory=list)

    def inventory(self) -> Inventory:
        """All of it as one inventory; what could not be read is said in `unknown`."""
        lost = tuple(f"{broken.path}: {broken.reason}" for broken in self.unreadable)
        return merge([*self.locks, deployed_inventory(self.workloads), Inventory(unknown=lost)])


def gather_locks(
    root: Path,
    targets: Sequence[str],
    progress: Progress,
    wants: Callable[[str], bool] = everything,
    registries: Collection[str] = (),
) -> Gathered:
    """Every lock at or below `targets` that `wants` lets in, and the files they include.

    Raises InputError for a target that is missing.
    """
    gathered = Gathered()
    files = list(_lock_paths(root, targets, wants, gathered))
    seen = {path for path, _ in files}
    for done, (path, module) in enumerate(files, start=1):
        lock = _read(root, path, module, registries, gathered)
        # An included file is a requirements file whatever it is called; the loop grows while it runs.
        for included, _ in lock.includes if lock is not None else ():
            if included not in seen:
                seen.add(included)
                files.append((included, "requirements"))
        progress.advance(done, len(files))
    gathered.locks.sort(key=lambda lock: lock.path)
    return gathered


def _lock_paths(
    root: Path, targets: Sequence[str], wants: Callable[[str], bool], gathered: Gathered
) -> Iterator[tuple[str, str]]:
    for found in walk(root, targets):
        module = parser_name(found.path) if wants(found.path) else ""
        if module and isinstance(found, SkippedPath):
            gathered.skipped.append(found)
        elif module:
            yield found.path, module


def _read(root: Path, path: str, module: str, registries: Collection[str], gathered: Gathered) -> Lock | None:
    try:
        lock = read_lock(path, read_file(root, path), registries, module)
    except InputError as error:
        lock = Unreadable(path, Location(path), str(error))
    if isinstance(lock, Unreadable):
        gathered.unreadable.append(lock)
        return None
    gathered.locks.append(lock)
    gathered.unreadable += lock.broken
    return lock
