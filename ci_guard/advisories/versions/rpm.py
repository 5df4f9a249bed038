"""RPM: epoch, version and release by rpm's own comparison, with `~` before everything and `^` after the end."""

from __future__ import annotations

import re
from typing import Any

from ci_guard.advisories.versions import digits

_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+|~|\^", re.ASCII)
_END, _NONE = (1, (0, ""), ""), (0, "")


def key(text: str) -> Any:
    """(epoch, version, release); never raises. An epoch that is no number compares like a version."""
    epoch, colon, rest = text.partition(":")
    if not colon:
        epoch, rest = "0", text
    version, _, release = rest.partition("-")
    return _segments(epoch), _segments(version), _segments(release)


def _segments(text: str) -> tuple[Any, ...]:
    return (*map(_segment, _SEGMENT.findall(text)), _END)


def _segment(text: str) -> tuple[int, tuple[int, str], str]:
    """`~` < the end < `^` < words < numbers."""
    if text == "~":
        return 0, _NONE, ""
    if text == "^":
        return 2, _NONE, ""
    return (4, digits(text), "") if text[0].isdigit() else (3, _NONE, text)
