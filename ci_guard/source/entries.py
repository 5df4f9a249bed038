"""Entries of maps as edits: values set, entries renamed and taken out, and every other byte kept.

An edit is offered only where the text leaves no doubt: documents with aliases, merge keys, repeated keys, templates or
line ends of YAML's own are left alone, and so are tagged and anchored nodes and layouts that are not understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from ci_guard.model.location import Edit, NodePath
from ci_guard.source.document import Document, Step
from ci_guard.source.layout import Layout
from ci_guard.source.tree import Node

Scalar = str | int | bool

_TEMPLATE: Final = "{{"
_OWN_BREAKS: Final = "\x85\u2028\u2029"
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9./_-]*\Z")
_OTHER_MEANING: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_DIALECTS: Final = frozenset({"kubernetes", "yaml-1.2", "json"})


class Doubt(Exception):  # noqa: N818 - not an error of ours: there is no edit
    """The text leaves room for doubt. Never leaves this module."""


class Entries:
    """Turns changes of one document into edits."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._layout = Layout(document)
        self._sound: bool | None = None

    def edits(
        self,
        values: Mapping[NodePath, Scalar],
        renamed: Mapping[NodePath, str] | None = None,
        removed: Sequence[NodePath] = (),
    ) -> tuple[Edit, ...]:
        """Edits that make all these changes and nothing else; none where nothing is to be done, or where in doubt.

        `values` are set, in maps that are made where they are missing; `renamed` gives an entry another key; of
        `removed` what is not there is passed over.
        """
        if self._sound is None:
            self._sound = _is_sound(self._document)
        if not self._sound:
            return ()
        try:
            spans = [*self._set(values), *self._renamed(renamed or {}), *self._removed(removed)]
        except Doubt:
            return ()
        spans.sort()
        if any(later[0] <= earlier[0] or later[0] < earlier[1] for earlier, later in pairwise(spans)):
            return ()
        text = self._document.text
        return tuple(Edit(text.path, text.region(start, end), new) for start, end, new in spans)

    def _steps(self, path: NodePath) -> list[Step]:
        """The steps to a path, as far as it exists. Raises Doubt where a node on the way has a tag or an anchor."""
        steps = self._document.steps(path)
        for step in steps:
            if self._layout.first(step.node) in {"&", "!"} or (step.key and self._layout.first(step.key) in {"&", "!"}):
                raise Doubt
            if step.node.id == "mapping" and any(self._document.grammar.key(key) == "<<" for key, _ in step.node.value):
                raise Doubt
        return steps

    def _set(self, values: Mapping[NodePath, Scalar]) -> Iterator[tuple[int, int, str]]:
        missing: dict[NodePath, dict[str, Any]] = {}
        for path, value in values.items():
            steps = self._steps(path)
            there = len(steps) - 1
            if there == len(path):
                yield from self._replaced(steps[-1], value)
            else:
                _put(missing.setdefault(path[:there], {}), path[there:], value)
        for path, members in missing.items():
            yield self._inserted(self._steps(path), members)

    def _replaced(self, step: Step, value: Scalar) -> Iterator[tuple[int, int, str]]:
        start, end = self._layout.span(step.node)
        old = self._document.text.text[start:end]
        if step.key is None or step.node.id != "scalar" or not old or old[0] in "|>" or "\n" in old or "\r" in old:
            raise Doubt
        new = written(value, quoted='"' in {old[0], self._layout.first(step.key)})
        if new != old:
            yield start, end, new

    def _inserted(self, steps: Sequence[Step], members: Mapping[str, Any]) -> tuple[int, int, str]:
        owner = steps[-1]
        if owner.node.id != "mapping":
            raise Doubt
        if self._layout.first(owner.node) == "{":
            return self._into_braces(owner, members)
        return self._into_block(steps, members)

    def _into_block(self, steps: Sequence[Step], members: Mapping[str, Any]) -> tuple[int, int, str]:
        """On lines of their own."""
        layout, owner = self._layout, steps[-1]
        indent, at = layout.indent(owner.node), layout.place_for(owner, next(iter(members)))
        if indent is None or at is None:
            raise Doubt
        lines = _block(members, indent, layout.step(steps))
        return at, at, "".join(f"\n{line}" for line in lines)

    def _into_braces(self, owner: Step, members: Mapping[str, Any]) -> tuple[int, int, str]:
        layout, pairs = self._layout, owner.node.value
        quoted = layout.first(pairs[0][0] if pairs else owner.key) == '"'
        if not pairs:
            start, end = layout.empty_braces(owner.node) or (-1, -1)
            if start < 0:
                raise Doubt
            return start, end, ", ".join(_flow(members, quoted=quoted))
        gap = layout.gap_for(owner.node, next(iter(members)))
        if gap is None:
            raise Doubt
        tight = layout.between(*pairs[0]) == ":"
        if gap.indent is None:
            comma, made = "," if tight else ", ", _flow(members, quoted=quoted, tight=tight)
        else:
            step = layout.step_of_braces(owner.node, gap.indent)
            comma, made = f",\n{gap.indent}", _braced(members, gap.indent, step, quoted=quoted)
        new = comma.join(made)
        return gap.at, gap.at, f"{comma}{new}" if gap.last else f"{new}{comma}"

    def _renamed(self, renamed: Mapping[NodePath, str]) -> Iterator[tuple[int, int, str]]:
        for path, name in renamed.items():
            steps = self._steps(path)
            if len(steps) - 1 != len(path):
                continue
            key = steps[-1].key
            if key is None or self._document.exists((*path[:-1], name)):
                raise Doubt
            start, end = self._layout.span(key)
            old = self._document.text.text[start:end]
            yield start, end, written(name, quoted=old.startswith('"'))

    def _removed(self, removed: Sequence[NodePath]) -> Iterator[tuple[int, int, str]]:
        for path in removed:
            steps = self._steps(path)
            if len(steps) - 1 != len(path):
                continue
            key = steps[-1].key
            if key is None:
                raise Doubt
            owner = steps[-2].node
            span = self._layout.entry(owner, key, steps[-1].node)
            if span is None:
                raise Doubt
            if len(owner.value) == 1 and self._layout.first(owner) != "{":
                yield *self._layout.content(key, steps[-1].node), "{}"
            else:
                yield *span, ""


