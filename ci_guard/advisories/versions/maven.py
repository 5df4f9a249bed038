"""Maven's ComparableVersion, by univers."""

from __future__ import annotations

import re
from typing import Any

from univers.versions import InvalidVersion, MavenVersion

_RELEASE = re.compile(r"(?<![a-z])release(?![a-z])", re.IGNORECASE)


def key(text: str) -> Any:
    """The library's version; `release` says no more than `ga`. Raises ValueError for what it does not read."""
    try:
        return MavenVersion(_RELEASE.sub("ga", text))
    except InvalidVersion as error:
        raise ValueError(str(error)) from None
