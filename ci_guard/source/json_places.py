"""Where the members of a large JSON text stand, found by stepping from member to member.

`Document.locate` builds a tree of every token: 15 s and 1 GB for a text of 33 MB. A bill of materials has a hundred
thousand entries and few findings, or many findings in one list. Here the standard library's decoder, which is C, steps
over values; the starts of a list's items are kept, all else is forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from ci_guard.model.location import FieldPath, Location, NodePath, render_path
from ci_guard.source.document import Document

_SPACE = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"[\r\n]")
_DECODE = json.JSONDecoder().raw_decode
_KEPT_FROM = 2_000  # code points; what is shorter is stepped through again


class _Member(NamedTuple):
    """Offsets of a key (of the value, where there is none), of its value, and of the value's end."""

    key: int
    start: int
    end: int


class JsonPlaces:
    """`subject.Positions` of a JSON document that the reader has accepted; `locate` follows `Document`'s rules."""

    def __init__(self, document: Document) -> None:
        self.path = document.path
        self._source = document.text
        self._text = document.text.text
        self._root = _Member(document.span[0], *document.span)
        self._kept: dict[int, dict[str | int, _Member]] = {}

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        """The place of the node at `path`, or of its nearest existing ancestor."""
        steps = self._walk(path)
        last = steps[-1]
        keyed = last.key != last.start
        if keyed and (key or self._text[last.start] in "{["):
            return self._source.location(last.key, _DECODE(self._text, last.key)[1])
        return self._source.location(*self._anchor(last, ("kind", "name") if len(steps) == 1 else ("name",)))

    def exists(self, path: NodePath) -> bool:
        """Whether the document has a node at `path`."""
        return len(self._walk(path)) == len(path) + 1

    def repeated_key(self) -> Location:
        """Some key that its object has twice; the document itself when looking for one would take too long."""
        pending, budget = [self._root], 8 * (self._root.end - self._root.start)
        while pending and budget > 0:
            member = pending.pop()
            budget -= member.end - member.start
            seen: set[str | int] = set()
            for name, inner in self._members(member):
                if name in seen:
                    return self._source.location(inner.key, _DECODE(self._text, inner.key)[1])
                seen.add(name)
                if self._text[inner.start] in "{[":
                    pending.append(inner)
        return self.locate(())

    def field_path(self, path: NodePath) -> FieldPath:
        """`path` with list items by their number: names of components repeat."""
        return render_path(path)

    def _anchor(self, member: _Member, entries: tuple[str, ...]) -> tuple[int, int]:
        """Start and end of the narrow region that stands for a value without a key of its own."""
        while self._text[member.start] == "[":
            first = next((inner for _, inner in self._members(member)), None)
            if first is None:
                return member.start, member.end
            member, entries = first, ("name",)
        if self._text[member.start] != "{":
            return member.start, member.end
        members = dict(self._members(member))
        for name in entries:
            inner = members.get(name)
            if inner and self._text[inner.start] not in "{[" and self._one_line(inner):
                return inner.key, inner.end
        key = next((inner.key for inner in members.values()), None)
        return (member.start, member.end) if key is None else (key, _DECODE(self._text, key)[1])

    def _one_line(self, member: _Member) -> bool:
        return not _LINE_END.search(self._text, member.key, member.end)

    def _walk(self, path: NodePath) -> list[_Member]:
        steps = [self._root]
        for part in path:
            found = self._child(steps[-1], part)
            if found is None:
                break
            steps.append(found)
        return steps

    def _child(self, member: _Member, part: str | int) -> _Member | None:
        """The member of an object or list; of a key that stands there twice the last, whose value counts."""
        if self._text[member.start] != ("[" if isinstance(part, int) else "{"):
            return None
        found = self._kept.get(member.start)
        if found is None:
            found = dict(self._members(member))
            if member.end - member.start >= _KEPT_FROM:
                self._kept[member.start] = found
        return found.get(part)

    def _members(self, member: _Member) -> Iterator[tuple[str | int, _Member]]:
        """Key or index, and place, of every member of an object or list."""
        text, in_object = self._text, self._text[member.start] == "{"
        at, count = self._skip(member.start + 1), 0
        while text[at] not in "}]":
            name: str | int = count
            key = at
            if in_object:
                name, at = _DECODE(text, at)
                at = self._skip(self._skip(at) + 1)
            end = _DECODE(text, at)[1]
            yield name, _Member(key if in_object else at, at, end)
            count += 1
            at = self._skip(end)
            if text[at] == ",":
                at = self._skip(at + 1)

    def _skip(self, at: int) -> int:
        space = _SPACE.match(self._text, at)
        return space.end() if space else at
