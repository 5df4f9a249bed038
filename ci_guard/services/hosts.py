"""Whom we may talk to: names that the policy allows, and addresses that are public unless it names them.

The address is checked where the connection is made, on what was resolved for that very connection, so that a name
which answers differently the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from ci_guard.model.errors import UsageError
from ci_guard.model.record import field, record

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}
LOCALHOST = "localhost"


@record
class HostPolicy:
    """`hosts`: names as `host`, `host:port` or `*.parent` (any name below it); lower case, IPv6 in brackets.

    `private`: names (same form) and networks (`10.1.0.0/16`) whose addresses need not be public. An IP address, or
    `localhost`, among `hosts` names its own address, so it need not be repeated. `anyone` allows every name that has
    public addresses: for content that is checked by its digest, such as blobs that a registry keeps elsewhere.
    """

    hosts: frozenset[str]
    private: frozenset[str] = frozenset()
    anyone: bool = False
    _networks: tuple[Network, ...] = field(repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        # A bare IP address stays a host, with its port; only what has a slash is a network.
        object.__setattr__(self, "_networks", tuple(network(text) for text in self.private if "/" in text))

    @classmethod
    def of(cls, *hosts: str, private: Iterable[str] = ()) -> HostPolicy:
        """The policy that allows these hosts. Raises UsageError for a malformed network."""
        return cls(frozenset(h.lower() for h in hosts), frozenset(p.lower() for p in private))

    def allows(self, host: str, port: int) -> bool:
        """Whether this name may be asked at all."""
        return self.anyone or _listed(host, port, self.hosts)

    def refusal(self, host: str, port: int, address: str, *, plain: bool) -> str:
        """Why `address`, which `host` resolved to, must not be connected to; "" when it may.

        `plain` is without TLS: only to this machine, whatever the policy says.
        """
        found = _embedded(ipaddress.ip_address(address.partition("%")[0]))
        if plain and not found.is_loopback:
            return f"{address} is not this machine, and without TLS nothing else is asked"
        if found.is_global and not found.is_multicast:
            return ""
        named = is_literal(host) and _listed(host, port, self.hosts)
        if named or _listed(host, port, self.private) or any(found in net for net in self._networks):
            return ""
        return f"{address} is no public address; the policy must name {host} under `private` to allow it"


def network(text: str) -> Network:
    """`10.1.0.0/16` as a network. Raises UsageError."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as problem:
        raise UsageError(f"{text[:80]!r} is no network: {problem}") from None


def split_url(url: str) -> SplitResult:
    """A checked http(s) URL: it has a host, no user, no control characters. Raises ValueError."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("the URL has characters that no URL has")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("the URL is not http or https")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL carries a user name")
    _ = parts.port  # raises for one that is none
    return parts


def host_and_port(parts: SplitResult) -> tuple[str, int]:
    """Lower-case host (IPv6 without brackets) and port of a URL that `split_url` checked."""
    return (parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme]


def is_this_machine(host: str) -> bool:
    """Whether `host` is `localhost` or a loopback address as a literal: the only ones asked without TLS."""
    if host == LOCALHOST:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_literal(host: str) -> bool:
    """Whether `host` is an IP address, or `localhost`: it needs nobody to resolve it."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == LOCALHOST
    return True


def _listed(host: str, port: int, names: frozenset[str]) -> bool:
    name = f"[{host}]" if ":" in host else host
    if {name, f"{name}:{port}"} & names:
        return True
    parents = name.split(".")
    return any("*." + ".".join(parents[at:]) in names for at in range(1, len(parents)))


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: what would be reached in the end."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
