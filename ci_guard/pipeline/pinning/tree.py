"""`deps pin`: write the digest behind every tag and the commit in place of every tag of an action, byte for byte.

A file is changed as a whole or not at all; a place whose change would touch anything else is left, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from ci_guard.config.digests import DigestLock
from ci_guard.kubernetes.kustomization import Surroundings
from ci_guard.model.errors import CiGuardError, InputError
from ci_guard.model.location import Location
from ci_guard.model.record import field, record
from ci_guard.pipeline.lint import LintRequest
from ci_guard.pipeline.pinning.edits import Change, Pinned, edited, unwanted
from ci_guard.pipeline.pinning.places import COMMIT, IMAGE, PinPlace, may_name, places
from ci_guard.pipeline.pinning.sources import PinSource
from ci_guard.source.document import Unreadable
from ci_guard.source.edit import replace_file
from ci_guard.source.files import SkippedPath, read_file, read_or_none, walk
from ci_guard.source.text import SourceText
from ci_guard.workflows.agreement import agree, is_version

_NOBODY_KNOWS = "no map and no lock names it"


@record
class Left:
    """A place that was not pinned, and why; `broken`: it could not be asked for, or the file not be read."""

    location: Location
    name: str
    reason: str
    broken: bool = False


@record
class PinnedFile:
    """One file that changes."""

    path: str
    before: bytes
    after: bytes
    changes: tuple[Change, ...]


@record(frozen=False)
class Pinning:
    """What became of a tree. `known` is what its files say once they are changed, for the lock."""

    files: list[PinnedFile] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    pinned: int = 0

    @property
    def known(self) -> DigestLock:
        """What tags stand for, by these files."""
        return DigestLock(self.images, self.commits)


class Pinner:
    """Pins files by `sources`, the first that knows. `anew`: what is pinned is asked for again, too."""

    def __init__(self, sources: Sequence[PinSource], *, anew: bool = False) -> None:
        self._sources = sources
        self._anew = anew
        self.result = Pinning()

    def tree(self, request: LintRequest) -> Pinning:
        """Every file under the request's targets. Raises InputError for a target that is missing."""
        around = Surroundings(partial(read_or_none, request.root))
        for found in walk(request.root, request.targets):
            if isinstance(found, SkippedPath) or not may_name(found.path) or not request.wants(found.path):
                continue
            try:
                data = read_file(request.root, found.path)
            except InputError as error:
                self.result.left.append(Left(Location(found.path), "", str(error), broken=True))
                continue
            self.file(found.path, data, around)
        return self.result

    def file(self, path: str, data: bytes, around: Surroundings) -> bytes:
        """One file; returns what it becomes."""
        text = SourceText(path, data)
        changes: list[Change] = []
        for place in places(text, around):
            if not isinstance(place, PinPlace):
                where = place.location or Location(path)
                self.result.left.append(Left(where, "", place.reason, broken=isinstance(place, Unreadable)))
                continue
            change = self._change(place)
            if change is not None:
                changes.append(change)
        kept, after = self._safe(text, changes)
        if kept:
            self.result.files.append(PinnedFile(path, data, after, tuple(kept)))
        return after

    def _change(self, place: PinPlace) -> Change | None:
        """What to do at a place; None when it stays as it is, whether that is good or not."""
        if place.pin and (place.what == COMMIT or not place.ref):
            self._note(place, Pinned(place.pin, place.version))
            return None
        if place.problem:
            self._leave(place, place.problem)
            return None
        try:
            found = self._find(place)
        except CiGuardError as error:
            self._leave(place, str(error), broken=True)
            return None
        if found is None and not place.pin:
            self._leave(place, _NOBODY_KNOWS)
        if found is None or found.pin == place.pin:
            self._note(place, found or Pinned(place.pin))
            return None
        return Change(place, found)

    def _find(self, place: PinPlace) -> Pinned | None:
        """Who knows first; what is pinned is not asked of the network unless all is asked anew."""
        for source in self._sources:
            if place.pin and source.asks and not self._anew:
                continue
            found = source.find(place)
            if found is not None:
                return found
        return None

    def _leave(self, place: PinPlace, reason: str, *, broken: bool = False) -> None:
        self.result.left.append(Left(place.location, place.written, reason, broken))

    def _note(self, place: PinPlace, to: Pinned) -> None:
        """Remember what a tag stands for by a file: an image's tag, the version of a commit."""
        if place.what == IMAGE and to.pin and place.key and place.ref:
            self.result.images.setdefault(place.key, to.pin)
            self.result.pinned += 1
        elif place.what == COMMIT and to.pin and place.key:
            version = to.version or place.version
            if version:
                self.result.commits.setdefault(f"{place.key}@{version}", to.pin)
            if place.ref != to.pin and is_version(place.ref) and agree(place.ref, version):
                self.result.commits.setdefault(f"{place.key}@{place.ref}", to.pin)
            self.result.pinned += 1

    def _safe(self, text: SourceText, changes: list[Change]) -> tuple[list[Change], bytes]:
        """The changes that touch nothing else, and the file with them."""
        kept = self._good(text, list(_by_spot(changes)))
        after = edited(text, kept)
        for change in kept:
            self._note(change.place, change.to)
        return kept, after

    def _good(self, text: SourceText, spots: Sequence[list[Change]]) -> list[Change]:
        """The changes that may be made; where some may not, each half is tried, down to the spot that it is."""
        changes = [change for spot in spots for change in spot]
        reason = unwanted(text, edited(text, changes), changes) if changes else ""
        if not reason:
            return changes
        if len(spots) == 1:
            for change in changes:
                self._leave(change.place, reason)
            return []
        half = len(spots) // 2
        return [*self._good(text, spots[:half]), *self._good(text, spots[half:])]


def _by_spot(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """The changes together that are one change of the text: an alias and its anchor."""
    spots: dict[tuple[int, str], list[Change]] = {}
    for change in changes:
        spots.setdefault((change.place.start, change.to.pin), []).append(change)
    yield from spots.values()


def lock_after(before: DigestLock, result: Pinning, *, anew: bool) -> DigestLock:
    """The lock once the files are changed: what it said stays, unless all was asked anew."""
    known = result.known
    return before.with_those_of(known) if anew else known.with_those_of(before)


def write_files(root: Path, result: Pinning) -> None:
    """Write what changed, each file in one step. Raises InputError, for one that changed meanwhile too."""
    for file in result.files:
        if read_file(root, file.path) != file.before:
            raise InputError(f"{file.path}: somebody else has changed it meanwhile; run again")
        replace_file(root / file.path, file.after)
