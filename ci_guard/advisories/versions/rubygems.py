"""RubyGems: `Gem::Version`. Numbers and words between dots; a word makes a pre-release and is older than any number."""

from __future__ import annotations

import re
from typing import Any

from ci_guard.advisories.versions import digits

_SHAPE = re.compile(
    r"\s*(?:[0-9][0-9A-Za-z]*(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?\s*\Z", re.ASCII
)
_ZERO, _NONE = (1, (0, ""), ""), (0, "")


def key(text: str) -> Any:
    """The segments, without zeros before a word and at the end. Raises ValueError."""
    if not _SHAPE.match(text):
        raise ValueError(f"no gem version: {text!r}")
    parts = [_part(part) for part in re.findall(r"[0-9]+|[A-Za-z]+", text.replace("-", ".pre."), re.ASCII)]
    first = next((i for i, part in enumerate(parts) if part[0] == 0), len(parts))
    return (*_without_zeros(parts[:first]), *_without_zeros(parts[first:]), _ZERO)


def _part(text: str) -> tuple[int, tuple[int, str], str]:
    return (1, digits(text), "") if text[0].isdigit() else (0, _NONE, text)


def _without_zeros(parts: list[tuple[int, tuple[int, str], str]]) -> list[tuple[int, tuple[int, str], str]]:
    while parts and parts[-1] == _ZERO:
        parts.pop()
    return parts
