"""The one way to the network: a small HTTP client with bounds, on urllib3.

    policy = HostPolicy.of("api.osv.dev")       # private=("osv.corp.example",) where the policy says so
    with HttpClient("OSV", policy) as client:
        answer = client.send(Request("POST", "https://api.osv.dev/v1/query", body=b"{}", idempotent=True))
        answer.status, answer.headers.get("etag"), answer.json()
    # client.get(url, headers=…, limit=…) and client.post(…) are `model.ports.Fetch`

What it sees to: the host is one that the policy allows and the address that is connected to is public unless the
policy names it; TLS is verified; connecting, each read and the whole call have time-outs; idempotent calls are
repeated after 429, 5xx and broken connections, with fixed waits or what Retry-After asks; the body has at most `limit`
bytes, unpacked too; redirects stay on the host, or, where a call allows it, leave it without credentials; proxies come
from the user's environment. Whatever goes wrong is a `ServiceError` with the service's name; no query, header or
credential is ever part of a message. A client is for one thread.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, NoReturn, Self
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as AnyTimeoutError

from ci_guard import TOOL_NAME, __version__
from ci_guard.model.errors import ServiceError
from ci_guard.model.record import field, record, replace
from ci_guard.services.body import TooMuchError, read_body
from ci_guard.services.connections import Connections
from ci_guard.services.explanation import explanation
from ci_guard.services.hosts import HostPolicy, host_and_port, split_url

OK = frozenset({200})
AGAIN = frozenset({429, 500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "private-token"})
_MAX_REDIRECTS = 5
_MAX_BODY = 50_000_000
_EXPLANATION_BYTES = 65_536


@record
class Limits:
    """Seconds: to connect, between two reads, for the whole call with its repeats; `waits` between the attempts.

    A server that asks (Retry-After) for more than `longest_wait` is not waited for.
    """

    connect: float = 10
    read: float = 30
    total: float = 180
    waits: tuple[float, ...] = (0.5, 1, 2)
    longest_wait: float = 60


@record
class Request:
    """One call. Statuses outside `expect` raise. `idempotent` None goes by the method: GET, HEAD, PUT, DELETE are.

    `leave_host`: redirects to other hosts with public addresses are followed, without credentials; only for content
    that the caller checks by its digest. `again`: statuses after which another attempt may fare better.
    """

    method: str
    url: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    expect: frozenset[int] = OK
    limit: int = _MAX_BODY
    idempotent: bool | None = None
    leave_host: bool = False
    again: frozenset[int] = AGAIN

    @property
    def repeatable(self) -> bool:
        """Whether the call may be made again when nobody knows what became of it."""
        return self.method in _IDEMPOTENT if self.idempotent is None else self.idempotent


@record
class Answer:
    """What came back. Header names are lower case; `url` is the one that answered, after redirects."""

    service: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ServiceError when it is none."""
        try:
            return json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no type").partition(";")[0][:80]
            raise ServiceError(self.service, f"{shown(self.url)} answered {kind}, not JSON") from None


class _TryAgainError(Exception):
    """An attempt failed in a way that another one may not; `wait` is what the server asked for, in seconds."""

    def __init__(self, message: str, wait: float | None = None, status: int = 0) -> None:
        self.wait = wait
        self.status = status
        super().__init__(message)


