"""Who supplies a component, as far as its package's own metadata name somebody; a value without a source is none."""

from __future__ import annotations

import re
from typing import Any

from ci_guard.model.component import Component
from ci_guard.model.record import record
from ci_guard.sbom.sources import is_uri

_SOURCES = ("ci-guard:vendor", "ci-guard:maintainer")
"""The properties that catalogers fill from `Vendor` (rpm, labels of images), and from `Maintainer` and the like."""

_ADDRESS = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<email>[^<>\s]+@[^<>\s]+)>")
_PAGE = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<url>https?://[^<>\s]+)>")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*\Z")
"""What a document may carry as an address: CycloneDX's schema looks at it, and what is none stays a name."""
_TEAM = re.compile(r"\b(team|group|developers|maintainers|packagers|project|foundation|inc|ltd|gmbh|llc)\b", re.I)
_NOT_IN_SPDX = re.compile(r"[()\s]+")
_MOST = 200  # characters of a name


@record
class Supplier:
    """`name` may be an address where nothing else is said; `email`, `url` "" when unknown; `several`: no one person."""

    name: str
    email: str
    several: bool
    url: str = ""

    def cyclonedx(self) -> dict[str, Any]:
        """As an organizational entity."""
        entity: dict[str, Any] = {"name": self.name}
        if self.url:
            entity["url"] = [self.url]
        return {**entity, "contact": [{"email": self.email}]} if self.email else entity

    def spdx(self) -> str:
        """`Person: NAME (EMAIL)` or `Organization: …`; the parentheses belong to the address alone."""
        kind = "Organization" if self.several else "Person"
        name = _NOT_IN_SPDX.sub(" ", self.name).strip()
        return f"{kind}: {name} ({self.email})" if self.email else f"{kind}: {name}"


def supplier(component: Component) -> Supplier | None:
    """The first that the package's metadata name, None when they name nobody."""
    said = dict(component.properties)
    for key in _SOURCES:
        found = named(said.get(key, ""), several=key == "ci-guard:vendor")
        if found is not None:
            return found
    return None


def named(text: str, *, several: bool = False) -> Supplier | None:
    """Who is meant by `NAME`, `NAME <EMAIL>` or `NAME <URL>`; None when that is nobody."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MOST]
    page = _PAGE.match(text)
    found = _ADDRESS.match(text)
    url = page["url"] if page and is_uri(page["url"]) else ""
    name = page["name"].strip(' "') if page else ""
    name = name or ((found["name"].strip(' "') or found["email"]) if found else text.strip(' "'))
    if not any(c.isalnum() for c in name):
        return None
    email = found["email"] if found else name
    return Supplier(name, email if _EMAIL.match(email) else "", several or bool(_TEAM.search(name)), url)
