"""Parse trees -> values: exact `dict`, `list`, `str`, `int`, `float`, `bool`, None, and nothing else.

Of a duplicate key the last one counts, as for the API server (go-yaml overwrites; JSON objects too), and the
repeat is recorded, because a reviewer reads the first.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from ci_guard.source.scalars import Schema, TagMismatchError, key_text
from ci_guard.source.tree import Node, Refused

MERGE = object()  # what a `<<` key reads as


_NON_SPECIFIC = re.compile(r"(?:&\S*\s+)?!\s")


class OverBudgetError(Exception):
    """A document has more members than it has characters. Never leaves this room."""


class Construction:
    """Builds the values of one document; `repeats` holds the key node of every duplicate key."""

    def __init__(self, schema: Schema, text: str = "", base: int = 0) -> None:
        """`text` only where it may hold the tag `!`, unseen by libyaml; `base` is the tree's place in it."""
        self.schema = schema
        self.text = text
        self.base = base
        self.budget = sys.maxsize  # members of maps and lists that may still be built
        self.repeats: list[Node] = []
        self._keys: dict[str, Any] = {"<<": MERGE}

    def value(self, node: Node) -> Any:
        """The value of a node. Raises Refused for a key or tag that no consumer could read."""
        kind = node.id
        if kind == "scalar":
            return self._scalar(node)
        self._spend(len(node.value))
        if kind == "sequence":
            return [self.value(child) for child in node.value]
        out = self._pairs(node)
        if self.schema.null_values or None not in out.values():
            return out
        return {key: value for key, value in out.items() if value is not None}

    def _scalar(self, node: Node) -> Any:
        tag, text = node.tag, node.value
        if tag.__class__ is tuple:
            plain = tag[0] and not (self.text and self._non_specific(node))
            return self.schema.plain(text) if plain else text
        try:
            return self.schema.tagged(tag, text)
        except TagMismatchError as error:
            raise Refused(str(error), node.start_mark.index) from None

    def _spend(self, members: int) -> None:
        self.budget -= members
        if self.budget < 0:
            raise OverBudgetError

    def _non_specific(self, node: Node) -> bool:
        """Whether a scalar has the tag `!`, which makes it text (`! 5` is "5")."""
        return bool(_NON_SPECIFIC.match(self.text, self.base + node.start_mark.index))

    def _pairs(self, node: Node) -> dict[str, Any]:
        """The map of a mapping node with its nulls: a null that overrides a merged value must be seen."""
        out: dict[str, Any] = {}
        inherited: set[str] = set()  # merged in and not (yet) written in this mapping
        late: list[Node] = []
        for key_node, value_node in node.value:
            key = self.key(key_node)
            if key is MERGE and not self.schema.merge_in_order:
                late.append(value_node)
            elif key is MERGE:
                inherited |= self._override(out, value_node, key_node)
            else:
                if key in inherited:
                    inherited.discard(key)
                elif key in out:
                    self.repeats.append(key_node)
                out[key] = self.value(value_node)
        for merge in late:
            out = {**self._merged(merge), **out}
        return out

    def _override(self, out: dict[str, Any], value_node: Node, key_node: Node) -> set[str]:
        """go-yaml v2 merges where the `<<` stands: keys written before it lose, which no reader expects."""
        merged = self._merged(value_node)
        if not out.keys().isdisjoint(merged):
            self.repeats.append(key_node)
        out.update(merged)
        return set(merged)

    def _merged(self, node: Node) -> dict[str, Any]:
        self._spend(len(node.value) if node.id != "scalar" else 0)
        if node.id == "mapping":
            return self._pairs(node)
        out: dict[str, Any] = {}
        if node.id == "sequence" and all(child.id == "mapping" for child in node.value):
            for child in reversed(node.value):  # earlier ones win
                out.update(self._merged(child))
            return out
        raise Refused("a merge key needs a mapping or a list of mappings", node.start_mark.index)

    def key(self, node: Node) -> Any:
        """The text of a key, or MERGE. Raises Refused for a key that is a collection."""
        if node.id != "scalar":
            raise Refused("a mapping or list cannot be a key (is this a template?)", node.start_mark.index)
        tag, text = node.tag, node.value
        if tag.__class__ is not tuple:
            return MERGE if tag == "tag:yaml.org,2002:merge" and text == "<<" else key_text(self._scalar(node))
        if not tag[0] or (self.text and self._non_specific(node)):
            return text
        if text not in self._keys:
            self._keys[text] = self.schema.key(text)
        return self._keys[text]
