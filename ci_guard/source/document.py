"""A document: its value, and where each of its nodes stands.

Where `locate` points (code scanning shows an annotation only if every line of its region is in the diff, so
regions are kept narrow; this module is the only place that knows):

- a scalar: the scalar itself, without tag and anchor; an empty one (`key:`): its key
- a map or list under a key: the key
- a list item that is a map: its `name:` entry, key and value, if it has one on one line; else its first key
- a list item that is a list: its first item, by these same rules; an empty map or list there: its text
- the document itself: its `kind:` entry, else its `name:` entry, else its first key
- a path that does not exist: the nearest ancestor that does, by the rules above
- an aliased or merged node: where its text is, at the anchor
- `key=True`: the key under which the node stands; for a list item, the item

Positions come from the parse tree. The reader drops it when the next document is asked for; a document that is
asked for a position later parses its own stretch of the text again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from ci_guard.model.location import FieldPath, Location, NodePath, Region, render_path
from ci_guard.model.record import field, record
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Node

DUPLICATE_LIMIT = 100  # one is enough to close a gate; a hostile file could hold a million
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")


@record
class Unreadable:
    """A file or document that cannot be read: where it goes wrong, and why in words for a person."""

    path: str
    location: Location
    reason: str

    @classmethod
    def at(cls, text: SourceText, reason: str, offset: int) -> Unreadable:
        """At an offset (clamped into the text), one character wide unless that is a line end."""
        offset = min(offset, len(text.text))
        width = int(offset < len(text.text) and text.text[offset] not in "\r\n")
        return cls(text.path, text.location(offset, offset + width), reason)


class Origin(NamedTuple):
    """What a rendered document was made from; None where the document is the source itself.

    `kind` is `helm` or `kustomize`, `path` the template or the kustomization it comes from.
    """

    kind: str
    path: str


class Comment(NamedTuple):
    """A comment from its `#` to the end of the line; `own_line`: nothing but space stands before it."""

    line: int
    column: int
    text: str
    own_line: bool


class Step(NamedTuple):
    """One node on the way to a path: the node, and the node of the key it stands under."""

    node: Node
    key: Node | None = None


class Grammar:
    """What a dialect knows about its text: how keys read, where a document's stretch ends, what a comment is."""

    def key(self, node: Node) -> str:
        """A key node as text."""
        return str(node.value)

    def members(self, node: Node) -> Iterator[tuple[str, Step]]:
        """(key, step) of a mapping; of a key that comes twice the later one counts."""
        for key, value in node.value:
            yield self.key(key), Step(value, key)

    def end(self, text: SourceText, span: tuple[int, int]) -> int:  # noqa: ARG002 - for dialects with one document
        """Offset where the stretch of the document ends whose root has `span`."""
        return len(text.text)

    def parse(self, text: str) -> Node:
        """The parse tree of one document's stretch."""
        raise NotImplementedError

    def comments(self, text: str, start: int, end: int, root: Node, base: int) -> Iterator[int]:  # noqa: ARG002
        """Offsets of the `#` of every comment in a document's stretch; none unless the dialect has comments."""
        return iter(())


