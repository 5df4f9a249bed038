"""Maven's ComparableVersion, by univers."""

from __future__ import annotations

from typing import Any

from univers.versions import InvalidVersion, MavenVersion


def key(text: str) -> Any:
    """The library's version. Raises ValueError for what it does not read."""
    try:
        return MavenVersion(text)
    except InvalidVersion as error:
        raise ValueError(str(error)) from None
