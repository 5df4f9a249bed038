"""What a bill of materials is made from: the locks below the root, and what the manifests deploy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

from ci_guard.kubernetes.kustomization import NAMES as KUSTOMIZATIONS
from ci_guard.kubernetes.kustomization import Surroundings
from ci_guard.kubernetes.manifests import NOTICED, ManifestDocument, PatchDocument, Skipped, read_manifests
from ci_guard.model.component import Component, Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.location import Location, Region
from ci_guard.model.ports import Progress, ReadBytes
from ci_guard.model.record import field, record, replace
from ci_guard.pipeline.manifests.file import workloads_of
from ci_guard.sbom.deployed import ArchivedImages, Workload, deployed_inventory
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.lockfiles import parser_name, read_lock
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.sbom.manifest_files import file_component, files_inventory
from ci_guard.sbom.settings.scopes import scopes_beside
from ci_guard.sbom.workflow_uses import Used, workflow_lock
from ci_guard.source.document import Unreadable
from ci_guard.source.files import SkippedPath, read_file, read_or_none, walk
from ci_guard.source.reader import read as read_documents
from ci_guard.workflows import files
from ci_guard.workflows.steps import DIALECT

Wants = Callable[[str], bool]
"""Whether the configuration leaves a path in."""


def everything(path: str) -> bool:
    """The filter that lets all paths in."""
    del path
    return True


@record(frozen=False)
class Gathered:
    """The locks and workflows one by one, the workloads, and everything that could not be read.

    `unseen` are files (outcome and path) from which more is deployed than they show; `images` what deployed images
    contain; `files` the files themselves, where a set of manifests is described.
    """

    locks: list[Lock] = field(default_factory=list)
    workflows: list[Lock] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    skipped: list[Skipped | SkippedPath] = field(default_factory=list)
    unseen: set[tuple[str, str]] = field(default_factory=set)
    images: ArchivedImages = field(default_factory=ArchivedImages)
    files: list[Component] = field(default_factory=list)

    def inventory(self) -> Inventory:
        """All of it as one inventory; what could not be read is said in `unknown`."""
        lost = {f"{broken.path}: {broken.reason}" for broken in self.unreadable}
        lost |= {f"{skipped.path}: {skipped.reason}" for skipped in self.skipped}
        named = {broken.path for broken in self.unreadable} | {skipped.path for skipped in self.skipped}
        more = ((outcome, path) for outcome, path in self.unseen if path not in named)
        lost |= {f"{path}: what this {outcome} deploys is not known" for outcome, path in more}
        deployed = deployed_inventory(self.workloads, self.images.opened)
        lacking = Inventory(unknown=tuple(sorted(lost)))
        files = files_inventory(self.files, self.workloads) if self.files else Inventory()
        return merge([*self.locks, *self.workflows, deployed, *self.images.contents, files, lacking])


@record
class _Wanted:
    """A lock to read, by which parser, and the line that includes it."""

    path: str
    module: str
    included: Location | None = None


def gather_locks(
    root: Path,
    targets: Sequence[str],
    progress: Progress,
    wants: Wants = everything,
    registries: Collection[str] = (),
) -> Gathered:
    """Every lock at or below `targets`, and the files they include. Raises InputError for a target that is missing."""
    gathered = Gathered()
    pending = list(_locks_below(root, targets, wants, gathered))
    seen = {wanted.path for wanted in pending}
    for done, wanted in enumerate(pending, start=1):  # grows while it runs, by what locks include
        lock = _read(root, wanted, registries, gathered)
        for path, line in lock.includes if lock is not None else ():
            if path not in seen:
                seen.add(path)
                place = Location(wanted.path, Region(line, 1, line, 1))
                pending.append(_Wanted(path, "requirements", place))
        progress.advance(done, len(pending))
    gathered.locks.sort(key=lambda lock: lock.path)
    gathered.workflows += _workflows_below(root, targets, wants)
    return gathered


def _workflows_below(root: Path, targets: Sequence[str], wants: Wants) -> Iterator[Lock]:
    """What workflows, actions and hooks pull in; what cannot be read is a finding where they are judged."""
    for found in walk(root, targets):
        if isinstance(found, SkippedPath) or not files.is_workflow(found.path):
            continue
        data = read_or_none(root, found.path) if wants(found.path) else None
        if data is None:
            continue
        yield read_workflow(found.path, data)


def read_workflow(path: str, data: bytes) -> Lock:
    """What a workflow, an action or a configuration of hooks pulls in; what cannot be read is said in `unknown`."""
    used: list[Used] = []
    lost: list[str] = []
    for document in read_documents(path, data, DIALECT):
        if isinstance(document, Unreadable):
            lost.append(f"{path}: {document.reason}")
        else:
            used += [Used(s.variables["step"], files.place_of(s)) for s in files.subjects(path, document)]
    lock = workflow_lock(path, used)
    return replace(lock, unknown=(*lock.unknown, *lost)) if lost else lock


def _locks_below(root: Path, targets: Sequence[str], wants: Wants, gathered: Gathered) -> Iterator[_Wanted]:
    for found in walk(root, targets):
        module = parser_name(found.path)
        if not module or not wants(found.path):
            continue
        if isinstance(found, SkippedPath):
            gathered.skipped.append(found)
        else:
            yield _Wanted(found.path, module)


def _read(root: Path, wanted: _Wanted, registries: Collection[str], gathered: Gathered) -> Lock | None:
    try:
        data = read_file(root, wanted.path)
    except InputError as error:
        place = wanted.included or Location(wanted.path)
        gathered.unreadable.append(Unreadable(place.path, place, f"cannot be read: {error}"))
        return None
    lock = read_lock(wanted.path, data, registries, wanted.module, partial(read_or_none, root))
    if isinstance(lock, Unreadable):
        gathered.unreadable.append(lock)
        return None
    lock = with_scopes(lock, partial(read_or_none, root))
    gathered.locks.append(lock)
    gathered.unreadable += lock.broken
    return lock


def with_scopes(lock: Lock, beside: ReadBytes) -> Lock:
    """The lock with what the settings beside it say of npm's scopes."""
    found = scopes_beside(lock.path, lock.format, beside)
    return replace(lock, scopes=found) if found else lock


