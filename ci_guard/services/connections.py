"""urllib3 connections that look at the address they connect to, and that end when their time is up."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from ci_guard.model.errors import ServiceError
from ci_guard.services.hosts import HostPolicy, is_this_machine


class Guard:
    """Says which addresses may be connected to, and keeps a hand on every open socket.

    `policy` is None for connections to the user's own proxy, which may be anywhere.
    """

    def __init__(self, service: str, policy: HostPolicy | None) -> None:
        self.service = service
        self.policy = policy
        self.expired = False
        self._open: list[tuple[HTTPConnection, socket.socket]] = []

    def check(self, host: str, port: int, address: str, *, plain: bool) -> None:
        """Raises ServiceError when `address` must not be connected to."""
        refusal = self.policy.refusal(host, port, address, plain=plain) if self.policy else ""
        if refusal:
            raise ServiceError(self.service, f"{host}: {refusal}")

    def opened(self, connection: HTTPConnection, sock: socket.socket) -> None:
        """Remember the socket under a second descriptor: TLS and responses take the first one away from us."""
        self._open.append((connection, sock.dup()))

    def sweep(self, *, everything: bool = False) -> None:
        """Close the descriptors of connections that are gone."""
        kept = []
        for connection, twin in self._open:
            if everything or connection.sock is None:
                twin.close()
            else:
                kept.append((connection, twin))
        self._open = kept

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """After `seconds` every open socket ends, wherever it is in reading: drip by drip is no way around it."""
        self.expired = False
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _expire(self) -> None:
        self.expired = True
        for _, twin in self._open:
            try:
                twin.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it ended by itself


def _connect(connection: HTTPConnection, guard: Guard, *, plain: bool) -> socket.socket:
    """A socket to the first address that answers, of those that were looked at."""
    host, port = connection.host.strip("[]"), connection.port or 0
    timeout: Any = connection.timeout
    try:
        found = socket.getaddrinfo(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise NameResolutionError(host, connection, socket.gaierror(str(problem))) from problem
    for *_, where in found:  # all of them: a name with one address inside is not to be trusted with the others
        guard.check(host, port, str(where[0]), plain=plain)
    failure: OSError | None = None
    for family, kind, protocol, _, where in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(where)
            guard.opened(connection, sock)
        except OSError as problem:
            sock.close()
            failure = problem
            continue
        return sock
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "timed out") from failure
    raise NewConnectionError(connection, str(failure)) from failure


class _Plain(HTTPConnection):
    """Without TLS."""

    guard: Guard

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.guard, plain=True)


class _Tls(HTTPSConnection):
    """With TLS; the certificate is checked against the name, whatever the address."""

    guard: Guard

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.guard, plain=False)


class Connections:
    """Pools of one client: straight ones, and through the proxy that the user's environment names."""

    def __init__(self, service: str, policy: HostPolicy, context: ssl.SSLContext | None) -> None:
        self.service = service
        self._context = context
        self.guard = Guard(service, policy)
        self._proxy_guard = Guard(service, None)
        self._direct: urllib3.PoolManager | None = None
        self._proxied: dict[str, urllib3.PoolManager] = {}

    def guards(self) -> tuple[Guard, Guard]:
        """Both of them: a deadline holds for each."""
        return self.guard, self._proxy_guard

    def expired(self) -> bool:
        """Whether the deadline of the last call was over before the call was."""
        return any(guard.expired for guard in self.guards())

    def manager(self, scheme: str, host: str, port: int) -> urllib3.PoolManager:
        """The pools for this host. Raises ServiceError for a proxy that cannot be used."""
        proxy = _proxy_for(scheme, host, port)
        if not proxy:
            if self._direct is None:
                self._direct = _guarded(urllib3.PoolManager(ssl_context=self.tls()), self.guard)
            return self._direct
        # The proxy resolves the name, so only what the name itself says can be checked here.
        if is_this_machine(host):
            raise ServiceError(self.service, f"{host} is this machine: not to be asked through a proxy")
        if proxy not in self._proxied:
            self._proxied[proxy] = _guarded(self._proxy(proxy), self._proxy_guard)
        return self._proxied[proxy]

    def _proxy(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ServiceError(self.service, "the proxy in the environment is not an http:// or https:// URL")
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        where = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        address = f"{parts.scheme}://{where}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
        tls = self.tls()
        return urllib3.ProxyManager(address, proxy_headers=headers, ssl_context=tls, proxy_ssl_context=tls)

    def tls(self) -> ssl.SSLContext:
        """One context for all: loading the system's authorities takes tens of milliseconds."""
        if self._context is None:
            self._context = ssl.create_default_context()
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._context

    def close(self) -> None:
        """Close every pool and every socket."""
        for manager in (self._direct, *self._proxied.values()):
            if manager is not None:
                manager.clear()
        for guard in self.guards():
            guard.sweep(everything=True)


def _guarded(manager: urllib3.PoolManager, guard: Guard) -> urllib3.PoolManager:
    """`manager` with connections of ours; classes, because urllib3 passes nothing else down to a connection."""
    plain = type("Plain", (_Plain,), {"guard": guard})
    tls = type("Tls", (_Tls,), {"guard": guard})
    manager.pool_classes_by_scheme = {
        "http": type("PlainPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("TlsPool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }
    return manager


def _proxy_for(scheme: str, host: str, port: int) -> str:
    """The proxy of the user's environment (HTTPS_PROXY, NO_PROXY …) for this host, "" for none."""
    if is_this_machine(host) or proxy_bypass(f"{host}:{port}") or proxy_bypass(host):
        return ""
    proxies = getproxies_environment()
    return proxies.get(scheme) or proxies.get("all") or ""
