"""What code scanning takes and shows of a SARIF file.

Source: docs.github.com, "SARIF support for code scanning", section on limits.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from typing import TypeVar

from ci_guard.model.finding import Severity

RUNS = 20  # in a file; one with more is rejected
RESULTS = 25_000  # in a run; one with more is rejected
RESULTS_SHOWN = 5_000  # of a run, the most severe
PACKED_BYTES = 10_000_000  # of a file, compressed
FEWER = (RESULTS, RESULTS_SHOWN, 1_000, 100)
"""How many results a run may keep, one after the other, until its file is small enough."""

_Item = TypeVar("_Item")


def pack(data: bytes) -> bytes:
    """gzip, the same bytes every time."""
    return gzip.compress(data, 6, mtime=0)


def is_small_enough(data: bytes) -> bool:
    """Whether a SARIF file is within the limit once it is compressed."""
    return len(data) <= PACKED_BYTES or len(pack(data)) <= PACKED_BYTES


def worst_first(items: Sequence[_Item], severity: Callable[[_Item], Severity], most: int) -> list[_Item]:
    """At most `most` items. In their given order as long as all are shown, else the most severe first."""
    if len(items) <= min(most, RESULTS_SHOWN):
        return list(items)
    return sorted(items, key=lambda item: -severity(item).rank)[:most]


def said(found: int, written: int) -> tuple[str, str]:
    """What must be said of a run of `found` results of which `written` are there: (words, level), or ("", "")."""
    if found > written:
        return (
            f"{found:,} results; the {written:,} most severe are here, because code scanning takes no more.",
            "warning",
        )
    if found > RESULTS_SHOWN:
        return f"{found:,} results; code scanning shows the {RESULTS_SHOWN:,} most severe.", "note"
    return "", ""