def gather_workloads(
    root: Path, targets: Sequence[str], progress: Progress, gathered: Gathered, wants: Wants = everything
) -> None:
    """Add every workload of the manifests at or below `targets`, with its images, to `gathered`."""
    surroundings = Surroundings(partial(read_or_none, root))
    paths = [f.path for f in walk(root, targets) if not isinstance(f, SkippedPath) and wants(f.path)]
    for done, path in enumerate(paths, start=1):
        data = read_or_none(root, path)
        for item in read_manifests(path, data, surroundings) if data is not None else ():
            if isinstance(item, ManifestDocument):
                gathered.workloads += [w for resource in item.resources for w in workloads_of(resource)]
            elif isinstance(item, Unreadable):
                gathered.unreadable.append(item)
            elif isinstance(item, PatchDocument):
                gathered.skipped.append(item.skipped)
            elif item.outcome in NOTICED:
                gathered.skipped.append(item)
            elif item.path.rpartition("/")[2] in KUSTOMIZATIONS:
                gathered.unseen.add(("kustomization", item.path))
        progress.advance(done, len(paths))


def gather_files(root: Path, gathered: Gathered) -> None:
    """Add every regular file of a set of manifests to `gathered`; what cannot be read is told."""
    for found in walk(root, ["."]):
        if isinstance(found, SkippedPath):
            gathered.skipped.append(found)
            continue
        try:
            gathered.files.append(file_component(found.path, read_file(root, found.path)))
        except InputError as error:
            gathered.unreadable.append(Unreadable(found.path, Location(found.path), f"cannot be read: {error}"))
