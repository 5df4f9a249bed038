"""What somebody told another tool, in words that do not depend on the tool; `origin` is always `path:line`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from ci_guard.model.record import field, record, replace

Place = Callable[[str], str]
"""`path:line` of an annotation, by its key."""

LONG_OVER = date(1970, 1, 1)


@record
class Skip:
    """Findings of one check that were accepted. Empty fields match everything, as in our configuration.

    `path` is a glob; `reason` is "" where the tool knows none or none was given.
    """

    tool: str
    check: str
    origin: str
    reason: str = ""
    path: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    expires: date | None = None


@record
class Switch:
    """A check that was turned on or off everywhere; `comment` is what stands behind it in the file."""

    tool: str
    check: str
    on: bool
    origin: str
    comment: str = ""


@record
class Leftover:
    """Something that has no counterpart here, and why, in words for a person."""

    origin: str
    words: str


@record(frozen=False)
class Wishes:
    """Everything that was found. `exclude` are (glob, origin); `fail_on` is (severity or `never`, origin)."""

    skips: list[Skip] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
    exclude: list[tuple[str, str]] = field(default_factory=list)
    fail_on: tuple[str, str] | None = None
    leftovers: list[Leftover] = field(default_factory=list)

    def leave(self, origin: str, words: str) -> None:
        """Note something that cannot be taken over."""
        self.leftovers.append(Leftover(origin, words))

    def accept(self, skip: Skip, **place: str) -> None:
        """Note a skip, at a place."""
        self.skips.append(replace(skip, **place) if place else skip)


def day(text: object) -> date | None:
    """The day of an ISO date or time, None where there is none.

    A date that cannot be read counts as long over, so that nothing is accepted by mistake.
    """
    if text is None or text == "":
        return None
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return LONG_OVER
