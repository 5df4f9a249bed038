"""CVSS 2, 3 and 4 vectors -> score -> severity, by the qualitative rating scale of CVSS 3.1 and 4.0."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from ci_guard.model.finding import Severity

_WORDS: Final = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "moderate": Severity.MEDIUM,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
    "negligible": Severity.LOW,
}
UNKNOWN: Final = Severity.HIGH
"""An advisory that says nothing of its severity is taken for high: unknown is not harmless."""


def severity_of(score: float, level: str = "") -> Severity:
    """The severity of a score (0.0 = none given), else of the word that the record has for it."""
    if score <= 0:
        return _WORDS.get(level, UNKNOWN)
    if score >= 9:
        return Severity.CRITICAL
    if score >= 7:
        return Severity.HIGH
    return Severity.MEDIUM if score >= 4 else Severity.LOW


def worst_score(given: Iterable[Any]) -> float:
    """The highest score among `severity` entries of a record; 0.0 when there is none that can be read."""
    entries = ((e.get("type"), e.get("score")) for e in given if isinstance(e, dict))
    return max((_score(str(kind), str(vector)) for kind, vector in entries), default=0.0)


@lru_cache(maxsize=4096)
def _score(kind: str, vector: str) -> float:
    from cvss import CVSS2, CVSS3, CVSS4, CVSSError

    reader = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}.get(kind)
    if reader is None or len(vector) > 500:
        return 0.0
    try:
        return float(reader(vector).scores()[0])
    except (CVSSError, ValueError, TypeError, KeyError, ArithmeticError):  # what the library raises on broken vectors
        return 0.0
