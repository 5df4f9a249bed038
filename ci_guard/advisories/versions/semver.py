"""SemVer 2.0: npm, crates.io, Go, Kubernetes, GitHub Actions … Build metadata does not count.

Lenient where the ecosystems are: a leading `v`, fewer or more than three numbers (`v1.2`, `1.2.3.4`). What does not
start with a number raises ValueError.
"""

from __future__ import annotations

import re
from typing import Any

from ci_guard.advisories.versions import digits

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_SHAPE = re.compile(r"[vV=\s]*([0-9]+(?:\.[0-9]+)*)(?:-?([0-9A-Za-z.-]+))?(?:\+.*)?\s*\Z", re.ASCII | re.DOTALL)


def key(text: str) -> Any:
    """(numbers, is it a release, pre-release identifiers). Raises ValueError."""
    found = _SHAPE.match(text)
    if found is None or _COMMIT.match(text):
        raise ValueError(f"no semantic version: {text!r}")
    return numbers(found[1]), not found[2], tuple(map(identifier, found[2].split("."))) if found[2] else ()


def numbers(text: str) -> tuple[Any, ...]:
    """`1.2.0.0` -> the numbers without trailing zeros: 1.2 and 1.2.0 are one version."""
    parts = [digits(part) for part in text.split(".")]
    while parts and not parts[-1][0]:
        parts.pop()
    return tuple(parts)


def identifier(text: str) -> tuple[Any, ...]:
    """A pre-release identifier: numbers before words, numbers by value, words by ASCII."""
    return (0, digits(text), "") if text.isascii() and text.isdigit() else (1, (0, ""), text)
