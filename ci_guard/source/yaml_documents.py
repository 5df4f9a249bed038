"""YAML files: documents streamed one by one, each broken one on its own.

A `---` at the start of a line always begins a document, even inside what looks like a block scalar or an open
quote, so after an error reading goes on at the next one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ci_guard.model.pattern import pattern
from ci_guard.source.composing import DOCUMENT_LIMIT, check_aliases, compose, compose_events
from ci_guard.source.construction import MERGE, Construction, OverBudgetError
from ci_guard.source.document import Document, Grammar, Step, Unreadable
from ci_guard.source.scalars import SCHEMAS, Schema
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Node, Refused

_BREAKS = r"\r\n\x85\u2028\u2029"  # what YAML 1.1 and libyaml take for a line end
_MARKER = pattern(rf"(?<![^{_BREAKS}])(?:---|\.\.\.)(?=\s|\Z)")
_LINE_END = pattern(r"[\r\n]")
_START = pattern(rf"(?<![^{_BREAKS}])---(?=\s|\Z)")
_BLANK = pattern(r"(?:\s|#[^\r\n]*|\.\.\.(?=\s|\Z))*\Z")
_PROPERTIES = pattern(r"(?:[&!]\S*\s+)*")
_COMMENT_AFTER = frozenset(" \t\r\n\x85\u2028\u2029,[]{}\"'")
_SUSPECT = pattern(r"\\(?:0|x00|u0000|U00000000|(?:u|U0000)[dD][89a-fA-F])")


class YamlGrammar(Grammar):
    """Keys and merge keys of one YAML dialect, document markers, comments."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._construction = Construction(schema)

    def key(self, node: Node) -> str:
        """A key as the dialect reads it; a merge key is `<<`."""
        key = self._construction.key(node)
        return "<<" if key is MERGE else str(key)

    def members(self, node: Node) -> Iterator[tuple[str, Step]]:
        """Own and merged members; where `<<` only fills in, the merged ones come first."""
        late = not self.schema.merge_in_order
        for key, value in node.value if late else ():
            if self._construction.key(key) is MERGE:
                yield from self._merged(value)
        for key, value in node.value:
            name = self._construction.key(key)
            if name is not MERGE:
                yield name, Step(value, key)
            elif not late:
                yield from self._merged(value)

    def _merged(self, node: Node) -> Iterator[tuple[str, Step]]:
        for source in reversed(node.value) if node.id == "sequence" else (node,):
            yield from self.members(source)

    def end(self, text: SourceText, span: tuple[int, int]) -> int:
        """The marker that ends the document, or the end of the text."""
        marker = _MARKER.search(text.text, span[1])
        return marker.start() if marker else len(text.text)

    def parse(self, text: str) -> Node:
        """The tree of one document's stretch."""
        return next(compose_events(text))

    def comments(self, text: str, start: int, end: int, root: Node, base: int) -> Iterator[int]:
        """A `#` outside of every scalar, after white space, a line start or a bracket, comma or quote."""
        scalars = sorted(_contents(text, root, base))
        at, index = text.find("#", start, end), 0
        while at >= 0:
            while index < len(scalars) and scalars[index][1] <= at:
                index += 1
            inside = index < len(scalars) and scalars[index][0] <= at
            if not inside and (at == 0 or text[at - 1] in _COMMENT_AFTER):
                yield at
                at = _line_end(text, at, end)
            at = text.find("#", at + 1, end)


def _line_end(text: str, at: int, end: int) -> int:
    stop = _LINE_END.search(text, at, end)
    return stop.start() if stop else end


def _contents(text: str, root: Node, base: int) -> Iterator[tuple[int, int]]:
    """Spans of the content of all scalars; the header line of a block scalar may end in a comment."""
    pending, seen = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.id != "scalar":
            pending += (part for pair in node.value for part in pair) if node.id == "mapping" else node.value
            continue
        start, end = base + node.start_mark.index, base + node.end_mark.index
        properties = _PROPERTIES.match(text, start, end)
        start = properties.end() if properties else start
        yield (_line_end(text, start, end) if text[start : start + 1] in {"|", ">"} else start), end


def read_yaml(text: SourceText, dialect: str) -> Iterator[Document | Unreadable]:
    """The documents of a YAML text. Never raises for what the text holds."""
    reading = _Reading(text, dialect)
    try:
        for root in compose(text.text):
            yield from reading.document(root, 0)
    except Refused as refused:
        yield from reading.rest(refused)


