"""One repository of a registry, by the OCI distribution protocol 1.1: manifests, blobs, referrers.

    with HttpClient("registry.example", HostPolicy.of("registry.example")) as http:
        images = Repository(http, "registry.example", "team/app", login=lambda: keyring.login(host, repository))
        image = images.resolve("v1")                 # Descriptor: media type, digest, size
        for found in images.referrers(image.digest): …

Whatever has a digest is checked against it; a tag is resolved by the digest of the bytes that came.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urljoin

from ci_guard.model.errors import ServiceError
from ci_guard.model.record import field, record, replace
from ci_guard.services.docker_config import DOCKER_HUB, Login
from ci_guard.services.hosts import is_this_machine
from ci_guard.services.http import AGAIN, Answer, HttpClient, Request
from ci_guard.services.registry_token import Access

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
MAX_MANIFEST = 4_194_304  # what registries take, by the protocol
MAX_EVIDENCE = 48_000_000
_MAX_REFERRERS = 1_000
_MAX_PAGES = 20
_DIGEST = re.compile(r"(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')
_NO_REFERRERS_API = frozenset({404, 405, 406, 501})
_HUB_NAMES = frozenset({"docker.io", "index.docker.io"})


@record
class Descriptor:
    """What a manifest says of a piece of content."""

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        value: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return value


@record
class Manifest:
    """A manifest or index as it came; `etag` is the registry's, "" when it gives none."""

    descriptor: Descriptor
    data: bytes
    etag: str = ""

    @property
    def value(self) -> Mapping[str, Any]:
        """Its JSON; that it is an object was checked when it was read."""
        parsed: Mapping[str, Any] = json.loads(self.data)
        return parsed

    def descriptors(self, name: str) -> tuple[Descriptor, ...]:
        """The descriptors in the list `name` (`layers`, `manifests`); malformed ones are left out."""
        items = self.value.get(name)
        return tuple(d for item in (items if isinstance(items, list) else ()) if (d := descriptor_of(item)))


def host_of(registry: str) -> str:
    """The host that serves a registry: Docker Hub's images are not on docker.io."""
    return DOCKER_HUB if registry in _HUB_NAMES else registry


def base_url(registry: str) -> str:
    """The registry's URL: TLS, except on this machine, as Docker does it."""
    host = host_of(registry)
    name = host.rpartition(":")[0] if re.search(r":[0-9]+\Z", host) else host
    return f"{'http' if is_this_machine(name) else 'https'}://{host}"


def referrers_tag(digest: str, ending: str = "") -> str:
    """`sha256-HEX`, under which referrers are listed without the API; with an ending, cosign's own tags."""
    return digest.replace(":", "-", 1) + ending


def descriptor_of(value: Any) -> Descriptor | None:
    """A descriptor as JSON, None for what is none."""
    if not isinstance(value, dict):
        return None
    kind, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(kind, str) or not isinstance(digest, str) or not _DIGEST.match(digest):
        return None
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        return None
    artifact, notes = value.get("artifactType"), value.get("annotations")
    texts = {k: v for k, v in notes.items() if isinstance(v, str)} if isinstance(notes, dict) else {}
    return Descriptor(kind, digest, size, artifact if isinstance(artifact, str) else "", texts)


