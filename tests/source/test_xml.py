"""XML: elements with positions, nothing from outside, bounded."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.source.text import SourceText
from ci_guard.source.tree import Refused
from ci_guard.source.xml_documents import DEPTH_LIMIT, Element, decoded, read_xml


def read(text: str) -> Element:
    return read_xml(SourceText("pom.xml", text.encode()))


def test_positions_are_code_points() -> None:
    text = "<a>\n  <é x='1'>\n   né\U0001f600 w  </é><b/><c><![CDATA[ d ]]></c><d>x&amp;y</d></a>"
    root = read(text)
    first, empty, data, entity = root.children
    assert (first.name, first.text, text[first.start : first.end]) == ("é", "né\U0001f600 w", "né\U0001f600 w")
    assert text[empty.start : empty.end] == "b"
    assert data.text == "d"
    assert (entity.text, text[entity.start : entity.end]) == ("x&y", "x&amp;y")
    assert root.value("d") == "x&y"
    assert [e.name for e in root.all("c")] == ["c"]


def test_prefixes_go() -> None:
    root = read('<m:project xmlns:m="urn:x" m:k="v"><m:name>n</m:name></m:project>')
    assert (root.name, root.attributes["k"], root.value("name")) == ("project", "v", "n")


def test_latin_1_is_understood() -> None:
    data = '<?xml version="1.0" encoding="ISO-8859-1"?><a>Müller</a>'.encode("latin-1")
    assert read_xml(decoded("pom.xml", data)).text == "Müller"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 2, "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 1, "document type"),
        ("<a>\n&undefined;</a>", 2, "undefined entity"),
        ("<a>\n<b></a>", 2, "mismatched tag"),
        ("", 1, "no element"),
        ("<a/>\n<b/>", 2, "junk"),
        ("<a>" * (DEPTH_LIMIT + 1), 1, "levels deep"),
    ],
)
def test_refused_with_the_line(text: str, line: int, reason: str) -> None:
    source = SourceText("pom.xml", text.encode())
    with pytest.raises(Refused) as refused:
        read_xml(source)
    assert reason in refused.value.reason
    assert source.position(refused.value.offset)[0] == line


TREES = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=5).filter(lambda t: t < "\ufffe"),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


def written(tree: object) -> ET.Element:
    element = ET.Element("x")
    if isinstance(tree, str):
        element.text = tree
    else:
        element.extend(written(part) for part in tree)  # type: ignore[attr-defined]
    return element


@settings(max_examples=150)
@given(TREES)
def test_what_is_written_is_read(tree: object) -> None:
    def same(one: Element, other: ET.Element) -> bool:
        texts = one.text == (other.text or "").strip()
        return texts and len(one.children) == len(other) and all(map(same, one.children, other))

    element = written(tree)
    text = ET.tostring(element, encoding="unicode")
    source = SourceText("x.xml", text.encode("utf-8", "replace"))
    assert same(read_xml(source), element)


@settings(max_examples=200)
@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(["<a>", "</a>", "<b/>", "&lt;", "é", "<!--", "-->", "<![CDATA[", "]]>", "<?x?>"]), max_size=12
    ).map("".join)
)
def test_any_text(text: str) -> None:
    source = SourceText("x.xml", text.encode("utf-8", "replace"))
    try:
        root = read_xml(source)
    except Refused as refused:
        assert 0 <= refused.offset <= len(source.text)
        return
    pending = [root]
    while pending:
        element = pending.pop()
        assert 0 <= element.start <= element.end <= len(source.text)
        pending += element.children
