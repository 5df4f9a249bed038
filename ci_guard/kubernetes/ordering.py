"""Whether the keys of a document's maps stand in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from ci_guard.model.location import NodePath


def keys_out_of_order(value: Any, first: Sequence[str], path: NodePath = ()) -> Iterator[tuple[NodePath, str]]:
    """Of each map that is not sorted, the first key that comes too late, and the key that it belongs before.

    Keys in `first` may lead, in that order; all others follow alphabetically. What an alias repeats is looked at
    once.
    """
    ranks = {key: rank for rank, key in enumerate(first)}
    seen: set[int] = set()
    todo: list[tuple[NodePath, Any]] = [(path, value)]
    while todo:
        here, node = todo.pop()
        if not isinstance(node, dict | list) or id(node) in seen:
            continue
        seen.add(id(node))
        members = list(node.items() if isinstance(node, dict) else enumerate(node))
        if isinstance(node, dict):
            yield from _late([str(key) for key, _ in members], ranks, here)
        todo += [((*here, key), member) for key, member in reversed(members)]


def _late(keys: Sequence[str], ranks: dict[str, int], path: NodePath) -> Iterator[tuple[NodePath, str]]:
    lead = ranks if keys and keys[0] in ranks else {}
    orders = [(lead.get(key, len(ranks)), key) for key in keys]
    late = next((b for a, b in pairwise(orders) if b < a), None)
    if late and list(keys) != sorted(keys):
        yield (*path, late[1]), min(order for order in orders if order > late)[1]
