"""Small readings that the formats share: hashes, purls, people, and how large a document may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ci_guard.model.component import Component, Distribution, Edge, Hash
from ci_guard.model.subject import Positions
from ci_guard.sbom.images.tables import tables, text
from ci_guard.sbom.purls import ecosystem_of
from ci_guard.sbom.reading.bill import MOST, Party, RefusedError

_PURL = re.compile(r"pkg:[a-zA-Z][a-zA-Z0-9.+-]*/[^\s/]")
_LONGEST = 2_000  # code points of a purl, or of a person
_PERSON = re.compile(r"(?P<kind>Person|Organization|Tool):\s*(?P<name>[^()]*?)\s*(?:\((?P<contact>[^()]*)\))?\s*\Z")
_SHA2 = re.compile(r"sha-?(1|224|256|384|512)\Z")


def hashes(pairs: Iterable[tuple[str, str]]) -> tuple[Hash, ...]:
    """(algorithm, hex digits) in any format's spelling (`SHA-256`, `SHA256`), sorted."""
    return tuple(sorted({Hash(algorithm(name), value.lower()) for name, value in pairs if name and value}))


def algorithm(name: str) -> str:
    """`SHA-256` and `SHA256` as `sha256`; others (`SHA3-256`, `BLAKE2b-256`) in lower case."""
    lower = name.lower()
    match = _SHA2.match(lower)
    return f"sha{match[1]}" if match else lower


def is_purl(value: str) -> bool:
    """Whether it may be a purl; what is wrong inside is not asked."""
    return len(value) < _LONGEST and _PURL.match(value) is not None


def component(  # noqa: PLR0913 (all by name: what every format says of a component)
    key: str,
    *,
    name: str,
    version: str,
    kind: str,
    purl: str,
    licenses: tuple[str, ...],
    digests: tuple[Hash, ...],
    files: tuple[Distribution, ...] = (),
    scope: str = "required",
    properties: Sequence[tuple[str, str]] = (),
) -> Component:
    """A component of our own model; `ref` is the purl where there is one."""
    return Component(
        ref=purl or key,
        name=name,
        version=version,
        type=kind,
        purl=purl,
        ecosystem=ecosystem_of(purl),
        hashes=digests,
        distributions=files,
        scope=scope,
        licenses=licenses,
        properties=tuple(properties),
    )


def party(value: Any) -> Party:
    """An organizational entity or contact of CycloneDX."""
    if not isinstance(value, dict):
        return Party()
    people = tables(value.get("contact"))
    urls = value.get("url")
    listed = [urls] if isinstance(urls, str) else urls if isinstance(urls, list) else []
    contacts = [text(value, "email"), *(u for u in listed if isinstance(u, str)), *(text(p, "email") for p in people)]
    name = text(value, "name") or next((text(p, "name") for p in people if text(p, "name")), "")
    return Party(
        name.strip(), tuple(c.strip() for c in contacts if c.strip()), "organization" if people or urls else ""
    )


def spdx_party(value: str) -> Party:
    """`Person: NAME (EMAIL)`, `Organization: …`, `Tool: …` of SPDX 2; nobody for NOASSERTION and for other words."""
    match = _PERSON.match(value[:_LONGEST])
    if match is None or not match["name"]:
        return Party()
    contact = (match["contact"] or "").strip()
    return Party(match["name"], (contact,) if contact else (), match["kind"].lower())


def bounded(places: Positions, what: str, count: int) -> None:
    """Refuse a document with too much of something. Raises RefusedError."""
    if count > MOST:
        raise RefusedError(places.locate((what,)), f"more than {MOST} {what}")


def known_edges(pairs: Iterable[tuple[str, str, str]], keys: Iterable[str]) -> tuple[Edge, ...]:
    """(source, target, kind) between components that are there, sorted, each once."""
    known = set(keys)
    return tuple(sorted({Edge(a, b, kind) for a, b, kind in pairs if a in known and b in known and a != b}))
