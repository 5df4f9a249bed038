"""GitHub's attestations: fetched for a digest, and uploaded. Also of GitHub Enterprise Server, by its API's URL.

Source: docs.github.com, REST API, "Attestations"; a bundle stands in the answer, or, packed with Snappy, at a URL
elsewhere that is asked without our token. Whatever comes is a stranger's until it verified.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from ci_guard.model.errors import ServiceError, UsageError
from ci_guard.model.record import field, record
from ci_guard.services.hosts import HostPolicy, host_and_port, split_url
from ci_guard.services.http import Answer, HttpClient, Limits, Request
from ci_guard.services.snappy import NoSnappyError, unpack

SERVICE = "GitHub"
API = "https://api.github.com"
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_VERSION = "2022-11-28"
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')
_MAX_BUNDLE = 48_000_000
_MAX_ATTESTATIONS = 100
_MAX_PAGES = 10


@record
class Instance:
    """A GitHub: the URL of its API, the `token` that we have for it ("" is none), whose addresses may be private."""

    api: str
    token: str = field(repr=False)
    private: tuple[str, ...] = ()
    limits: Limits | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str], private: Sequence[str] = ()) -> Instance:
        """As the runner's environment says: GITHUB_API_URL; GH_TOKEN or GITHUB_TOKEN."""
        token = environ.get("GH_TOKEN") or environ.get("GITHUB_TOKEN") or ""
        return cls(environ.get("GITHUB_API_URL") or API, token, tuple(private))


def fetch(instance: Instance, repository: str, digest: str) -> list[bytes]:
    """Every bundle that OWNER/NAME has for `digest` (`sha256:HEX`). Raises UsageError, ServiceError."""
    url = f"{_url(instance, repository)}/{digest}?per_page=100"
    bundles: list[bytes] = []
    with client(instance) as http, _elsewhere(instance) as other:
        for _ in range(_MAX_PAGES):
            answer = http.send(Request("GET", url, headers=headers(instance), expect=frozenset({200, 404})))
            found = _attestations(answer) if answer.status == 200 else []
            if len(bundles) + len(found) > _MAX_ATTESTATIONS:
                raise ServiceError(http.service, f"more than {_MAX_ATTESTATIONS} attestations of {digest}")
            bundles += [_bundle(http, other, one) for one in found]
            following = _NEXT.search(answer.headers.get("link", ""))
            if answer.status == 404 or not following:
                return bundles
            url = urljoin(answer.url, following.group(1))
    raise ServiceError("GitHub", f"more than {_MAX_PAGES} pages of attestations of {digest}")


def upload(instance: Instance, repository: str, bundle: bytes) -> str:
    """Hand a bundle to OWNER/NAME; returns the attestation's id. Raises UsageError, ServiceError."""
    if not instance.token:
        raise UsageError("GitHub takes attestations with a token only: set GH_TOKEN or GITHUB_TOKEN")
    body = json.dumps({"bundle": json.loads(bundle)}).encode()
    sent = {**headers(instance), "Content-Type": "application/json"}
    # The same bundle again is the same attestation, so a repeat after a lost answer does no harm.
    request = Request("POST", _url(instance, repository), body, sent, frozenset({200, 201}), idempotent=True)
    with client(instance) as http:
        answer = http.send(request).json()
    number = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(number, int | str):
        raise ServiceError("GitHub", "took the attestation and gave no id")
    return str(number)


def repository_url(instance: Instance, repository: str) -> str:
    """The URL of OWNER/NAME in the API. Raises UsageError."""
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError(f"{repository[:100]!r} is no repository: expected OWNER/NAME")
    return f"{instance.api.rstrip('/')}/repos/{repository}"


def _url(instance: Instance, repository: str) -> str:
    return f"{repository_url(instance, repository)}/attestations"


def client(instance: Instance) -> HttpClient:
    """A client for the API alone. Raises UsageError when its URL is none."""
    try:
        host, port = host_and_port(split_url(instance.api))
    except ValueError as problem:
        raise UsageError(f"GITHUB_API_URL: {problem}") from None
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return HttpClient(SERVICE, HostPolicy.of(name, private=instance.private), instance.limits)


def _elsewhere(instance: Instance) -> HttpClient:
    """For bundles that GitHub keeps in somebody's storage: any public host, no credentials."""
    policy = HostPolicy(frozenset(), frozenset(instance.private), anyone=True)
    return HttpClient("GitHub's storage", policy, instance.limits)


def headers(instance: Instance) -> dict[str, str]:
    """What goes with every call, the token among it."""
    given = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": _VERSION}
    return {**given, "Authorization": f"Bearer {instance.token}"} if instance.token else given


def _attestations(answer: Answer) -> list[Mapping[str, Any]]:
    value = answer.json()
    items = value.get("attestations") if isinstance(value, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ServiceError("GitHub", "answered something that is no list of attestations")
    return items


def _bundle(http: HttpClient, other: HttpClient, item: Mapping[str, Any]) -> bytes:
    if isinstance(item.get("bundle"), dict):
        return json.dumps(item["bundle"]).encode()
    url = item.get("bundle_url")
    if not isinstance(url, str) or not url:
        raise ServiceError(http.service, "an attestation has neither a bundle nor the place of one")
    answer = other.send(Request("GET", url, limit=_MAX_BUNDLE))
    if "snappy" not in answer.headers.get("content-type", ""):
        return answer.body
    try:
        return unpack(answer.body, _MAX_BUNDLE)
    except NoSnappyError as problem:
        raise ServiceError(other.service, f"a bundle cannot be unpacked: {problem}") from None
