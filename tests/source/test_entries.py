"""Edits of entries: what they make of a text, and that nothing else is changed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.engine.paths import parse
from ci_guard.source.document import Document
from ci_guard.source.edit import apply
from ci_guard.source.entries import Entries
from ci_guard.source.reader import read
from tests.source.styles import STYLES, commented, rendered

CASES = yaml.safe_load((Path(__file__).parent / "entries" / "cases.yaml").read_text(encoding="utf-8"))


def document(data: bytes, dialect: str) -> Document:
    found = next(iter(read("f", data, dialect)))
    assert isinstance(found, Document)
    return found


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_cases(case: dict[str, Any]) -> None:
    data = case["before"].encode()
    edits = Entries(document(data, "json" if case.get("json") else "kubernetes")).edits(
        {parse(path): value for path, value in case.get("set", {}).items()},
        {parse(path): name for path, name in case.get("rename", {}).items()},
        [parse(path) for path in case.get("remove", ())],
    )
    assert bool(edits) is ("after" in case)
    if edits:
        assert apply(data, edits).decode() == case["after"]


KEYS = st.sampled_from(["a", "b", "spec", "é", "x-y", "on", "1", "<<", "a b"])
SCALARS = st.one_of(st.booleans(), st.integers(-9, 99), st.sampled_from(["x", "é😀", "a: b", "# no", "", "y", "{"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=9,
)
MAPS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path to a member of a map."""
    found = []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in members:
        found += [(*path, key)] if isinstance(value, dict) else []
        found += paths(child, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], kind: str, new: Any) -> Any:
    out = copy.deepcopy(value)
    owner = out
    for part in path[:-1]:
        owner = owner.setdefault(part, {}) if isinstance(owner, dict) else owner[part]
    if kind == "remove":
        del owner[path[-1]]
    elif kind == "rename":
        owner["renamed"] = owner.pop(path[-1])
    else:
        owner[path[-1]] = new
    return out


@settings(max_examples=300, deadline=None)
@given(MAPS, st.sampled_from(STYLES), st.sampled_from(["set", "insert", "remove", "rename"]), st.data())
def test_exactly_the_change_that_is_asked_for(value: Any, style: str, kind: str, data: st.DataObject) -> None:
    text = rendered(value, style)
    if style in {"block", "wide"} and data.draw(st.booleans()):
        text = commented(text, data.draw(st.integers(1, 3)))
    if data.draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    raw = text.encode()
    dialect = "json" if "json" in style or style == "tight" else "kubernetes"
    before = document(raw, dialect)
    path = data.draw(st.sampled_from(paths(before.value)))
    if kind == "insert":
        path = (*path[:-1], "new", "er")
    new = data.draw(st.one_of(st.booleans(), st.integers(0, 9), st.text(min_size=1, max_size=4)))
    edits = Entries(before).edits(
        {path: new} if kind in {"set", "insert"} else {},
        {path: "renamed"} if kind == "rename" else {},
        [path] if kind == "remove" else [],
    )
    if edits:
        assert document(apply(raw, edits), dialect).value == changed(before.value, path, kind, new)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-?&*!|>{}[],#'\" \n\r\té"), max_size=40), st.sampled_from(["a", "b"]))
def test_any_text(text: str, key: str) -> None:
    found = next(iter(read("f", text.encode(), "kubernetes")), None)
    if not isinstance(found, Document) or not isinstance(found.value, dict):
        return
    for values, removed in (({(key, "new"): 1}, []), ({(key,): 1}, []), ({}, [(key,)])):
        edits = Entries(found).edits(values, {}, removed)
        if edits:
            after = document(apply(text.encode(), edits), "kubernetes").value
            wanted = dict(found.value)
            for path, new in values.items():
                wanted[key] = new if len(path) == 1 else {**(found.value.get(key) or {}), "new": new}
            for _ in removed:
                wanted.pop(key, None)
            assert after == wanted
