"""Whether a purl in a VEX document means a component of ours, and in which part they differ."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from ci_guard.model.component import Component

_SEPARATORS: Final = re.compile(r"[-_.]+")
_ORIGINS: Final = ("repository_url", "vcs_url", "download_url")
"""Qualifiers that make a package another one than the index's of the same name."""


class Purl(NamedTuple):
    """The parts of a package URL, each in the form in which it compares."""

    type: str
    name: str
    version: str
    qualifiers: dict[str, str]


def parse(text: str) -> Purl | None:
    """The parts; None for what is no purl. Lenient in what the specification lets differ: case, encoding, subpath."""
    if not text.lower().startswith("pkg:"):
        return None
    rest, _, query = text[4:].lstrip("/").partition("#")[0].partition("?")
    kind, slash, path = rest.partition("/")
    name, _, version = path.rpartition("@") if "@" in path[1:] else (path, "", "")
    if not slash or not name.strip("/"):
        return None
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return Purl(
        kind.lower(),
        _name(kind.lower(), unquote(name.strip("/"))),
        unquote(version),
        {k.lower(): unquote(v) for k, _, v in pairs},
    )


def _name(kind: str, name: str) -> str:
    if kind == "pypi":
        return _SEPARATORS.sub("-", name).lower()
    return name.lower() if kind in {"npm", "github", "composer", "oci", "docker", "deb", "apk", "nuget"} else name


def difference(stated: str, ours: str) -> str:
    """In what `ours` is not what `stated` names; "" when it is. A purl without version means every version."""
    want, have = parse(stated), parse(ours)
    if want is None:
        return f"{stated[:120] or 'its product'} is no purl"
    if have is None:
        return "the component has no purl"
    if (want.type, want.name) != (have.type, have.name):
        return f"it names {want.type}/{want.name}"
    if want.version and want.version != have.version:
        return f"it names version {want.version}, locked is {have.version or 'none'}"
    for key, value in want.qualifiers.items():
        if have.qualifiers.get(key) != value:
            return f"it names {key}={value}"
    for key in _ORIGINS:
        if key in have.qualifiers and key not in want.qualifiers:
            return f"the component has another origin: {key}={have.qualifiers[key]}"
    return ""


def versionless(component: Component) -> str:
    """The component's purl without its version: a draft's product that outlives an upgrade has it."""
    head, _, query = component.purl.partition("?")
    return head.rpartition("@")[0] + (f"?{query}" if query else "") if "@" in head[5:] else component.purl
