"""Alpine and its like: apk's order, by univers."""

from __future__ import annotations

from typing import Any

from univers.versions import AlpineLinuxVersion, InvalidVersion


def key(text: str) -> Any:
    """The library's version. Raises ValueError for what it does not read."""
    try:
        return AlpineLinuxVersion(text)
    except InvalidVersion as error:
        raise ValueError(str(error)) from None