class HttpClient:
    """Calls to one service; close it, or use `with`. `context` is for other authorities than the system's."""

    def __init__(
        self,
        service: str,
        policy: HostPolicy,
        limits: Limits | None = None,
        *,
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.service = service
        self.policy = policy
        self.limits = limits or Limits()
        self._sleep = sleep
        self._connections = Connections(service, policy, context)
        self._elsewhere = Connections(service, replace(policy, anyone=True), context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def twin(self) -> HttpClient:
        """Another client to the same service, for another thread; close it, too."""
        return HttpClient(self.service, self.policy, self.limits, context=self._connections.tls(), sleep=self._sleep)

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()
        self._elsewhere.close()

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, limit: int = _MAX_BODY) -> bytes:
        """The body of a 200 answer. Raises ServiceError."""
        return self.send(Request("GET", url, headers=headers or {}, limit=limit)).body

    def post(self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, limit: int = _MAX_BODY) -> bytes:
        """The body of a 200 or 201 answer; not repeated. Raises ServiceError."""
        expect = frozenset({200, 201})
        return self.send(Request("POST", url, body, headers or {}, expect, limit)).body

    def send(self, request: Request) -> Answer:
        """Make the call, again where that is safe. Raises ServiceError."""
        end = time.monotonic() + self.limits.total
        for wait in (*self.limits.waits, None):
            try:
                return self._follow(request, end)
            except _TryAgainError as failure:
                pause = wait if failure.wait is None or wait is None else max(wait, failure.wait)
                if not request.repeatable or pause is None:
                    self._fail(request.url, str(failure), failure.status)
                if pause > self.limits.longest_wait:
                    self._fail(request.url, f"{failure}, and asks to wait for {pause:,.0f} s", failure.status)
                if time.monotonic() + pause >= end:
                    words = f"{failure}, and the {self.limits.total:g} s for this call are over"
                    self._fail(request.url, words, failure.status)
                self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _follow(self, request: Request, end: float) -> Answer:
        """One attempt, with its redirects."""
        connections = self._connections
        for _ in range(_MAX_REDIRECTS + 1):
            answer = self._attempt(request, connections, end)
            if answer.status in request.expect:
                return answer
            if answer.status not in _MOVED:
                self._refuse(request, answer)
            following = self._redirected(request, answer)
            if _origin(following.url) != _origin(request.url):
                connections = self._elsewhere
            request = following
        self._fail(request.url, f"redirects more than {_MAX_REDIRECTS} times")

    def _redirected(self, request: Request, answer: Answer) -> Request:
        """The call that a redirect asks for. Raises ServiceError for one that must not be followed."""
        target = urljoin(request.url, answer.headers.get("location", ""))
        try:
            parts = split_url(target)
        except ValueError as problem:
            self._fail(request.url, f"redirects to nowhere: {problem}")
        if request.method not in {"GET", "HEAD"}:
            self._fail(request.url, f"redirects a {request.method}, which is not followed")
        if _origin(target) == _origin(request.url):
            return replace(request, url=target)
        if parts.scheme == "http" and request.url.startswith("https:"):
            self._fail(request.url, "redirects to a URL without TLS")
        allowed = self.policy.allows(*host_and_port(parts))
        carried = any(name.lower() in _CREDENTIALS for name in request.headers)
        if not request.leave_host and (carried or not allowed):
            reason = "with credentials" if carried else "which the policy does not allow"
            self._fail(request.url, f"redirects to another host ({parts.hostname}), {reason}: not followed")
        harmless = {name: value for name, value in request.headers.items() if name.lower() not in _CREDENTIALS}
        return replace(request, url=target, headers=harmless)

    def _attempt(self, request: Request, connections: Connections, end: float) -> Answer:
        """One request and its answer, whatever the status. Raises ServiceError, _TryAgainError."""
        try:
            parts = split_url(request.url)
        except ValueError as problem:
            raise ServiceError(self.service, str(problem)) from None
        host, port = host_and_port(parts)
        if connections is self._connections and not self.policy.allows(host, port):
            self._fail(request.url, f"the policy does not allow to ask {host}:{port}")
        manager = connections.manager(parts.scheme, host, port)
        remaining = max(end - time.monotonic(), 0.001)
        with ExitStack() as stack:
            for guard in connections.guards():
                stack.callback(guard.sweep)
                stack.enter_context(guard.deadline(remaining))
            try:
                answer = self._exchange(manager, request, remaining)
            except (HTTPError, TooMuchError) as problem:
                self._failed(request.url, problem, late=connections.expired())
        if connections.expired():  # what looks like the end of the answer may be the end of our patience
            self._fail(request.url, self._too_late())
        return answer

    def _exchange(self, manager: urllib3.PoolManager, request: Request, remaining: float) -> Answer:
        limits = self.limits
        timeout = urllib3.Timeout(connect=min(limits.connect, remaining), read=min(limits.read, remaining))
        headers = {"User-Agent": f"{TOOL_NAME}/{__version__}", "Accept-Encoding": "gzip", **request.headers}
        response = manager.request(
            request.method,
            request.url,
            body=request.body,
            headers=headers,
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            found = {name.lower(): value for name, value in response.headers.items()}
            # An error's body is read for its words only.
            limit = request.limit if response.status in request.expect else _EXPLANATION_BYTES
            try:
                body = read_body(response, found.get("content-encoding", "").lower(), limit)
            except TooMuchError:
                if response.status in request.expect:
                    raise
                body = b""
        except BaseException:
            response.close()
            raise
        finally:
            response.release_conn()
        if response.status in request.again and response.status not in request.expect:
            words = explanation(body, request.headers)
            wait = _retry_after(found.get("retry-after", ""))
            raise _TryAgainError(f"answered {response.status}{words}", wait, response.status)
        return Answer(self.service, request.url, response.status, found, body)

    def _failed(self, url: str, problem: Exception, *, late: bool) -> NoReturn:
        """What an attempt's exception means; urllib3's own words may hold the URL, so they are not repeated."""
        if late:
            self._fail(url, self._too_late())
        if isinstance(problem, TooMuchError):
            self._fail(url, str(problem))
        for kind, words in _WORDS:
            if isinstance(problem, kind):
                raise _TryAgainError(words.format(limits=self.limits)) from None
        if isinstance(problem, SSLError) or isinstance(problem.__cause__, SSLError):
            self._fail(url, f"TLS failed: {_tls_reason(problem)}")
        raise _TryAgainError("the connection failed") from None

    def _too_late(self) -> str:
        return f"took longer than the {self.limits.total:g} s that a call may take"

    def _refuse(self, request: Request, answer: Answer) -> NoReturn:
        words = explanation(answer.body, request.headers)
        self._fail(request.url, f"answered {answer.status}{words} to {request.method}", answer.status)

    def _fail(self, url: str, message: str, status: int = 0) -> NoReturn:
        raise ServiceError(self.service, f"{shown(url)} {message}", status=status) from None


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (NameResolutionError, "cannot be found: the name does not resolve"),
    (NewConnectionError, "cannot be reached"),
    (ConnectTimeoutError, "does not accept connections within {limits.connect:g} s"),
    (ReadTimeoutError, "said nothing for {limits.read:g} s"),
    (AnyTimeoutError, "timed out"),
    (ProxyError, "cannot be reached through the proxy of the environment"),
    (ProtocolError, "broke off in the middle of its answer"),
)


def shown(url: str) -> str:
    """A URL for a message: without query and user, and not too long."""
    plain = url.partition("?")[0].partition("#")[0]
    scheme, _, rest = plain.partition("://")
    host, slash, path = rest.partition("/")
    return "".join(c if c.isprintable() else "?" for c in f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"[:300])


def _origin(url: str) -> tuple[str, str, int]:
    parts = split_url(url)
    return (parts.scheme, *host_and_port(parts))


def _retry_after(text: str) -> float | None:
    """Seconds that `Retry-After` asks for; None without, or where it is a date of no use."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        return None
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _tls_reason(problem: BaseException) -> str:
    """OpenSSL's reason without its source lines: `certificate verify failed: self-signed certificate`."""
    text = str(problem)
    return text.partition("] ")[2].partition(" (_ssl")[0][:200] or "the handshake did not succeed"
