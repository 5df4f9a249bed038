"""The order of keys: what may lead, what follows the alphabet, and any value at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.kubernetes.ordering import keys_out_of_order

FIRST = ("apiVersion", "kind", "metadata", "name")


@pytest.mark.parametrize(
    ("value", "late"),
    [
        ({"apiVersion": 1, "kind": 2, "metadata": 3, "data": 4}, []),
        ({"apiVersion": 1, "data": 4, "kind": 2, "metadata": 3}, []),
        ({"labels": 1, "name": 2, "namespace": 3}, []),
        ({"name": 2, "labels": 1, "namespace": 3}, []),
        ({"labels": 1, "namespace": 3, "name": 2}, [(("name",), "namespace")]),
        ({"name": 1, "namespace": 2, "labels": 3}, [(("labels",), "namespace")]),
        ({"kind": 1, "apiVersion": 2}, [(("apiVersion",), "kind")]),
        ({"b": [{"d": 1, "c": 2}], "a": 3}, [(("a",), "b"), (("b", 0, "c"), "d")]),
    ],
)
def test_which_key_comes_too_late(value: Any, late: list[Any]) -> None:
    assert list(keys_out_of_order(value, FIRST)) == late


def in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(member) for member in value] if isinstance(value, list) else value


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIRST, "a", "z"]), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(VALUES)
def test_what_is_sorted_is_in_order_and_what_is_named_exists(value: Any) -> None:
    assert list(keys_out_of_order(in_order(value), FIRST)) == []
    for path, before in keys_out_of_order(value, FIRST):
        node = value
        for part in path[:-1]:
            node = node[part]
        assert path[-1] in node and before in node


def test_what_an_alias_repeats_is_looked_at_once() -> None:
    shared: dict[str, Any] = {"b": 1, "a": 2}
    for _ in range(60):
        shared = {"x": shared, "y": shared}
    assert len(list(keys_out_of_order(shared, ()))) == 1
