"""Whether a version is affected, exactly by the evaluation algorithm of the OSV schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ci_guard.advisories.record import Affected, Range
from ci_guard.advisories.versions import Key, key_of

_NO_DIGIT = re.compile("[^1-9]+")


class IncomparableError(ValueError):
    """A version that its ecosystem cannot order: whether it is affected is not known."""


def is_affected(version: str, entry: Affected) -> bool:
    """In `versions` or in a range. Raises IncomparableError when no list names it and the ranges cannot be judged."""
    if version in entry.versions:
        return True
    key = key_of(entry.ecosystem)
    ranges = [r for r in entry.ranges if r.type != "GIT"]
    if key is None:
        if ranges:
            raise IncomparableError(f"the order of versions of {entry.ecosystem} is not known")
        return False
    try:
        found = key(version)
        return any(_within(found, r, key) for r in ranges) or _listed(version, found, entry.versions, key)
    except ValueError as error:
        raise IncomparableError(str(error)) from None


def _listed(version: str, found: Any, versions: Iterable[str], key: Key) -> bool:
    """Whether the list has the version in another spelling (1.0 and 1.0.0).

    Spellings of one version share their digits but for zeros: most of a long list need not be parsed.
    """
    digits = digits_of(version)
    return any(digits_of(text) == digits and _or_none(text, key) == found for text in versions)


def digits_of(text: str) -> str:
    """The digits 1 to 9 of a version in their order, without its build metadata."""
    return _NO_DIGIT.sub("", text.partition("+")[0])


def _or_none(text: str, key: Key) -> Any:
    try:
        return key(text)
    except ValueError:
        return None


def _within(found: Any, given: Range, key: Key) -> bool:
    """One range: the events in their order, the last one that speaks of the version decides."""
    limits = [key(version) for kind, version in given.events if kind == "limit" and version != "*"]
    if limits and all(found >= limit for limit in limits):
        return False
    affected = False
    for kind, at in _sorted(given, key):
        if kind == "introduced" and (at is None or found >= at):
            affected = True
        elif (kind == "fixed" and found >= at) or (kind == "last_affected" and found > at):
            affected = False
    return affected


def _sorted(given: Range, key: Key) -> list[tuple[str, Any]]:
    """The events by version; `introduced: 0` (None) is before every version. Equal ones stay in the record's order."""
    first = [(kind, None) for kind, version in given.events if kind == "introduced" and version == "0"]
    rest = [(k, key(v)) for k, v in given.events if k != "limit" and not (k == "introduced" and v == "0")]
    return [*first, *sorted(rest, key=lambda event: event[1])]


def fixes(version: str, entry: Affected) -> list[str]:
    """The versions that the entry's ranges call fixed and that are newer than `version`, oldest first."""
    key = key_of(entry.ecosystem)
    found = None if key is None else _or_none(version, key)
    if key is None or found is None:
        return []
    texts = {v for r in entry.ranges if r.type != "GIT" for kind, v in r.events if kind == "fixed"}
    known = [(at, text) for text in texts if (at := _or_none(text, key)) is not None and at > found]
    return [text for _, text in sorted(known, key=lambda pair: pair[0])]
