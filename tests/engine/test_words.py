"""Tokens, paths and messages: the small languages inside a rule file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.engine import messages, paths, tokens
from ci_guard.engine.expression import Expression
from ci_guard.engine.kinds import VARIABLES


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("item in params.allowed", 'item in ["a", "b"]'),
        ("'params.allowed' == item", "'params.allowed' == item"),
        ("item.params.allowed", "item.params.allowed"),
        ("item.?params.allowed", "item.?params.allowed"),
        ("params.allowed + params.allowed", '["a", "b"] + ["a", "b"]'),
        ("// params.allowed\nparams.allowed", '// params.allowed\n["a", "b"]'),
        ('"\\"params.allowed" + params.allowed', '"\\"params.allowed" + ["a", "b"]'),
    ],
)
def test_parameters_are_folded_into_the_text_only_where_they_are_meant(text: str, wanted: str) -> None:
    assert tokens.fold(text, {"allowed": ["a", "b"]}) == wanted


def test_a_parameter_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        tokens.fold("params.other", {})


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc '\"\\"), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_a_folded_value_means_itself(value: object) -> None:
    assert Expression(tokens.literal(value)).evaluate({}) == value


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("pod.spec.?os.?name.orValue('') != 'volume'", {"pod"}),
        ("container.volume == item", {"container", "item"}),
        ("image(container)", {"container"}),
        ("[pod].all(volume, true)", {"pod", "volume"}),
        ("true || false", set()),
    ],
)
def test_what_is_read(text: str, names: set[str]) -> None:
    assert tokens.reads(text, VARIABLES) == names


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pod.spec.?os.?name.orValue('') != ''", [("pod", "spec", "os", "name")]),
        ("pod.metadata.?annotations[?'a.b/c'].orValue('')", [("pod", "metadata", "annotations", "a.b/c")]),
        ("item.?a.orValue({}).?b.orValue(1) > 0", [("item", "a", "b")]),
        ("item.name.startsWith('x')", [("item", "name")]),
        ("item[0].name == ''", [("item",)]),
        ("has(pod.spec)", [("pod", "spec")]),
    ],
)
def test_what_is_read_as_paths(text: str, wanted: list[tuple[str, ...]]) -> None:
    assert tokens.chains(text, VARIABLES) == wanted


@pytest.mark.parametrize("text", ["[1, 2]", "['a']", "[item, 'a']", "x.reversed()", "['reverse()']", "a.sets.b", "[]"])
def test_what_is_not_refused(text: str) -> None:
    assert tokens.refused(text) == ""


@given(st.text(max_size=60))
def test_any_text_has_tokens(text: str) -> None:
    found = tokens.tokenize(text)
    assert all(text[t.start : t.start + len(t.text)] == t.text for t in found)
    tokens.refused(text)
    tokens.chains(text, VARIABLES)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("a.b", ("a", "b")),
        ("a[0].b", ("a", 0, "b")),
        ("metadata.annotations['a.b/c']", ("metadata", "annotations", "a.b/c")),
        ("flags.authorization-mode", ("flags", "authorization-mode")),
    ],
)
def test_paths(text: str, parts: tuple[str | int, ...]) -> None:
    assert paths.parse(text) == parts


@pytest.mark.parametrize("text", [".a", "a..b", "a[", "a b", "a[*].b", "a['b"])
def test_no_paths(text: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        paths.parse(text)


def test_values_at_paths() -> None:
    value = {"a": [{"b": 1}], "c": "text"}
    assert paths.value_at(value, ("a", 0, "b")) == 1
    for path in (("a", 1), ("a", "b"), ("c", 0), ("c", "d"), ("x",), ("a", 0, "b", "c")):
        assert paths.value_at(value, path) is paths.MISSING


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4), max_size=3))
def test_optional_selection_finds_what_is_there(path: list[str]) -> None:
    value: object = "found"
    for part in reversed(path):
        value = {part: value}
    text = paths.optional_selection("item", tuple(path))
    got = Expression(text + (".orValue('')" if path else "")).evaluate({"item": value})
    assert got == "found"


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ((), ()),
        (("spec", "template"), ()),
        (("items", 3, "spec"), ("items", 3)),
        (("items", 0, "items", 1, "spec", "items", 2), ("items", 0, "items", 1)),
        (("items", "x"), ()),
    ],
)
def test_resource_roots(path: tuple[str | int, ...], root: tuple[str | int, ...]) -> None:
    assert paths.resource_root(path) == root


def test_messages() -> None:
    values = {"container": {"name": "api"}, "item": {"n": [1, "a"]}, "flag": True, "none": None}
    text = 'container "{container.name}": {item.n}, {flag}, {none}, {missing.field}'
    assert messages.render(text, values) == 'container "api": [1, "a"], true, ?, ?'


@given(st.text(max_size=200) | st.recursive(st.none() | st.text(), st.lists, max_leaves=5))
def test_a_value_is_shown_on_one_short_line(value: object) -> None:
    shown = messages.shown(value)
    assert shown.isprintable() or shown == ""
    assert len(shown) <= messages.LONGEST_VALUE * 8  # every character may need an escape


def test_long_values_are_cut() -> None:
    assert messages.shown("x" * 500) == "x" * (messages.LONGEST_VALUE - 1) + "…"
    assert json.loads(messages.shown([1, 2])) == [1, 2]


def _roots_of(text: str) -> list[str]:
    """Names that are neither members nor functions, token by token: slow, and plainly right."""
    found = tokens.tokenize(text)
    before = ["", *(t.text for t in found)]
    after = [*(t.text for t in found[1:]), ""]
    return [
        t.text
        for t, b, a in zip(found, before, after, strict=False)
        if t.kind == "name" and b not in {".", ".?"} and a != "("
    ]


PIECES = st.sampled_from(
    [
        "pod",
        "item",
        "params",
        "x",
        " ",
        "\n",
        ".",
        ".?",
        "(",
        ")",
        "'",
        '"',
        "'''",
        "\\",
        "r",
        "// pod\n",
        "1.5e3",
        "[?",
        "?",
        "in",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_an_expression_reads_is_what_its_tokens_say(text: str) -> None:
    known = {"pod", "item", "x", "params"}
    assert tokens.reads(text, known) == known.intersection(_roots_of(text))
