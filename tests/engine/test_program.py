"""One program for many judgements: none of them may see the variables of another."""

from __future__ import annotations

import pytest

from ci_guard.engine.expression import Expression
from ci_guard.engine.program import row_code
from ci_guard.engine.rule import Rule

WALKS = [
    "['a', 'b'].exists(k, k == 'a')",
    "!['b', 'a', 'c'].all(k, k == 'b')",
    "['a', 'b', 'c'].exists_one(k, k == 'b')",
    "object.list.exists(k, k == 'one')",
    "object.list.map(k, k).size() == 2",
]


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("items", ["value", "list[*]", "list"])
def test_a_list_walk_that_stops_early_does_not_change_what_item_is(walk: str, items: str) -> None:
    """With `optMap`, cel-cpp takes the element at which the walk stopped for the item."""
    wanted = {"value": "item == 'VALUE'", "list[*]": "item in ['one', 'two']", "list": "item.size() == 2"}
    before = Rule("before", "input", {"each": "resource", "require": walk, "message": "m"})
    source = {"each": "resource", "items": items, "require": wanted[items], "message": "m"}
    after = Rule("after", "input", source)
    hoisted = Rule("hoisted", "input", {**source, "when": walk})
    clauses = [clause for rule in (before, after, hoisted, before, after) for clause in rule.clauses(0)]
    row = Expression(row_code(clauses)).evaluate({"object": {"value": "VALUE", "list": ["one", "two"]}})
    good = [[1, 1]] if items == "list[*]" else [[1]]
    assert row == [1, good, good, 1, good]


def test_an_item_that_is_absent_is_not_judged() -> None:
    source = {"each": "resource", "items": ["a.b", "value"], "require": "item == 'VALUE'", "message": "m"}
    rule = Rule("r", "input", source)
    row = Expression(row_code(rule.clauses(0))).evaluate({"object": {"value": "VALUE"}})
    assert row == [[[], [1]]]
