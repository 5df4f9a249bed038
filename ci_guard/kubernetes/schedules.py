"""Cron schedules as the CronJob controller reads them (robfig/cron, five fields), and whether they ever come."""

from __future__ import annotations

from typing import Any, Final

from ci_guard.model.pattern import pattern

MACROS: Final = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final[tuple[tuple[str, int, int, dict[str, int]], ...]] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: n for n, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 6, {name: n for n, name in enumerate(_DAYS)}),
)
_LENGTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EVERY = pattern(r"@every (?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+\Z")
_ZONE = pattern(r"(?:CRON_)?TZ=\S+\s+")


def schedule_facts(text: Any) -> dict[str, Any]:
    """`{valid, error}` of a schedule; anything but text is left to the rule about wrong types and called invalid."""
    error = _error(text) if isinstance(text, str) else "it is no text"
    return {"valid": not error, "error": error}


def _error(text: str) -> str:
    text = text.strip()
    if _ZONE.match(text):
        return "a time zone belongs in spec.timeZone"
    if text.startswith("@"):
        return "" if text in MACROS or _EVERY.match(text) else f"{text[:20]} is no name for a schedule"
    parts = text.split()
    if len(parts) != len(_FIELDS):
        return f"{len(parts)} fields instead of {len(_FIELDS)}"
    values: list[set[int]] = []
    for (name, low, high, names), part in zip(_FIELDS, parts, strict=True):
        try:
            values.append(set().union(*(_span(p, low, high, names) for p in part.split(","))))
        except ValueError:
            return f"{part[:20]} is no {name}"
    _, _, days, months, _ = values
    if parts[4] in {"*", "?"} and not any(d <= _LENGTHS[m - 1] for m in months for d in days):
        return "there is no such day in these months"
    return ""


def _span(text: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    """The values of `*`, `3`, `1-5` or `0-30/10`. Raises ValueError."""
    span, slash, step = text.partition("/")
    if span in {"*", "?"}:
        first, last = low, high
    else:
        begin, dash, end = span.partition("-")
        first = _number(begin, names)
        last = _number(end, names) if dash else (high if slash else first)
    width = int(step) if slash and step.isascii() and step.isdigit() else 0
    if not low <= first <= last <= high or (slash and width == 0):
        raise ValueError(text)
    return set(range(first, last + 1, width or 1))


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise ValueError(text)
    return int(text)
