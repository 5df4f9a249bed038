"""What the tags of a git repository point to, asked of its server by git's own protocol (version 2, `ls-refs`).

One call answers for a whole repository, of any host, without git and without a limit per hour.
Source: git-scm.com/docs/protocol-v2, git-scm.com/docs/gitprotocol-http.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from ci_guard.model.errors import ServiceError
from ci_guard.services.hosts import HostPolicy, is_this_machine
from ci_guard.services.http import HttpClient, Limits, Request

_MAX_ANSWER = 16_000_000
_TAGS = "refs/tags/"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BODY = "application/x-git-upload-pack-request"


def tags(http: HttpClient, repository: str, prefix: str = "", token: str = "") -> Mapping[str, str]:
    """Tag -> commit of the tags of `repository` (`host/owner/name`) that begin with `prefix`; annotated ones followed.

    `token` is sent as GitHub and GitLab take it. Raises ServiceError.
    """
    host, _, path = repository.partition("/")
    scheme = "http" if is_this_machine(host.rpartition(":")[0] or host) else "https"
    headers = {"Git-Protocol": "version=2", "Content-Type": _BODY, "Accept": "application/x-git-upload-pack-result"}
    if token:
        headers["Authorization"] = "Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()
    url = f"{scheme}://{host}/{quote(path)}.git/git-upload-pack"
    body = _request(f"{_TAGS}{prefix}")
    answer = http.send(Request("POST", url, body, headers, limit=_MAX_ANSWER, idempotent=True))
    return dict(_answered(http, answer.body))


def client(
    host: str, hosts: tuple[str, ...] = (), private: tuple[str, ...] = (), limits: Limits | None = None
) -> HttpClient:
    """For the server of repositories at `host`, which somebody named; `hosts` and `private` are the policy's."""
    return HttpClient(host, HostPolicy.of(host, *hosts, private=private), limits)


def _request(prefix: str) -> bytes:
    lines = [b"command=ls-refs\n", b"agent=ci-guard\n", None, b"peel\n", f"ref-prefix {prefix}\n".encode()]
    return b"".join(b"0001" if line is None else b"%04x%s" % (len(line) + 4, line) for line in lines) + b"0000"


def _answered(http: HttpClient, body: bytes) -> Iterator[tuple[str, str]]:
    for line in _lines(http, body):
        words = line.split(" ")
        if len(words) < 2 or not _COMMIT.fullmatch(words[0]):
            raise ServiceError(http.service, f"does not speak git's protocol: {line[:80]!r}")
        peeled = next((w.removeprefix("peeled:") for w in words[2:] if w.startswith("peeled:")), words[0])
        if words[1].startswith(_TAGS) and _COMMIT.fullmatch(peeled):
            yield words[1].removeprefix(_TAGS), peeled


def _lines(http: HttpClient, body: bytes) -> Iterator[str]:
    """The packet lines up to the flush. Raises ServiceError when the end is missing: half a list looks like a list."""
    at = 0
    while True:
        size = body[at : at + 4]
        if size == b"0000":
            return
        try:
            length = int(size, 16)
        except ValueError:
            length = 0
        if length < 4 or at + length > len(body):
            raise ServiceError(http.service, "answered something that is no list of refs, or only a part of one")
        yield body[at + 4 : at + length].decode("utf-8", "replace").rstrip("\n")
        at += length
