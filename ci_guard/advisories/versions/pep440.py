"""PyPI: PEP 440 by `packaging`; what is no PEP 440 version is older than all that are, in the order of old setuptools.

Advisories list such legacy versions (`4.11-final`, `1.0-SNAPSHOT`), and locks of old packages hold them.
"""

from __future__ import annotations

import re
from typing import Any

from packaging.version import InvalidVersion, Version

_PARTS = re.compile(r"(\d+|[a-z]+|\.|-)")
_SAID = {"pre": "c", "preview": "c", "-": "final-", "rc": "c", "dev": "@"}


def key(text: str) -> Any:
    """The key of one version; never raises."""
    try:
        return (1, Version(text))
    except InvalidVersion:
        return (0, _legacy(text))


def _legacy(text: str) -> tuple[str, ...]:
    parts: list[str] = []
    for part in _legacy_parts(text.lower()):
        if part.startswith("*"):
            if part < "*final":  # a pre-release tag takes the dash before it away
                while parts and parts[-1] == "*final-":
                    parts.pop()
            while parts and parts[-1] == "00000000":
                parts.pop()
        parts.append(part)
    return tuple(parts)


def _legacy_parts(text: str) -> list[str]:
    found = []
    for part in _PARTS.split(text):
        said = _SAID.get(part, part)
        if said and said != ".":
            found.append(said.zfill(8) if said[:1].isdigit() else f"*{said}")
    return [*found, "*final"]
