"""Who says what a tag stands for, where asking is allowed: the registry of an image, the git server of an action."""

from __future__ import annotations

from ci_guard.config.digests import GITHUB
from ci_guard.model.errors import CiGuardError, ServiceError
from ci_guard.pipeline.pinning.edits import Pinned
from ci_guard.pipeline.pinning.places import COMMIT, PinPlace
from ci_guard.pipeline.pinning.sources import release
from ci_guard.pipeline.verification.image_reference import ImageReference
from ci_guard.pipeline.verification.registries import Network
from ci_guard.services import git_refs
from ci_guard.services.hosts import HostPolicy, host_and_port, is_literal, split_url
from ci_guard.services.registry import base_url


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
