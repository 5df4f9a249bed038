"""Suppressions that a change brings along: in the head and not in the base's version of that file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ci_guard.model.record import replace
from ci_guard.suppress.directives import Directive


def mark_added(head: Iterable[Directive], base: Iterable[Directive]) -> list[Directive]:
    """`head` with `added` set on those that the base does not have, compared by identity and counted.

    Where the head has more of one identity than the base, nothing tells the old from the new: all of them are
    marked, so that placing the new one first gains nothing.
    """
    kept = list(head)
    before = Counter(directive.identity for directive in base)
    now = Counter(directive.identity for directive in kept)
    return [replace(d, added=True) if now[d.identity] > before[d.identity] else d for d in kept]
