"""How the nodes of a document lie in its text: their lines, their indentation, what stands around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ci_guard.source.document import Document, Step
from ci_guard.source.tree import Node

_LEAD: Final = re.compile(r" *(?:- +)*\Z")
_SPACE: Final = re.compile(r"[ \t]*\Z")
_REST: Final = re.compile(r"[ \t]*(?:[ \t]#.*)?\Z")
_COLON: Final = re.compile(r"[ \t]*:[ \t]*\Z")
_COLON_REST: Final = re.compile(r"[ \t]*:[ \t]*(?:[ \t]#.*)?\Z")
_CLOSING: Final = re.compile(r"[ \t\r\n]*\}\Z")
_TEXT: Final = frozenset("|>")
_COMMA: Final = re.compile(r"[ \t\r\n]*,[ \t\r\n]*\Z")


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
        node, names = owner.node, [str(key.value) for key, _ in owner.node.value]
        if len(names) > 1 and names == sorted(names):
            before = [pair for pair, known in zip(node.value, names, strict=True) if known < name]
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
        if not _LEAD.match(lead) or not _REST.match(rest) or self.first(self._last(value)) in _TEXT:
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

    def behind_last_member(self, node: Node) -> tuple[int | None, str | None]:
        """The end of the last member within braces, None if more than space follows it.

        Also the indentation of that member, if it begins a line of its own.
        """
        key, value = node.value[-1]
        (start, after_key), (value_start, end) = self.span(key), self.span(value)
        _, close = self.span(node)
        text = self._text.text
        if value_start == end or not _CLOSING.match(text[end:close]):
            return None, None
        if not _COLON.match(text[after_key:value_start].replace("\n", " ").replace("\r", " ")):
            return None, None
        lead = self._around(start, start)[0]
        return end, lead if _SPACE.match(lead) and self._text.position(start)[0] != self._line(node) else None

    def step_of_braces(self, node: Node, indent: str) -> str:
        """By how much members on lines of their own are indented against the line on which their brace closes."""
        _, end = self.span(node)
        outer = self._around(end - 1, end)[0]
        return indent.removeprefix(outer) or "  " if _SPACE.match(outer) and indent.startswith(outer) else "  "

    def _line(self, node: Node) -> int:
        return self._text.position(self.span(node)[0])[0]

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
        if not _REST.match(rest) or self._touches_text(owner, key, value):
            return None
        if len(owner.value) == 1:
            return start, end
        return self._lines(start - len(lead), end + len(rest)) if not lead.strip(" ") else None

    def _touches_text(self, owner: Node, key: Node, value: Node) -> bool:
        """Whether the entry, or the one before it, ends in a block of text: blank lines would change hands."""
        index = next(n for n, (one, _) in enumerate(owner.value) if one is key)
        ends = [value, *(one for _, one in owner.value[max(index - 1, 0) : index])]
        return any(self.first(self._last(one)) in _TEXT for one in ends)

    def _lines(self, start: int, end: int) -> tuple[int, int] | None:
        """Whole lines with one line end: that behind them, at the end of the text that before them."""
        text = self._text.text
        if end < len(text):
            return start, end + (2 if text.startswith("\r\n", end) else 1)
        return (start - (2 if text.endswith("\r\n", 0, start) else 1), end) if start else None

    def _member(self, owner: Node, key: Node, start: int, end: int) -> tuple[int, int] | None:
        index = next(n for n, (one, _) in enumerate(owner.value) if one is key)
        if len(owner.value) == 1:
            brace = self.span(owner)
            inside = self._text.text[brace[0] + 1 : start] + self._text.text[end : brace[1] - 1]
            return (start, end) if not inside.strip() else None
        if index:
            before = self.content(*owner.value[index - 1])[1]
            return (before, end) if _COMMA.match(self._text.text[before:start]) else None
        after = self.content(*owner.value[1])[0]
        return (start, after) if _COMMA.match(self._text.text[end:after]) else None
