"""CRAN and Hackage: numbers between dots and dashes; the longer of two equal beginnings is newer."""

from __future__ import annotations

import re
from typing import Any

from ci_guard.advisories.versions import digits

_SHAPE = re.compile(r"[0-9]+(?:[.-][0-9]+)*\Z", re.ASCII)


def key(text: str) -> Any:
    """The numbers. Raises ValueError for anything else."""
    if not _SHAPE.match(text):
        raise ValueError(f"no sequence of numbers: {text!r}")
    return tuple(digits(part) for part in re.split("[.-]", text))
