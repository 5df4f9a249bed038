"""How the nodes of a document lie in its text: their lines, their indentation, what stands around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile
from typing import Final, NamedTuple

from ci_guard.source.document import Document, Step
from ci_guard.source.tree import Node

_LEAD: Final = re.compile(r" *(?:- +)*\Z")
_SPACE: Final = re.compile(r"[ \t]*\Z")
_REST: Final = re.compile(r"[ \t]*(?:[ \t]#.*)?\Z")
_COLON: Final = re.compile(r"[ \t]*:[ \t]*\Z")
_COLON_REST: Final = re.compile(r"[ \t]*:[ \t]*(?:[ \t]#.*)?\Z")
_CLOSING: Final = re.compile(r"[ \t\r\n]*\}\Z")
_LEADING: Final = frozenset({"apiVersion", "kind", "metadata", "name"})
_TEXT: Final = frozenset("|>")
_COMMA: Final = re.compile(r"[ \t\r\n]*,[ \t\r\n]*\Z")


class Gap(NamedTuple):
    """Where a member goes: an offset, the indentation where members have lines of their own, whether it is the last."""

    at: int
    indent: str | None
    last: bool


def _sorted_tail(node: Node) -> list[tuple[Node, Node]]:
    """The entries of a map in alphabetical order, without those that lead by custom; none if they are in no order."""
    tail = list(dropwhile(lambda pair: str(pair[0].value) in _LEADING, node.value))
    names = [str(key.value) for key, _ in tail]
    return tail if names == sorted(names) else []


def _index(node: Node, key: Node) -> int:
    return next(n for n, (one, _) in enumerate(node.value) if one is key)


class Layout:
    """Looks at the text around the nodes of one document; offsets are those of the whole text."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._text = document.text

    def span(self, node: Node) -> tuple[int, int]:
        """Offsets of a node's own text."""
        return self._document.span_of(node)

    def first(self, node: Node | None) -> str:
        """The first character of a node, of its tag or anchor if it has one; "" of an empty one."""
        if node is None:
            return ""
        start, end = node.start_mark.index, node.end_mark.index
        return self._text.text[self._document.base + start : self._document.base + end][:1]

    def between(self, key: Node, value: Node) -> str:
        """The text between a key and its value."""
        return self._text.text[self.span(key)[1] : self.span(value)[0]]

    def _around(self, start: int, end: int) -> tuple[str, str]:
        """What stands before and behind a span on its first and last line."""
        line, column = self._text.position(start)
        last, after = self._text.position(end)
        return self._text.line(line)[: column - 1], self._text.line(last)[after - 1 :]

    def indent(self, node: Node) -> str | None:
        """The indentation of a block map's entries, None where something else stands before the first."""
        start, _ = self.span(node.value[0][0])
        lead = self._around(start, start)[0]
        return " " * len(lead) if _LEAD.match(lead) else None

    def place_for(self, owner: Step, name: str) -> int | None:
        """Where a line with a new entry of a block map begins: at the end of the line before it, comment included.

        In the order of the alphabet where the entries are; else behind the last that fills exactly one line, or in
        front of all where none does. None where no place is safe.
        """
        node, tail = owner.node, _sorted_tail(owner.node)
        if tail:
            later = sum(str(key.value) > name for key, _ in tail)
            before = node.value[: len(node.value) - later]
            place = self._behind(*before[-1]) if before else self._behind_key(owner)
            if place is not None:
                return place
        lines = (self._behind(key, value) for key, value in reversed(node.value) if self._is_line(key, value))
        return next((place for place in lines if place is not None), None) or self._behind_key(owner)

    def _is_line(self, key: Node, value: Node) -> bool:
        start, end = self.content(key, value)
        return self._text.position(start)[0] == self._text.position(end)[0]

    def _behind(self, key: Node, value: Node) -> int | None:
        """The end of the last line of an entry; None where something else stands there.

        None for a block of text, too: the line ends behind it may belong to it.
        """
        start, end = self.content(key, value)
        lead, rest = self._around(start, end)
        if not _LEAD.match(lead) or not _REST.match(rest) or self._ends_in_text(value):
            return None
        colon = self._text.text[self.span(key)[1] : self.span(value)[0]]
        return end + len(rest) if value.id != "scalar" or _COLON.match(colon) else None

    def _last(self, node: Node) -> Node:
        """The node with which a block ends: to the parser, the comments behind it belong to the block as well."""
        while node.id != "scalar" and node.value and self.first(node) not in {"{", "["}:
            node = node.value[-1][1] if node.id == "mapping" else node.value[-1]
        return node

    def _behind_key(self, owner: Step) -> int | None:
        """The end of the line of the key over a block map, where nothing but a comment follows it there."""
        if owner.key is None:
            return None
        _, end = self.span(owner.key)
        rest = self._around(end, end)[1]
        return end + len(rest) if _COLON_REST.match(rest) else None

    def step(self, steps: Sequence[Step]) -> str:
        """By how much a deeper block map is indented: as the nearest one is, else by two."""
        own = self.indent(steps[-1].node) or ""
        for _, value in steps[-1].node.value:
            if value.id == "mapping" and value.value and self.first(value) != "{":
                inner = self.indent(value)
                if inner is not None and len(inner) > len(own):
                    return " " * (len(inner) - len(own))
        for upper, lower in zip(reversed(steps[:-1]), reversed(steps[1:]), strict=True):
            if upper.node.id == "mapping" and lower.node.id == "mapping":
                outer, inner = self.indent(upper.node), self.indent(lower.node)
                if outer is not None and inner is not None and len(inner) > len(outer):
                    return " " * (len(inner) - len(outer))
        return "  "

    def empty_braces(self, node: Node) -> tuple[int, int] | None:
        """What is between the braces of an empty map, None if it is more than space."""
        start, end = self.span(node)
        return (start + 1, end - 1) if _SPACE.match(self._text.text[start + 1 : end - 1]) else None

    def gap_for(self, node: Node, name: str) -> Gap | None:
        """Where a new member within braces goes: in alphabetical place where they are sorted, else behind the last.

        None where more than commas and space stands around that place.
        """
        tail = _sorted_tail(node)
        after = [pair for pair in tail if str(pair[0].value) > name]
        if after:
            return self._in_front(node, *after[0])
        start, end = self.content(*node.value[-1])
        text, (value_start, value_end) = self._text.text, self.span(node.value[-1][1])
        if value_start == value_end or not _CLOSING.match(text[end : self.span(node)[1]]):
            return None
        colon = text[self.span(node.value[-1][0])[1] : value_start].replace("\n", " ").replace("\r", " ")
        return Gap(end, self._own_line(node, start), last=True) if _COLON.match(colon) else None

    def _in_front(self, node: Node, key: Node, value: Node) -> Gap | None:
        start = self.span(key)[0]
        index = _index(node, key)
        before = self.content(*node.value[index - 1])[1] if index else self.span(node)[0] + 1
        between = self._text.text[before:start]
        clear = _COMMA.match(between) if index else not between.strip()
        return Gap(start, self._own_line(node, start), last=False) if clear and self.first(value) else None

    def _own_line(self, node: Node, start: int) -> str | None:
        """The indentation of a member that begins a line of its own, None for one that does not."""
        lead, line = self._around(start, start)[0], self._text.position(self.span(node)[0])[0]
        return lead if _SPACE.match(lead) and self._text.position(start)[0] != line else None

    def step_of_braces(self, node: Node, indent: str) -> str:
        """By how much members on lines of their own are indented against the line on which their brace closes."""
        _, end = self.span(node)
        outer = self._around(end - 1, end)[0]
        return indent.removeprefix(outer) or "  " if _SPACE.match(outer) and indent.startswith(outer) else "  "

    def content(self, key: Node, value: Node) -> tuple[int, int]:
        """From the key to the end of its value."""
        start, end = self.span(key)
        return start, max(end, self.span(self._last(value))[1])

    def entry(self, owner: Node, key: Node, value: Node) -> tuple[int, int] | None:
        """What must go with an entry: its lines, or its comma; None where it shares them with something else."""
        start, end = self.content(key, value)
        if self.first(owner) == "{":
            return self._member(owner, key, start, end)
        lead, rest = self._around(start, end)
        if not _LEAD.match(lead) or not _REST.match(rest) or self._touches_text(owner, key, value):
            return None
        if len(owner.value) == 1:
            return start, end
        return self._lines(start - len(lead), end + len(rest)) if not lead.strip(" ") else None

    def _touches_text(self, owner: Node, key: Node, value: Node) -> bool:
        """Whether the entry, or the one before it, ends in a block of text: blank lines would change hands."""
        index = _index(owner, key)
        ends = [value, *(one for _, one in owner.value[max(index - 1, 0) : index])]
        return any(map(self._ends_in_text, ends))

    def _ends_in_text(self, node: Node) -> bool:
        start, end = self.span(self._last(node))
        return start < end and self._text.text[start] in _TEXT

    def _lines(self, start: int, end: int) -> tuple[int, int] | None:
        """Whole lines with one line end: that behind them, at the end of the text that before them."""
        text = self._text.text
        if end < len(text):
            return start, end + (2 if text.startswith("\r\n", end) else 1)
        return (start - (2 if text.endswith("\r\n", 0, start) else 1), end) if start else None

    def _member(self, owner: Node, key: Node, start: int, end: int) -> tuple[int, int] | None:
        index = _index(owner, key)
        if len(owner.value) == 1:
            brace = self.span(owner)
            inside = self._text.text[brace[0] + 1 : start] + self._text.text[end : brace[1] - 1]
            return (start, end) if not inside.strip() else None
        if index:
            before = self.content(*owner.value[index - 1])[1]
            return (before, end) if _COMMA.match(self._text.text[before:start]) else None
        after = self.content(*owner.value[1])[0]
        return (start, after) if _COMMA.match(self._text.text[end:after]) else None