class _Reading:
    """The state of reading one file: how many documents, where the last one ended, the last one itself."""

    def __init__(self, text: SourceText, dialect: str) -> None:
        self.text = text
        self.dialect = dialect
        self.schema = SCHEMAS[dialect]
        self.grammar = YamlGrammar(self.schema)
        self.has_bang = any(tag in text.text for tag in ("! ", "!\n", "!\r", "!\t"))
        self.is_suspect = bool(_SUSPECT.search(text.text))
        self.count = 0
        self.after = 0  # where the content of the last document ends
        self.begin: int | None = 0  # where the next one's stretch begins, if that is known

    def rest(self, refused: Refused) -> Iterator[Document | Unreadable]:
        """What follows the last good document, each stretch on its own, which also tells where it breaks."""
        text, start = self.text.text, self.after
        if start:
            # Up to the next marker this still belongs to the last document, and nothing may follow it there.
            marker = _MARKER.search(text, start)
            start = len(text) if marker is None else marker.start() if marker[0] == "---" else marker.end()
            if not _BLANK.match(text[self.after : start]):
                yield self.unreadable(refused, 0)
        if refused.limit:
            yield self.unreadable(refused, 0)
            beyond = _START.search(text, max(refused.offset, start) + 1)
            if beyond is None:
                return
            start = beyond.start()
        starts = [m.start() for m in _START.finditer(text, start)]
        for begin, end in pairwise([start, *(s for s in starts if s > start), len(text)]):
            yield from self.stretch(begin, end)

    def stretch(self, start: int, end: int) -> Iterator[Document | Unreadable]:
        """The documents between two `---`; the first error ends it."""
        self.after = self.begin = start
        part = self.text.text[start:end]
        if _BLANK.match(part):
            return
        try:
            for root in compose_events(part):
                yield from self.document(root, start)
        except Refused as refused:
            yield self.unreadable(refused, start)

    def document(self, root: Node, base: int) -> Iterator[Document | Unreadable]:
        """The document of one tree, released once the caller asks for more."""
        span = (base + root.start_mark.index, base + root.end_mark.index)
        start = self._begin(span[0])
        self.after = span[1]
        self.count += 1
        if self.count > DOCUMENT_LIMIT:
            yield self.unreadable(Refused(f"more than {DOCUMENT_LIMIT} documents", root.start_mark.index), base)
            return
        construction = Construction(self.schema, self.text.text if self.has_bang else "", base)
        try:
            value = _value(construction, root, span[1] - span[0])
            if self.is_suspect:
                refuse_suspect(root)
        except Refused as refused:
            yield self.unreadable(refused, base)
            return
        document = Document(
            self.text.path, self.count - 1, value, self.text, self.dialect, self.grammar, start, span, root, base
        )
        if construction.repeats:
            document.record(construction.repeats)
        yield document
        document.release()

    def _begin(self, content: int) -> int:
        """Where the stretch of the document begins whose content begins at `content`: at the last marker's."""
        begin, self.begin = self.begin, None
        if begin is None:
            begin = content
            for marker in _MARKER.finditer(self.text.text, self.after, content):
                begin = marker.start() if marker[0] == "---" else marker.end()
        return begin

    def unreadable(self, refused: Refused, base: int) -> Unreadable:
        """What is told about a broken document: the rest of the line from where it breaks."""
        return Unreadable.at(self.text, refused.reason, base + refused.offset)


def _value(construction: Construction, root: Node, length: int) -> Any:
    """The value of a document of so many characters; aliases are weighed only where its value is larger."""
    construction.budget = length + 1  # no member of a map or list is written in less than a character
    try:
        return construction.value(root)
    except (OverBudgetError, RecursionError):
        check_aliases(root)
    construction.budget = sys.maxsize
    construction.repeats.clear()
    return construction.value(root)


def refuse_suspect(root: Node) -> None:
    """NUL ends strings in the expression engine, a way past every comparison; a lone surrogate raises there."""
    pending, seen = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.id != "scalar":
            pending += (part for pair in node.value for part in pair) if node.id == "mapping" else node.value
        elif "\0" in node.value:
            raise Refused("contains a NUL character", node.start_mark.index)
        elif any("\ud800" <= char <= "\udfff" for char in node.value):
            raise Refused("contains an unpaired surrogate: not a Unicode character", node.start_mark.index)
