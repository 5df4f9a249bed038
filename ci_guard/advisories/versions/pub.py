"""pub (Dart): SemVer in which build metadata counts: 1.0.0 < 1.0.0+1 < 1.0.0+build."""

from __future__ import annotations

from typing import Any

from ci_guard.advisories.versions import semver


def key(text: str) -> Any:
    """SemVer's key and the build identifiers. Raises ValueError."""
    plain, _, build = text.strip().partition("+")
    return *semver.key(plain), tuple(map(semver.identifier, build.split("."))) if build else ()
