"""Where the nodes of a TOML document stand. The text must be valid: `tomllib` has read it before."""

from __future__ import annotations

import re
import tomllib

from ci_guard.source.spans import MappingSpan, Offset, ScalarSpan, SequenceSpan, SpanNode

_GAP = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\r\n]|\\.)*\"|'[^'\r\n]*'")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_BLANK = re.compile(r"[ \t]*")
_STRINGS = (
    ('"""', re.compile(r'"""(?:\\.|[^\\])*?""""{0,2}', re.DOTALL)),
    ("'''", re.compile(r"'''.*?''''{0,2}", re.DOTALL)),
    ('"', re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')),
    ("'", re.compile(r"'[^']*'")),
)
_BARE = re.compile(r"[^,\]}#\r\n]+")


class _Table:
    """A mapping that is being filled, with its members by key."""

    def __init__(self, node: SpanNode) -> None:
        self.node = node
        self.members: dict[str, _Table | SpanNode] = {}

    def add(self, key: SpanNode, child: _Table | SpanNode) -> None:
        self.members[key.value] = child
        self.node.value.append((key, child.node if isinstance(child, _Table) else child))


class _Tables(_Table):
    """An array of tables; a path that goes through it goes through its last table."""

    def __init__(self, node: SpanNode) -> None:
        super().__init__(node)
        self.last = self

    def begin(self, start: int, end: int) -> _Table:
        table = _Table(MappingSpan([], Offset(start), Offset(end)))
        self.node.value.append(table.node)
        self.last = table  # type: ignore[assignment]
        return table


def scan(text: str) -> tuple[SpanNode, list[int]]:
    """The tree of a TOML document, and the offsets of the `#` of its comments."""
    scanner = _Scanner(text)
    return scanner.document(), scanner.comments


class _Scanner:
    """Reads forward through the text; `at` is the offset of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.comments: list[int] = []

    def document(self) -> SpanNode:
        root = _Table(MappingSpan([], Offset(0), Offset(len(self.text))))
        table = root
        self.gap()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header(root)
            else:
                self.member(table)
                table.node.end_mark.index = self.at
            self.gap()
        return root.node

    def gap(self) -> None:
        """Skip white space, line ends and comments, remembering the comments."""
        found = _GAP.match(self.text, self.at)
        start, self.at = self.at, found.end() if found else self.at
        comment = self.text.find("#", start, self.at)
        while comment >= 0:
            self.comments.append(comment)
            ends = [e for e in (self.text.find(c, comment, self.at) for c in "\r\n") if e >= 0]
            comment = self.text.find("#", min(ends, default=self.at), self.at)

    def skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return bool(found)

    def header(self, root: _Table) -> _Table:
        """`[a.b]` or `[[a.b]]`: the table that the following members go to."""
        start = self.at
        array = self.text.startswith("[[", start)
        self.at += 2 if array else 1
        keys = self.keys()
        self.at = self.text.index("]", self.at) + (2 if array else 1)
        parent = self.descend(root, keys[:-1])
        child = parent.members.get(keys[-1].value)
        if array:
            if not isinstance(child, _Tables):
                child = _Tables(SequenceSpan([], Offset(start), Offset(self.at)))
                parent.add(keys[-1], child)
            child.node.end_mark.index = self.at
            return child.begin(start, self.at)
        return self.descend(parent, keys[-1:])

    def descend(self, table: _Table, keys: list[SpanNode]) -> _Table:
        """Through existing tables and the last table of arrays, making what is not there yet."""
        for key in keys:
            child = table.members.get(key.value)
            if not isinstance(child, _Table):
                child = _Table(MappingSpan([], Offset(key.start_mark.index), Offset(key.end_mark.index)))
                table.add(key, child)
            table = child.last if isinstance(child, _Tables) else child
        return table

    def keys(self) -> list[SpanNode]:
        """A dotted key."""
        parts: list[SpanNode] = []
        self.skip(_BLANK)
        while True:
            start = self.at
            self.skip(_KEY)
            parts.append(ScalarSpan(_key(self.text[start : self.at]), Offset(start), Offset(self.at)))
            if not self.skip(_DOT):
                return parts

    def member(self, table: _Table) -> None:
        """`a.b = value`."""
        start = self.at
        keys = self.keys()
        self.at = self.text.index("=", self.at) + 1
        self.skip(_BLANK)
        self.descend(table, keys[:-1]).add(keys[-1], self.value())
        if self.at == start:
            raise ValueError("not a TOML document")

    def value(self) -> SpanNode | _Table:
        start = self.at
        first = self.text[start]
        if first == "[":
            return self.array()
        if first == "{":
            return self.inline_table()
        pattern = next((p for quotes, p in _STRINGS if self.text.startswith(quotes, start)), _BARE)
        self.skip(pattern)
        end = start + len(self.text[start : self.at].rstrip())
        return ScalarSpan(self.text[start:end], Offset(start), Offset(end))

    def array(self) -> SpanNode:
        node = SequenceSpan([], Offset(self.at), Offset(self.at))
        self.at += 1
        self.gap()
        while self.text[self.at] != "]":
            value = self.value()
            node.value.append(value.node if isinstance(value, _Table) else value)
            self.separator()
        self.at += 1
        node.end_mark.index = self.at
        return node

    def inline_table(self) -> _Table:
        table = _Table(MappingSpan([], Offset(self.at), Offset(self.at)))
        self.at += 1
        self.gap()
        while self.text[self.at] != "}":
            self.member(table)
            self.separator()
        self.at += 1
        table.node.end_mark.index = self.at
        return table

    def separator(self) -> None:
        self.gap()
        if self.text[self.at] == ",":
            self.at += 1
            self.gap()


def _key(text: str) -> str:
    """A key part without its quotes; escapes are `tomllib`'s business."""
    if "\\" in text and text[0] == '"':
        return str(tomllib.loads(f"key = {text}")["key"])
    return text[1:-1] if text[:1] in {'"', "'"} else text
