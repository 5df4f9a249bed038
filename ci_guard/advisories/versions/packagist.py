"""Packagist: PHP's `version_compare`, as its manual describes it, after a leading `v` and build metadata are gone.

dev < alpha = a < beta = b < RC = rc < # (nothing more) < number < pl = p; other words come before all of these.
"""

from __future__ import annotations

import re
from typing import Any

from ci_guard.advisories.versions import digits

_WORDS = {"dev": 1, "alpha": 2, "a": 2, "beta": 3, "b": 3, "RC": 4, "rc": 4, "#": 5, "pl": 7, "p": 7}
_NUMBER, _END, _NONE = 6, (5, (0, "")), (0, "")


def key(text: str) -> Any:
    """The parts, each as (rank of its kind, number). Raises ValueError for empty text."""
    bare = re.sub(r"\A[vV](?=[0-9])", "", text.strip()).partition("+")[0]
    parts = re.findall(r"[0-9]+|[^0-9._+-]+", bare, re.ASCII)
    if not parts:
        raise ValueError(f"no version: {text!r}")
    return (*map(_part, parts), _END)


def _part(text: str) -> tuple[int, tuple[int, str]]:
    if text.isascii() and text.isdigit():
        return _NUMBER, digits(text)
    return _WORDS.get(text, 0), _NONE
