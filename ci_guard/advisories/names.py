"""How ecosystems compare package names, and which package of which ecosystem a component is."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from ci_guard.advisories.versions import base_ecosystem
from ci_guard.model.component import Component

_SEPARATORS: Final = re.compile(r"[-_.]+")
_ANY_CASE: Final = frozenset({"nuget", "packagist", "github actions", "hex", "pub"})
_TYPES: Final = {
    "cargo": ("crates.io", "/"),
    "composer": ("Packagist", "/"),
    "conan": ("ConanCenter", "/"),
    "cran": ("CRAN", "/"),
    "gem": ("RubyGems", "/"),
    "github": ("GitHub Actions", "/"),
    "githubactions": ("GitHub Actions", "/"),
    "golang": ("Go", "/"),
    "hackage": ("Hackage", "/"),
    "hex": ("Hex", "/"),
    "maven": ("Maven", ":"),
    "npm": ("npm", "/"),
    "nuget": ("NuGet", "/"),
    "pub": ("Pub", "/"),
    "pypi": ("PyPI", "/"),
    "swift": ("SwiftURL", "/"),
}
"""purl type -> OSV's ecosystem, and what stands between namespace and name there."""


def package_name(ecosystem: str, name: str) -> str:
    """The name as the ecosystem compares it: PEP 503 for PyPI, any case for some, as it stands elsewhere."""
    base = base_ecosystem(ecosystem)
    if base == "pypi":
        return _SEPARATORS.sub("-", name).lower()
    return name.lower() if base in _ANY_CASE else name


def package_of(component: Component) -> tuple[str, str, str]:
    """(ecosystem, name, version) of a component as advisories name it; empty ecosystem = none that has advisories.

    Where the component names an ecosystem, its name counts as it stands: a purl may have lost its case.
    """
    if component.ecosystem:
        return component.ecosystem, package_name(component.ecosystem, component.name), component.version
    head, _, _ = component.purl.partition("?")
    kind, _, rest = head.removeprefix("pkg:").partition("/")
    ecosystem, separator = _TYPES.get(kind, ("", ""))
    path, _, _ = rest.partition("@")
    name = separator.join(unquote(part) for part in path.rsplit("/", 1 if separator == ":" else -1))
    return ecosystem, package_name(ecosystem, name), component.version
