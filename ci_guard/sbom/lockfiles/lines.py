"""Locks that are plain text: their lines with the offsets at which they stand, and refs that stay unique."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ci_guard.model.component import Component
from ci_guard.model.location import Location
from ci_guard.sbom.lockfiles.lock import MAX_ENTRIES, LockError
from ci_guard.source.document import Unreadable
from ci_guard.source.text import SourceText

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_FIRST = re.compile(r"[^\s]")
_CONFLICT = ("<<<<<<< ", ">>>>>>> ", "=======")


class Line(NamedTuple):
    """One line without its end; `start` is its offset in the text."""

    text: str
    start: int

    def place(self, source: SourceText) -> Location:
        """What is written on the line, without the space around it."""
        body = self.text.strip()
        at = self.start + self.text.find(body) if body else self.start
        return source.location(at, at + len(body))

    def part(self, source: SourceText, part: str) -> Location:
        """Where `part` stands on the line, or the whole line."""
        at = self.text.find(part) if part else -1
        return source.location(self.start + at, self.start + at + len(part)) if at >= 0 else self.place(source)


def lines(source: SourceText) -> Iterator[Line]:
    """Every line of the text. Raises LockError at a merge conflict: neither side is the lock."""
    for found in _LINE.finditer(source.text):
        text = found[0].rstrip("\r\n")
        if text.startswith(_CONFLICT) and (text.strip() == "=======" or not text.startswith("=")):
            raise unreadable(source, found.start(), found.start() + len(text), "an unresolved merge conflict")
        yield Line(text, found.start())


def unreadable(source: SourceText, start: int, end: int, reason: str) -> LockError:
    """A LockError at a stretch of the text."""
    return LockError(Unreadable(source.path, source.location(start, end), reason))


def bounded(source: SourceText, count: int) -> None:
    """Refuse a lock of more entries than any real one has. Raises LockError."""
    if count > MAX_ENTRIES:
        raise unreadable(source, 0, 0, f"more than {MAX_ENTRIES} packages")


def lock_file(path: str, place: Location) -> Component:
    """The lock itself, as the root of what it lists where it names no project."""
    return Component(ref=f"file:{path}", name=path.rpartition("/")[2], type="file", locations=(place,))


class Refs:
    """Hands out refs within one lock; what would be named twice gets a number."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.given: dict[str, int] = {}

    def new(self, name: str, version: str = "") -> str:
        """A ref that no other entry of the lock has."""
        ref = f"{self.path}#{name}@{version}" if version else f"{self.path}#{name}"
        count = self.given[ref] = self.given.get(ref, 0) + 1
        return ref if count == 1 else f"{ref}+{count}"
