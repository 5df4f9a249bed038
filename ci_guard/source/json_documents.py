r"""JSON files: values by the standard library, positions by a scanner of our own that runs when one is asked for.

libyaml refuses some valid JSON (tabs, `\/`, surrogate pairs), so JSON never goes through it. Several values after
one another are several documents, as kubectl reads them. Python's leniences (NaN, Infinity) are refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from ci_guard.source.document import Document, Grammar, Unreadable
from ci_guard.source.scalars import bounded
from ci_guard.source.spans import MappingSpan, Offset, ScalarSpan, SequenceSpan, SpanNode
from ci_guard.source.text import SourceText
from ci_guard.source.tree import DEPTH_LIMIT, Node, Refused, levels

DOCUMENT_LIMIT = 10_000
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN = re.compile(rf'[\[\]{{}},:]|{_STRING}|[^\s\[\]{{}},:"]+', re.DOTALL)
_STRINGS = re.compile(_STRING, re.DOTALL)
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_LONGEST_INTEGER = 40  # digits


class JsonGrammar(Grammar):
    """JSON keys are the decoded text of the key nodes; there are no comments."""

    def end(self, text: SourceText, span: tuple[int, int]) -> int:  # noqa: ARG002
        """The end of the value."""
        return span[1]

    def parse(self, text: str) -> Node:
        """The tree of one value that the standard library has accepted."""
        return scan(text)


GRAMMAR = JsonGrammar()


def read_json(
    text: SourceText,
    *,
    dialect: str = "json",
    null_values: bool = True,
    on_repeat: Callable[[Document], None] = Document.record_all_repeats,
) -> Iterator[Document | Unreadable]:
    """The values of a JSON text; the first error ends it. Never raises for what the text holds.

    `on_repeat` gets a document in which some object has a key twice.
    """
    at, count = _skip(text.text, 0), 0
    while at < len(text.text):
        try:
            if count == DOCUMENT_LIMIT:
                raise Refused(f"more than {DOCUMENT_LIMIT} documents", at)
            value, end, repeated = _decode(text.text, at, null_values)
        except Refused as refused:
            yield Unreadable.at(text, refused.reason, refused.offset)
            return
        document = Document(text.path, count, value, text, dialect, GRAMMAR, at, (at, end))
        if repeated:
            on_repeat(document)
        yield document
        document.release()
        at, count = _skip(text.text, end), count + 1


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _decode(text: str, at: int, null_values: bool) -> tuple[Any, int, bool]:
    """The value at an offset, where it ends, and whether an object in it has a key twice."""
    repeated = False

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        out = dict(members)
        repeated = repeated or len(out) != len(members)
        return out if null_values or None not in out.values() else {k: v for k, v in out.items() if v is not None}

    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_int=_integer, parse_float=_float, parse_constant=_refuse)
    try:
        value, end = decoder.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise Refused(f"not valid JSON: {error.msg}", error.pos) from None
    except RecursionError:
        raise Refused(f"nested more than {DEPTH_LIMIT} levels deep", at) from None
    except ValueError as error:
        raise Refused(f"not valid JSON: {error}", at) from None
    if levels(value) > DEPTH_LIMIT:
        raise Refused(f"nested more than {DEPTH_LIMIT} levels deep", at)
    if _SUSPECT.search(text, at, end):
        _refuse_suspect(text, at, end)
    return value, end, repeated


def _integer(digits: str) -> int | float:
    return bounded(int(digits)) if len(digits) <= _LONGEST_INTEGER else _float(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _refuse_suspect(text: str, at: int, end: int) -> None:
    """Refuse NUL (it ends strings in the expression engine) and lone surrogates (they cannot be written out)."""
    for token in _STRINGS.finditer(text, at, end):
        if not _SUSPECT.search(token[0]):
            continue
        content = json.loads(token[0])
        if "\0" in content:
            raise Refused("contains a NUL character", token.start())
        if any("\ud800" <= char <= "\udfff" for char in content):
            raise Refused("contains an unpaired surrogate", token.start())


def scan(text: str) -> SpanNode:
    """The tree of the JSON value in `text`, which must be valid; a stack of open containers, no recursion."""
    root: SpanNode | None = None
    stack: list[SpanNode] = []
    keys: list[SpanNode | None] = []
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in ",:":
            continue
        if first in "]}":
            stack.pop().end_mark.index = token.end()
            keys.pop()
            continue
        node = _NODES.get(first, ScalarSpan)([], Offset(token.start()), Offset(token.end()))
        if isinstance(node, ScalarSpan):
            node.value = token[0]
        root = root or node
        if stack:
            _attach(stack[-1], keys, node)
        if not isinstance(node, ScalarSpan):
            stack.append(node)
            keys.append(None)
    if root is None:
        raise Refused("no JSON value", 0)
    return root


_NODES: dict[str, type[SpanNode]] = {"{": MappingSpan, "[": SequenceSpan}


def _attach(parent: SpanNode, keys: list[SpanNode | None], node: SpanNode) -> None:
    """Add a node to its container; in an object every other node is a key."""
    if isinstance(parent, SequenceSpan):
        parent.value.append(node)
    elif keys[-1] is None:
        node.value = node.value[1:-1] if "\\" not in node.value else json.loads(node.value)
        keys[-1] = node
    else:
        parent.value.append((keys[-1], node))
        keys[-1] = None