@record(frozen=False, eq=False)
class Document:
    """One document of a file; implements `model.subject.Positions`.

    `value` is plain data and belongs to the caller. `index` counts the file's documents from 0. `duplicates` holds
    (path, place of the repeat) of keys that are written again, the merge keys among them that override earlier keys.
    """

    path: str
    index: int
    value: Any
    text: SourceText
    dialect: str
    grammar: Grammar
    start: int  # offset where the document's stretch of the text begins, comments before it included
    span: tuple[int, int]  # offsets of the root node
    root: Node | None = None
    base: int = 0  # what to add to the offsets in the tree
    origin: Origin | None = None
    duplicates: tuple[tuple[NodePath, Location], ...] = ()
    _members: dict[int, dict[str, Step]] = field(default_factory=dict)  # of the mappings that were walked through

    def release(self) -> None:
        """Drop the parse tree; the reader calls this once the next document is asked for."""
        self.root = None
        self._members.clear()

    def _tree(self) -> Node:
        if self.root is None:
            self.root = self.grammar.parse(self.text.text[self.start : self._end()])
            self.base = self.start
        return self.root

    def _end(self) -> int:
        return self.grammar.end(self.text, self.span)

    @property
    def end(self) -> int:
        """Offset where the document's stretch of the text ends, comments after it included."""
        return self._end()

    def steps(self, path: NodePath) -> list[Step]:
        """The steps from the root to the node at `path`, or as far as it exists; for those who edit the text."""
        return self._walk(path)

    def span_of(self, node: Node) -> tuple[int, int]:
        """Offsets of a node of this document: its own text, without tag and anchor."""
        return self._span(node)

    def _walk(self, path: NodePath) -> list[Step]:
        """The steps from the root to the node at `path`, or as far as it exists."""
        steps = [Step(self._tree())]
        for part in path:
            step = self._child(steps[-1].node, part)
            if step is None:
                break
            steps.append(step)
        return steps

    def _child(self, node: Node, part: str | int) -> Step | None:
        """The child of a node by key or index; of a duplicate key the last, whose value counts."""
        if node.id == "sequence":
            return Step(node.value[part]) if isinstance(part, int) and 0 <= part < len(node.value) else None
        if node.id != "mapping" or not isinstance(part, str):
            return None
        members = self._members.get(id(node))
        if members is None:
            members = self._members[id(node)] = dict(self.grammar.members(node))
        return members.get(part)

    def exists(self, path: NodePath) -> bool:
        """Whether the text has a node at `path` (a null in a map too, though a dialect may drop its value)."""
        return len(self._walk(path)) == len(path) + 1

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        """The place of the node at `path`, or of its nearest existing ancestor, by the rules of this module."""
        steps = self._walk(path)
        last = steps[-1]
        if key and last.key is not None:
            return self._location(last.key, last.key)
        if last.key is not None and (last.node.id != "scalar" or _is_empty(last.node)):
            return self._location(last.key, last.key)
        return self._location(*self._anchor(last.node, ("kind", "name") if len(steps) == 1 else ("name",)))

    def _anchor(self, node: Node, entries: tuple[str, ...]) -> tuple[Node, Node]:
        """First and last node of the narrow region that stands for a node without a key of its own."""
        while node.id == "sequence" and node.value and node.value[0] is not node:
            node, entries = node.value[0], ("name",)
        if node.id != "mapping" or not node.value:
            return node, node
        for name in entries:
            step = self._child(node, name)
            if step and step.key and step.node.id == "scalar" and self._one_line(step.key, step.node):
                return step.key, step.node
        return node.value[0][0], node.value[0][0]

    def _one_line(self, first: Node, last: Node) -> bool:
        start, end = first.start_mark.index, last.end_mark.index
        return start <= end and not re.search(r"[\r\n]", self.text.text[self.base + start : self.base + end].rstrip())

    def _location(self, first: Node, last: Node) -> Location:
        start, _ = self._span(first)
        _, end = self._span(last)
        return self.text.location(start, end)

    def _span(self, node: Node) -> tuple[int, int]:
        """Offsets of a node's own text: without tag, anchor and the line ends after a block scalar."""
        start, end = self.base + node.start_mark.index, self.base + node.end_mark.index
        text = self.text.text
        if text[start : start + 1] in {"&", "!"}:
            properties = _PROPERTIES.match(text, start, end)
            start = properties.end() if properties else start
        while end > start and text[end - 1] in "\r\n \t":
            end -= 1
        return start, end

    def field_path(self, path: NodePath) -> FieldPath:
        """`path` as people read it; list items that are maps with a `name` are named by it."""
        names: dict[NodePath, str] = {}
        value = self.value
        for depth, part in enumerate(path, start=1):
            value = _item(value, part)
            if isinstance(part, int) and isinstance(value, dict) and isinstance(value.get("name"), str):
                names[path[:depth]] = value["name"]
        return render_path(path, names)

    @property
    def region(self) -> Region:
        """From the first to the last character of the document's content."""
        return self.region_of(())

    def region_of(self, path: NodePath) -> Region:
        """All the text of the node at `path` (or of its nearest existing ancestor): its extent, not what to show."""
        return self.text.region(*self._span(self._walk(path)[-1].node))

    def comments(self) -> Sequence[Comment]:
        """The comments in this document's stretch of the text, in order; looked for when asked."""
        root = self._tree()
        found = self.grammar.comments(self.text.text, self.start, self._end(), root, self.base)
        return [self._comment(offset) for offset in found]

    def _comment(self, offset: int) -> Comment:
        line, column = self.text.position(offset)
        content = self.text.line(line)
        return Comment(line, column, content[column - 1 :], not content[: column - 1].strip())

    def record(self, repeats: Sequence[Node]) -> None:
        """Turn key nodes that repeat an earlier key into `duplicates`, in the order of the text; the first hundred."""
        wanted = {id(key) for key in repeats[:DUPLICATE_LIMIT]}
        found = [(path, key) for path, key in _key_paths(self.grammar, self._tree()) if id(key) in wanted]
        found.sort(key=lambda item: item[1].start_mark.index)
        self.duplicates = tuple((path, self._location(key, key)) for path, key in found)

    def record_all_repeats(self) -> None:
        """The same where the reader knows only that some key comes twice."""
        self.record(list(islice(_repeats(self.grammar, self._tree()), DUPLICATE_LIMIT)))


def _item(value: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return value[part] if isinstance(value, list) and 0 <= part < len(value) else None
    return value.get(part) if isinstance(value, dict) else None


def _repeats(grammar: Grammar, root: Node) -> Iterator[Node]:
    """Every key node that repeats a key of its own mapping."""
    pending = [root]
    while pending:
        node = pending.pop()
        seen: set[str] = set()
        for child in node.value if node.id != "scalar" else ():
            if node.id == "sequence":
                pending.append(child)
                continue
            pending.append(child[1])
            name = grammar.key(child[0])
            if name in seen:
                yield child[0]
            seen.add(name)


def _key_paths(grammar: Grammar, root: Node) -> Iterator[tuple[NodePath, Node]]:
    """Every key node that is written in the tree with its path; aliased nodes once, where first met."""
    pending: list[tuple[NodePath, Node]] = [((), root)]
    seen: set[int] = set()
    while pending:
        path, node = pending.pop()
        if id(node) in seen or node.id == "scalar":
            continue
        seen.add(id(node))
        if node.id == "sequence":
            pending += [((*path, index), child) for index, child in enumerate(node.value)]
            continue
        for key, value in node.value:
            here = (*path, grammar.key(key))
            yield here, key
            pending.append((here, value))


def _is_empty(node: Node) -> bool:
    return node.end_mark.index <= node.start_mark.index
