"""Who says what a tag stands for: maps and the committed lock first, then, if allowed, registries and git servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ci_guard.config.digests import GITHUB, DigestLock
from ci_guard.model.errors import CiGuardError, ServiceError
from ci_guard.pipeline.image_reference import ImageReference
from ci_guard.pipeline.pinedits import Pinned
from ci_guard.pipeline.pinplaces import COMMIT, PinPlace
from ci_guard.pipeline.registries import Network
from ci_guard.services import git_refs
from ci_guard.services.hosts import HostPolicy, host_and_port, is_literal, split_url
from ci_guard.services.registry import base_url
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


class Online:
    """By asking: the registry of an image, the git server of an action. Each is asked once."""

    asks = True

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[tuple[str, str], Pinned | CiGuardError | None] = {}
        server = network.environ.get("GITHUB_SERVER_URL", "")
        self._github = split_url(server).netloc if server else GITHUB

    def find(self, place: PinPlace) -> Pinned | None:
        """What the tag is today. Raises CiGuardError; again, for the same, without asking again."""
        known = (place.key, place.ref if place.what == COMMIT else "")
        if known not in self._known:
            try:
                self._known[known] = self._commit(place) if place.what == COMMIT else self._image(place)
            except CiGuardError as error:
                self._known[known] = error
        found = self._known[known]
        if isinstance(found, CiGuardError):
            raise found
        return found

    def _image(self, place: PinPlace) -> Pinned:
        facts = place.facts
        self._may_ask(base_url(str(facts["registry"])))
        image = ImageReference(str(facts["registry"]), str(facts["repository"]), place.ref, "")
        with self._network.repository(image) as repository:
            return Pinned(repository.resolve(image.wanted).digest)

    def _commit(self, place: PinPlace) -> Pinned:
        host, _, path = place.key.partition("/")
        on_github = host == GITHUB
        host = self._github if on_github else host
        environ = self._network.environ
        token = environ.get("GH_TOKEN") or environ.get("GITHUB_TOKEN") or "" if on_github else ""
        if not on_github:
            self._may_ask(f"https://{host}")
        client = git_refs.client(host, self._network.hosts, self._network.private, self._network.limits)
        with client as http:
            tags = git_refs.tags(http, f"{host}/{path}", place.ref, token)
        found = release(tags, place.ref, whole=place.comment.startswith("  "))
        if found is None:
            raise ServiceError(host, f"{path} has no tag {place.ref}; a branch is not pinned, name a release")
        return found

    def _may_ask(self, url: str) -> None:
        """Refuse a bare address, or this machine: a file may name any, only the policy may have it asked.

        A name is resolved where it is asked, and refused there when its address is private. Raises ServiceError.
        """
        host, port = host_and_port(split_url(url))
        if is_literal(host) and not HostPolicy.of(*self._network.hosts).allows(host, port):
            raise ServiceError(host, "is an address and no name; to ask it, list it under `services.hosts`")