class Repository:
    """Reads and writes one repository. Raises ServiceError, and InputError for an unreadable Docker config."""

    def __init__(
        self,
        http: HttpClient,
        registry: str,
        repository: str,
        *,
        login: Callable[[], Login | None],
        push: bool = False,
    ) -> None:
        self.http = http
        self.name = f"{registry}/{repository}"
        base = base_url(registry)
        self._url = f"{base}/v2/{quote(repository)}"
        self._access = Access(http, base, repository, login, "pull,push" if push else "pull")

    def resolve(self, reference: str) -> Descriptor:
        """What a tag or digest is today."""
        return self.manifest(reference).descriptor

    def manifest(self, reference: str) -> Manifest:
        """The manifest at a tag or digest."""
        found = self.find_manifest(reference)
        if found is None:
            raise ServiceError(self.http.service, f"there is no {reference} in {self.name}")
        return found

    def find_manifest(self, reference: str) -> Manifest | None:
        """The same, None when the registry has no such tag or digest."""
        headers = {"Accept": ", ".join(MANIFEST_TYPES), "Accept-Encoding": "identity"}
        url = f"{self._url}/manifests/{quote(reference, safe=':')}"
        expect = frozenset({200, 404})
        answer = self._send(Request("GET", url, None, headers, expect, MAX_MANIFEST, leave_host=True))
        return None if answer.status == 404 else self._manifest(reference, answer)

    def _manifest(self, reference: str, answer: Answer) -> Manifest:
        wanted = reference if ":" in reference else answer.headers.get("docker-content-digest", "")
        digest = self._check(answer.body, wanted or digest_of(answer.body))
        value = answer.json()
        if not isinstance(value, dict):
            raise ServiceError(self.http.service, f"{self.name}@{digest} is no manifest")
        stated = value.get("mediaType")
        kind = stated if isinstance(stated, str) else answer.headers.get("content-type", "").partition(";")[0]
        return Manifest(Descriptor(kind, digest, len(answer.body)), answer.body, answer.headers.get("etag", ""))

    def blob(self, digest: str, limit: int = MAX_EVIDENCE) -> bytes:
        """A blob; it may come from another host, as many registries have it, and is checked against its digest."""
        headers = {"Accept-Encoding": "identity"}
        url = f"{self._url}/blobs/{quote(digest, safe=':')}"
        answer = self._send(Request("GET", url, headers=headers, limit=limit, leave_host=True))
        self._check(answer.body, digest)
        return answer.body

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What refers to `digest`, by the API or by the tag that stands in for it; () when nothing does.

        A registry that cannot say (throttled, forbidden) raises: that is not the same as nothing.
        """
        listed = self.referrers_by_api(digest)
        if listed is not None:
            return listed
        index = self.find_manifest(referrers_tag(digest))
        return index.descriptors("manifests")[:_MAX_REFERRERS] if index else ()

    def referrers_by_api(self, digest: str) -> tuple[Descriptor, ...] | None:
        """What the registry itself lists, None where it has no such API."""
        found: list[Descriptor] = []
        url = f"{self._url}/referrers/{quote(digest, safe=':')}"
        for _ in range(_MAX_PAGES):
            headers = {"Accept": OCI_INDEX}
            expect = frozenset({200, *_NO_REFERRERS_API})
            answer = self._send(Request("GET", url, None, headers, expect, MAX_MANIFEST))
            if answer.status != 200:
                return None
            index = answer.json()
            if not isinstance(index, dict):
                raise ServiceError(self.http.service, f"the referrers of {self.name}@{digest} are no index")
            items = index.get("manifests")
            found += [d for item in (items if isinstance(items, list) else ()) if (d := descriptor_of(item))]
            following = _NEXT.search(answer.headers.get("link", ""))
            if not following:
                return tuple(found)
            if len(found) > _MAX_REFERRERS:
                break
            url = urljoin(answer.url, following.group(1))
        # Half of the evidence could be the half without the one that counts.
        raise ServiceError(self.http.service, f"{self.name}@{digest} has more referrers than {_MAX_REFERRERS:,}")

    def put_blob(self, data: bytes, media_type: str) -> Descriptor:
        """Upload a blob, unless it is there."""
        digest = digest_of(data)
        if not self._has_blob(digest):
            started = self._send(
                Request("POST", f"{self._url}/blobs/uploads/", b"", expect=frozenset({202}), idempotent=True)
            )
            place = urljoin(started.url, started.headers.get("location", ""))
            url = f"{place}{'&' if '?' in place else '?'}{urlencode({'digest': digest})}"
            kind = {"Content-Type": "application/octet-stream"}
            # A repeated PUT of an upload that went through is refused: then the blob is there.
            done = self._send(Request("PUT", url, data, kind, frozenset({201, 400, 404})))
            if done.status != 201 and not self._has_blob(digest):
                raise ServiceError(self.http.service, f"refused a blob of {len(data):,} bytes for {self.name}")
        return Descriptor(media_type, digest, len(data))

    def _has_blob(self, digest: str) -> bool:
        url = f"{self._url}/blobs/{quote(digest, safe=':')}"
        expect = frozenset({200, 404})
        return self._send(Request("HEAD", url, expect=expect, leave_host=True)).status == 200

    def put_manifest(self, data: bytes, media_type: str, reference: str = "", *, etag: str = "") -> Answer:
        """Store a manifest under a tag, or under its digest when there is none.

        With `etag` (of the manifest that it replaces) registries that can refuse it (412) when that changed meanwhile.
        A registry on a file system may refuse (400) what names a blob that somebody else is just linking: it reads a
        half-written link. So another attempt is made.
        """
        headers = {"Content-Type": media_type, **({"If-Match": etag} if etag else {})}
        url = f"{self._url}/manifests/{quote(reference or digest_of(data), safe=':')}"
        expect = frozenset({201, 412} if etag else {201})
        return self._send(Request("PUT", url, data, headers, expect, again=AGAIN | {400}))

    def _send(self, request: Request) -> Answer:
        """Make a call with what gets us in; asks for a token once when the registry wants one."""
        for _ in range(2):
            headers = {**request.headers, **self._access.headers()}
            tried = replace(request, headers=headers, expect=request.expect | {401})
            answer = self.http.send(tried)
            if answer.status != 401:
                return answer
            if not self._access.answer(answer.headers.get("www-authenticate", "")):
                break
        raise ServiceError(self.http.service, f"does not let us in to {self.name}: `docker login` is what it asks for")

    def _check(self, data: bytes, digest: str) -> str:
        """`digest`, when it is the one of `data`. Raises ServiceError."""
        if not _DIGEST.match(digest):
            raise ServiceError(self.http.service, f"{digest[:100]!r} is no digest that can be checked")
        actual = digest_of(data, digest.partition(":")[0])
        if actual != digest:
            raise ServiceError(self.http.service, f"{self.name}@{digest} came with other bytes, {actual}")
        return digest


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """`sha256:HEX` of `data`."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
