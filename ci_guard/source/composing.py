"""YAML text -> parse trees, one document at a time, bounded.

libyaml composes the trees (`yaml._yaml.CParser`); where PyYAML was built without it, its Python parser does.
`resolve` is overridden to leave plain scalars alone: what they mean is the dialect's business (`scalars`).
The depth is counted while composing, because libyaml's composer recurses on the C stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from ci_guard.source.tree import DEPTH_LIMIT, Node, Refused

try:
    from yaml._yaml import CParser as _Events
except ImportError:

    class _Events(Reader, Scanner, Parser, Composer):  # type: ignore[no-redef]
        """The same interface without libyaml: about 30 times slower."""

        def __init__(self, stream: str) -> None:
            Reader.__init__(self, stream)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)


DOCUMENT_LIMIT = 10_000
NODE_LIMIT = 500_000  # nodes of one document, 250 MB; an API server takes 3 MB, which is about 200,000
EXPANSION_LIMIT = 100_000  # nodes that aliases may add in any case; beyond it, ten times what is written


class _Composer(_Events):
    """Counts the depth and keeps `implicit`, (plain, quoted), in place of the tag of an untagged node."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.nodes = 0

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:  # noqa: ARG002 - PyYAML's hook
        return implicit

    def descend_resolver(self, parent: Any, index: Any) -> None:  # noqa: ARG002 - PyYAML's hook
        self.depth += 1
        self.nodes += 1
        if self.depth > DEPTH_LIMIT or self.nodes > NODE_LIMIT:
            raise _too_much(self.depth, parent)

    def ascend_resolver(self) -> None:
        self.depth -= 1


def _too_much(depth: int, node: Any) -> Refused:
    what = f"nested more than {DEPTH_LIMIT} levels deep" if depth > DEPTH_LIMIT else f"more than {NODE_LIMIT} nodes"
    return Refused(what, node.start_mark.index if node is not None else 0, limit=True)


def compose(text: str) -> Iterator[Node]:
    """The root of every document of `text`. Raises Refused at the first that is broken, after all before it."""
    try:
        composer = _Composer(text)
        while composer.check_node():
            composer.nodes = 0
            root: Any = composer.get_node()
            yield root
    except yaml.YAMLError as error:
        raise _refused(error, text) from None
    except RecursionError:
        raise Refused(f"nested more than {DEPTH_LIMIT} levels deep", 0) from None


def compose_events(text: str) -> Iterator[Node]:
    """The same, slower, and with an anchor that is defined again: PyYAML's composers refuse what YAML allows."""
    try:
        events = _Events(text)
        builder = _EventComposer(events)
        while not events.check_event(yaml.StreamEndEvent):
            event = events.get_event()
            if isinstance(event, yaml.DocumentStartEvent):
                yield builder.document()
    except yaml.YAMLError as error:
        raise _refused(error, text) from None


class _EventComposer:
    """Composes nodes from events; a later anchor of one name replaces the earlier one from there on."""

    def __init__(self, events: Any) -> None:
        self.events = events
        self.anchors: dict[str, Any] = {}
        self.nodes = 0

    def document(self) -> Node:
        self.anchors, self.nodes = {}, 0
        root: Node = self.node(0)
        self.events.get_event()
        return root

    def node(self, depth: int) -> Any:
        event = self.events.get_event()
        at = event.start_mark.index
        self.nodes += 1
        if depth > DEPTH_LIMIT or self.nodes > NODE_LIMIT:
            raise _too_much(depth, event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise Refused("found undefined alias", at)
            return self.anchors[event.anchor]
        tag = event.implicit if event.tag in {None, "!"} else event.tag
        node = _NODE_OF[type(event)](tag, getattr(event, "value", None), event.start_mark, event.end_mark)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        if not isinstance(event, yaml.ScalarEvent):
            node.value = self.children(isinstance(event, yaml.MappingStartEvent), depth)
            node.end_mark = self.events.get_event().end_mark
        else:
            node.style = event.style
        return node

    def children(self, pairs: bool, depth: int) -> list[Any]:
        children: list[Any] = []
        while not self.events.check_event(yaml.SequenceEndEvent, yaml.MappingEndEvent):
            first = self.node(depth + 1)
            children.append((first, self.node(depth + 1)) if pairs else first)
        return children


_NODE_OF: dict[type, Any] = {
    yaml.ScalarEvent: yaml.ScalarNode,
    yaml.SequenceStartEvent: yaml.SequenceNode,
    yaml.MappingStartEvent: yaml.MappingNode,
}


def _refused(error: Exception, text: str) -> Refused:
    """PyYAML's complaint in one line, at the place it complains about."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        return Refused(reason or "not valid YAML", mark.index if mark else 0)
    at = next((i for i, c in enumerate(text) if not _printable(c)), 0)
    return Refused(f"control character U+{ord(text[at]):04X} is not allowed" if text else "not valid YAML", at)


def _printable(char: str) -> bool:
    code = ord(char)
    return char in "\t\n\r\x85" or 0x20 <= code <= 0x7E or (code >= 0xA0 and code not in {0xFFFE, 0xFFFF})


def check_aliases(root: Node) -> None:
    """Refuse anchors that contain themselves and documents that aliases blow up, in size or in depth."""
    written: dict[int, tuple[int, int]] = {}
    size, depth = _expanded(root, written)
    if depth > DEPTH_LIMIT:
        raise Refused(f"aliases nest more than {DEPTH_LIMIT} levels deep", root.start_mark.index)
    if size > max(EXPANSION_LIMIT, 10 * len(written)):
        raise Refused(f"aliases expand {len(written)} nodes to {size}", root.start_mark.index)


def _expanded(node: Node, done: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Nodes and levels below and including `node` once aliases are written out."""
    known = done.get(id(node))
    if known == _OPEN:
        raise Refused("an anchor contains itself", node.start_mark.index)
    if known is not None:
        return known
    done[id(node)] = _OPEN
    size, depth = 1, 0
    if node.id != "scalar":
        for child in _children(node):
            below, levels = _expanded(child, done)
            size, depth = size + below, max(depth, levels)
    done[id(node)] = (size, depth + 1)
    return done[id(node)]


_OPEN = (-1, -1)


def _children(node: Node) -> Iterator[Node]:
    for child in node.value:
        if isinstance(child, tuple):
            yield from child
        else:
            yield child
