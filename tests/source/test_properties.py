"""Any bytes give documents or Unreadable values, and every place lies inside the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.model.location import Edit, Location, NodePath, Region
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.edit import apply
from ci_guard.source.reader import DIALECTS, read
from ci_guard.source.text import SourceText

# Pieces that mean something to some reader: random bytes alone hardly ever get past the first character.
PIECES = [
    *["a", "y", "-", ":", ",", "{", "}", "[", "]", "?", ">", "|", "#", "'", '"', "!", "&", "*", "%"],
    *(
        "b: ",
        "- ",
        "? ",
        "\n",
        "  ",
        "\n  ",
        "\r",
        "\r\n",
        "\t",
        "---\n",
        "...\n",
        "--- ",
        "&x ",
        "*x",
        "<<: ",
        "<<: *x\n",
    ),
    *("!!int ", "! ", "!t ", "!!binary ", "|\n", ">-\n", "#c", "null", "0x1", "1.5", ".inf", "12:30", "name: x\n"),
    *("%YAML 1.1\n", "\\u0000", "\\ud800", "\u2028", "\x85", "\ufeff", "\U0001f600", "\0", "\x01", "é", "1e400"),
    *('"a": ', "true", "[[t]]\n", "[t.u]\n", "a = 1\n", "a.b = ", '"""', "'''", "= ", "\\", '\\"', "9" * 30),
]
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
inputs = st.one_of(
    st.binary(max_size=60),
    texts.map(str.encode),
    texts.map(lambda text: text.encode("utf-16")),
    st.tuples(texts.map(str.encode), st.binary(max_size=3)).map(b"".join),
)


def check_inside(text: SourceText, location: Location) -> None:
    region = location.region
    assert region is not None
    start = text.offset(region.start_line, region.start_column)
    end = text.offset(region.end_line, region.end_column)
    assert 0 <= start <= end <= len(text.text)
    assert location.snippet == text.line(region.start_line)[:4000]


def paths(value: Any, path: NodePath = ()) -> Iterator[NodePath]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def check(item: Document | Unreadable, data: bytes) -> list[Location]:
    text = SourceText("f", data)
    if isinstance(item, Unreadable):
        check_inside(text, item.location)
        assert item.reason
        return []
    found = []
    for path in paths(item.value):
        assert item.exists(path)
        assert item.locate((*path, "no such key")) == item.locate(path)
        found += [item.locate(path), item.locate(path, key=True)]
        assert item.field_path(path) or not path
    found += [place for _, place in item.duplicates]
    for location in [*found, Location("f", item.region, text.line(item.region.start_line)[:4000])]:
        check_inside(text, location)
    for comment in item.comments():
        assert comment.text.startswith("#")
        assert text.line(comment.line)[comment.column - 1 :].startswith(comment.text)
    for string in strings(item.value):
        string.encode()
        assert "\0" not in string
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=400, deadline=None)
@given(data=inputs)
def test_any_bytes(dialect: str, data: bytes) -> None:
    streamed = [check(item, data) for item in read("f", data, dialect)]
    # The trees are gone by now: the same places must come from parsing each stretch again.
    assert [check(item, data) for item in list(read("f", data, dialect))] == streamed


@settings(max_examples=300, deadline=None)
@given(data=inputs)
def test_text_knows_its_places(data: bytes) -> None:
    text = SourceText("f", data)
    for offset in range(len(text.text) + 1):
        line, column = text.position(offset)
        in_line_end = text.text[offset - 1 : offset + 1] == "\r\n"
        assert in_line_end or text.offset(line, column) == offset
    lines = [text.line(number) for number in range(1, text.line_count + 1)]
    assert "".join(lines) == text.text.replace("\r", "").replace("\n", "")


@settings(max_examples=300, deadline=None)
@given(data=inputs, cuts=st.lists(st.integers(0, 60), max_size=6), replacement=texts)
def test_edits_touch_only_their_region(data: bytes, cuts: list[int], replacement: str) -> None:
    text = SourceText("f", data)
    if text.problem is not None or "\0" in replacement:
        return
    body = text.text
    cuts = sorted({min(cut, len(body)) for cut in cuts if body[max(cut - 1, 0) : cut + 1] != "\r\n"})
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    regions = [Region(*text.position(start), *text.position(end)) for start, end in spans]
    assert (
        apply(
            data,
            [
                Edit("f", region, body[s:e])
                for region, (s, e) in zip(regions, spans, strict=True)
                if "\r" not in body and "\n" not in body[s:e]
            ],
        )
        == data
    )
    replacement = replacement.replace("\r", "").replace("\n", "")
    changed, at = "", 0
    for start, end in spans:
        changed, at = changed + body[at:start] + replacement, end
    changed += body[at:]
    result = apply(data, [Edit("f", region, replacement) for region in reversed(regions)])
    assert result == text.bom + changed.encode(text.encoding)
