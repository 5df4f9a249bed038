"""Which components are one thing in two versions: by the purl without its version and what moves with it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from ci_guard.model.component import Component
from ci_guard.sbom.purls import canonical_name, ecosystem_of

_TELLING = frozenset({"arch", "classifier", "ext", "platform", "type"})
"""Qualifiers that tell two packages of one name apart. Others change with the version (`vcs_url`, `checksum`), with the
tool (`package-id`, `upstream`) or with the system around (`distro`): they would turn an update into a new package."""

_CASELESS = frozenset({"apk", "bitbucket", "composer", "deb", "github", "golang", "npm", "pypi"})
"""Types whose names purls write in lower case; some tools keep them as they are."""

_SOURCES = ("repository_url", "vcs_url", "download_url")
_COMMIT = re.compile(r"@[^/@]*\Z")


class Identity(NamedTuple):
    """`key` is the same for all versions of one thing; `source` where the purl says that it comes from."""

    key: str
    version: str
    digest: str = ""
    source: str = ""


def identity(component: Component) -> Identity:
    """What a component is. An image's version is its tag, and its digest what a hash is to a package."""
    if not component.purl:
        return Identity(f"{component.type}:{component.name}", component.version)
    purl, _, _ = component.purl.partition("#")
    base, _, query = purl.partition("?")
    folder, _, last = base.rpartition("/")
    name, _, version = last.partition("@") if not last.startswith("@") else (last, "", "")
    given = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
    kind = folder.partition("/")[0].removeprefix("pkg:").lower()
    told = sorted(f"{key}={unquote(value)}" for key, value in given.items() if key in _TELLING)
    if kind == "oci":
        where = unquote(given.get("repository_url", "")) or unquote(name)
        return Identity(f"oci:{where} {' '.join(told)}".strip(), unquote(given.get("tag", "")), unquote(version))
    named = canonical_name(ecosystem_of(purl), unquote(name))
    path = f"{unquote(folder.removeprefix('pkg:').partition('/')[2])}/{named}".lstrip("/")
    path = path.lower() if kind in _CASELESS else path
    source = next((unquote(given[key]) for key in _SOURCES if given.get(key)), "")
    key = f"{kind}:{path} {' '.join(told)}".strip()
    return Identity(key, unquote(version) or component.version, source=_COMMIT.sub("", source))