def _is_sound(document: Document) -> bool:
    text = document.text.text[document.start : document.end]
    if document.dialect not in _DIALECTS or document.duplicates or document.origin or document.text.problem:
        return False
    if any(char in text for char in _OWN_BREAKS) or (document.dialect != "yaml-1.2" and _TEMPLATE in text):
        return False
    return not _has_aliases(document.steps(())[0].node)


def _has_aliases(root: Node) -> bool:
    """Whether some node stands in more than one place."""
    pending, seen = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            return True
        seen.add(id(node))
        if node.id == "mapping":
            pending += (part for pair in node.value for part in pair)
        elif node.id == "sequence":
            pending += node.value
    return False


def _put(tree: dict[str, Any], path: NodePath, value: Scalar) -> None:
    for part in path[:-1]:
        below = tree.setdefault(part, {}) if isinstance(part, str) else None
        if not isinstance(below, dict):
            raise Doubt
        tree = below
    if not isinstance(path[-1], str):
        raise Doubt
    tree[path[-1]] = value


def written(value: Scalar, *, quoted: bool) -> str:
    """A scalar as YAML and JSON read it; text in double quotes where `quoted`, or where it must be.

    Raises Doubt for text with unprintable characters, which the two write differently.
    """
    if isinstance(value, str) and not value.isprintable():
        raise Doubt
    plain = isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _OTHER_MEANING
    return str(value) if plain and not quoted else json.dumps(value, ensure_ascii=False)


def _block(members: Mapping[str, Any], indent: str, step: str) -> Iterator[str]:
    for name, value in members.items():
        key = f"{indent}{written(name, quoted=False)}:"
        if isinstance(value, dict):
            yield key
            yield from _block(value, indent + step, step)
        else:
            yield f"{key} {written(value, quoted=False)}"


def _flow(members: Mapping[str, Any], *, quoted: bool, tight: bool = False) -> Iterator[str]:
    colon, comma = (":", ",") if tight else (": ", ", ")
    for name, value in members.items():
        if isinstance(value, dict):
            inner = "{" + comma.join(_flow(value, quoted=quoted, tight=tight)) + "}"
        else:
            inner = written(value, quoted=quoted)
        yield f"{written(name, quoted=quoted)}{colon}{inner}"


def _braced(members: Mapping[str, Any], indent: str, step: str, *, quoted: bool) -> Iterator[str]:
    """Members that stand on lines of their own within braces, the first without its indentation."""
    for name, value in members.items():
        key = f"{written(name, quoted=quoted)}: "
        if isinstance(value, dict):
            deeper = indent + step
            inner = f",\n{deeper}".join(_braced(value, deeper, step, quoted=quoted))
            yield f"{key}{{\n{deeper}{inner}\n{indent}}}"
        else:
            yield f"{key}{written(value, quoted=quoted)}"
