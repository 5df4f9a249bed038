"""Version order, one module a family of schemes; which ecosystem follows which is decided here.

A scheme gives every version text a key; keys of one scheme compare. What a scheme cannot order raises ValueError:
the caller then knows that it could not judge, and never takes one text for another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final

MAX_LENGTH: Final = 256  # of one version; real ones have below 100 characters

Key = Callable[[str], Any]

SCHEMES: Final = {
    "alpaquita": "alpine",
    "alpine": "alpine",
    "almalinux": "rpm",
    "azure linux": "rpm",
    "bellsoft hardened containers": "alpine",
    "bitnami": "semver",
    "chainguard": "alpine",
    "conancenter": "semver",
    "cran": "numeric",
    "crates.io": "semver",
    "debian": "debian",
    "echo": "debian",
    "github actions": "semver",
    "go": "semver",
    "hackage": "numeric",
    "hex": "semver",
    "julia": "semver",
    "kubernetes": "semver",
    "mageia": "rpm",
    "maven": "maven",
    "minimos": "alpine",
    "npm": "semver",
    "nuget": "nuget",
    "openeuler": "rpm",
    "opensuse": "rpm",
    "packagist": "packagist",
    "photon os": "rpm",
    "pub": "pub",
    "pypi": "pep440",
    "red hat": "rpm",
    "rocky linux": "rpm",
    "rubygems": "rubygems",
    "suse": "rpm",
    "swifturl": "semver",
    "ubuntu": "debian",
    "wolfi": "alpine",
}
"""OSV's ecosystem without its release (`Debian:12` -> `debian`), lower case -> the module of its scheme."""


def base_ecosystem(ecosystem: str) -> str:
    """The ecosystem without the release that OSV puts behind a colon, in lower case."""
    return ecosystem.partition(":")[0].strip().lower()


def key_of(ecosystem: str) -> Key | None:
    """The key function of an ecosystem's versions, None where no order is known here."""
    name = SCHEMES.get(base_ecosystem(ecosystem))
    return scheme(name) if name else None


@cache
def scheme(name: str) -> Key:
    """The key function of a scheme by its module's name; texts of unreasonable length raise ValueError."""
    key: Key = import_module(f"{__name__}.{name}").key

    def bounded(text: str) -> Any:
        if len(text) > MAX_LENGTH:
            raise ValueError(f"a version of {len(text)} characters")
        return key(text)

    return lru_cache(maxsize=100_000)(bounded)


def digits(text: str) -> tuple[int, str]:
    """A number of any length as something that compares: how many digits, and the digits, without leading zeros.

    Not `int`: Python refuses very long ones, and converting them takes quadratic time.
    """
    bare = text.lstrip("0")
    return len(bare), bare
