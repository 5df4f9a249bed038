"""How Sigstore's services are called: one client a service, allowed to talk to that host alone; bounded in time.

Every call may be repeated: another certificate or timestamp harms nobody, and a log that has an entry already says
so. What a service answers is a stranger's: what cannot be read is a ServiceError with its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ci_guard.attestation import protojson
from ci_guard.attestation.protojson import Fields
from ci_guard.model.errors import CiGuardError, ServiceError, UsageError
from ci_guard.model.record import record
from ci_guard.services.hosts import HostPolicy, host_and_port, split_url
from ci_guard.services.http import Answer, HttpClient, Limits, Request

MAX_ANSWER = 50_000_000
_MAX_DEPTH = 16
_JSON = "application/json"


@record
class Calling:
    """`seconds` for one call with its repeats. `inside`: the user named the services, their addresses may be private.

    `waits` are the seconds between attempts.
    """

    seconds: float = 120
    inside: bool = False
    waits: tuple[float, ...] = (0.5, 2, 8)

    def limits(self) -> Limits:
        """A log may take 20 seconds to answer: it does so once the entry is in its tree."""
        return Limits(connect=min(10, self.seconds), read=min(60, self.seconds), total=self.seconds, waits=self.waits)


@contextmanager
def calling(service: str, url: str, how: Calling) -> Iterator[HttpClient]:
    """A client for the host of `url` alone. Raises UsageError for what is no URL."""
    try:
        host, port = host_and_port(split_url(url))
    except ValueError as problem:
        raise UsageError(f"{service}: {problem}") from None
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    with HttpClient(service, HostPolicy.of(where, private=[where] if how.inside else []), how.limits()) as client:
        yield client


def post_json(client: HttpClient, url: str, value: Any, expect: frozenset[int]) -> Answer:
    """Post JSON, again where an attempt failed. Raises ServiceError."""
    headers: Mapping[str, str] = {"Content-Type": _JSON, "Accept": _JSON}
    body = protojson.write(value)
    return client.send(Request("POST", url, body, headers, expect, MAX_ANSWER, idempotent=True))


@contextmanager
def understanding(service: str) -> Iterator[None]:
    """Turn what an answer lacks into a ServiceError with the service's name."""
    try:
        yield
    except ServiceError:
        raise
    except CiGuardError as problem:
        raise ServiceError(service, f"the answer cannot be used: {problem}") from None


def answered(body: bytes) -> Fields:
    """The JSON object in an answer. Raises VerificationError."""
    return Fields(protojson.parse(body, what="answer", limit=MAX_ANSWER, depth=_MAX_DEPTH), "answer")
