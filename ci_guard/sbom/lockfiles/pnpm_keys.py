"""How pnpm names a package in its locks: the keys of `packages`, version by version of the format.

| version | key | what a dependency says |
|---|---|---|
| 5.x | `/name/1.0.0_peer@2.0.0`, `host/name/1.0.0` | `1.0.0_peer@2.0.0`, or the key |
| 6.x | `/name@1.0.0(peer@2.0.0)` | `1.0.0(peer@2.0.0)`, or the key |
| 9.x | `name@1.0.0` in `packages`, with its peers in `snapshots` | the same without the name, or the key |
"""

from __future__ import annotations

import re
from typing import NamedTuple

_OLD = re.compile(r"(?:(?P<host>[^/@]+\.[^/]+))?/(?P<name>(?:@[^/]+/)?[^/@]+)/(?P<version>[0-9][^/_(]*)(?:[_(].*)?\Z")
_NEW = re.compile(r"/?(?P<name>(?:@[^/@]+/)?[^/@]+)@(?P<version>[^(]+)(?:\(.*)?\Z", re.DOTALL)
_OLD_SCOPED_PEER = re.compile(r"_.*\Z", re.DOTALL)


class Key(NamedTuple):
    """Name and version that a key tells; `host` is the registry that stands before it in version 5."""

    name: str
    version: str
    host: str = ""


def parse_key(key: str) -> Key | None:
    """The parts of a key of `packages`; None when it names none (git addresses say it in fields of their own)."""
    found = _OLD.match(key)
    if found is not None:
        return Key(found["name"], found["version"], found["host"] or "")
    found = _NEW.match(key)
    if found is None:
        return None
    version = found["version"]
    return Key(found["name"], version if version[:1].isdigit() else "")


def without_peers(key: str) -> str:
    """A key of `snapshots` as it stands in `packages`."""
    return key.partition("(")[0]


def candidates(name: str, reference: str) -> tuple[str, ...]:
    """The keys that a dependency may mean, in the order of the versions of the format."""
    return (
        f"{name}@{reference}",
        f"/{name}@{reference}",
        f"/{name}/{reference}",
        reference,
        f"/{reference}",
        without_peers(f"{name}@{reference}"),
        without_peers(reference),
    )
