"""NuGet: SemVer with a fourth number, and labels that compare without regard to case."""

from __future__ import annotations

from typing import Any

from ci_guard.advisories.versions import semver


def key(text: str) -> Any:
    """As SemVer, in lower case. Raises ValueError."""
    return semver.key(text.lower())
