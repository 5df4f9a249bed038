"""Who supplies a component, as far as its package's own metadata name somebody; a value without a source is none."""

from __future__ import annotations

import re
from typing import Any

from ci_guard.model.component import Component
from ci_guard.model.record import record

_SOURCES = ("ci-guard:vendor", "ci-guard:maintainer")
"""The properties that catalogers fill from `Vendor` (rpm, labels of images), and from `Maintainer` and the like."""

_ADDRESS = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<email>[^<>\s]+@[^<>\s]+)>")
_BARE = re.compile(r"[^\s<>@()]+@[^\s<>@()]+\Z")
_TEAM = re.compile(r"\b(team|group|developers|maintainers|packagers|project|foundation|inc|ltd|gmbh|llc)\b", re.I)
_NOT_IN_SPDX = re.compile(r"[()\s]+")
_MOST = 200  # characters of a name


@record
class Supplier:
    """`name` may be an address where nothing else is said; `email` "" when unknown; `several`: no one person."""

    name: str
    email: str
    several: bool

    def cyclonedx(self) -> dict[str, Any]:
        """As an organizational entity."""
        entity: dict[str, Any] = {"name": self.name}
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
        text = " ".join(said.get(key, "").split())[:_MOST]
        found = _ADDRESS.match(text)
        name = (found["name"].strip(' "') or found["email"]) if found else text.strip(' "')
        if not name:
            continue
        email = found["email"] if found else name if _BARE.match(name) else ""
        return Supplier(name, email, several=key == "ci-guard:vendor" or bool(_TEAM.search(name)))
    return None
