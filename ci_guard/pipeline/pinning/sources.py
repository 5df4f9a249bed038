"""Who says what a tag stands for, offline: maps and the committed lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ci_guard.config.digests import DigestLock
from ci_guard.pipeline.pinning.edits import Pinned
from ci_guard.pipeline.pinning.places import COMMIT, PinPlace
from ci_guard.workflows.agreement import agree, is_version, version_order


class PinSource(Protocol):
    """Answers what a place stands for; `asks` is true of what opens sockets."""

    @property
    def asks(self) -> bool:
        """Whether it goes to the network."""

    def find(self, place: PinPlace) -> Pinned | None:
        """The pin, None when it is not known here. Raises CiGuardError when it could not be asked for."""


class Locked:
    """By a lock or a map. A tag that moves (`v4`) is the newest release of it that is there."""

    asks = False

    def __init__(self, lock: DigestLock) -> None:
        self._images = lock.images
        self._commits: dict[str, dict[str, str]] = {}
        for name, commit in lock.commits.items():
            repository, _, ref = name.partition("@")
            self._commits.setdefault(repository, {})[ref] = commit

    def find(self, place: PinPlace) -> Pinned | None:
        """What the lock says."""
        if place.what != COMMIT:
            digest = self._images.get(place.key)
            return Pinned(digest) if digest else None
        return release(self._commits.get(place.key, {}), place.ref, whole=place.comment.startswith("  "))


def release(tags: Mapping[str, str], ref: str, *, whole: bool = False) -> Pinned | None:
    """The commit of `ref` among the tags of a repository, and the most exact version that it has.

    `whole`: the tag itself is the version (a hook is frozen at what it said).
    """
    commit = tags.get(ref)
    if commit is None and is_version(ref):
        within = [tag for tag in tags if is_version(tag) and len(tag) > len(ref) and agree(tag, ref)]
        newest = max(within, key=version_order, default="")
        return Pinned(tags[newest], newest) if newest else None
    if commit is None:
        return None
    if whole or not is_version(ref):
        return Pinned(commit, ref)
    same = [tag for tag, other in tags.items() if other == commit and is_version(tag) and agree(tag, ref)]
    return Pinned(commit, max(same, key=version_order, default=ref))
