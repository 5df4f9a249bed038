"""The picture of a terminal is well-formed whatever the terminal said, and shows nothing but its text."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent.parent


def tool() -> ModuleType:
    spec = spec_from_file_location("terminal_picture", ROOT / "tools/terminal_picture.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


picture = tool()
TEXT = st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x1b[;m013m<&>\"'"), max_size=60))


def words(svg: str) -> str:
    return "".join(ElementTree.fromstring(svg).itertext())


@given(TEXT)
def test_any_output_is_well_formed(lines: list[str]) -> None:
    svg = picture.svg(list(picture.styled(lines)))
    assert "\x1b" not in svg
    assert "<script" not in svg.lower()
    ElementTree.fromstring(svg)


@pytest.mark.parametrize(
    ("line", "text", "css"),
    [
        ("\x1b[31mred\x1b[0m plain", "red plain", "fill:#f87171"),
        ("\x1b[1;33mbold\x1b[22m", "bold", "font-weight:bold;fill:#facc15"),
        ("\x1b]0;title\x07text", "text", ""),
        ("\x1b[2Jcleared", "cleared", ""),
        ("</text><script>", "</text><script>", ""),
    ],
)
def test_colours_stay_and_controls_go(line: str, text: str, css: str) -> None:
    svg = picture.svg(list(picture.styled([line])))
    assert words(svg).strip() == text
    assert f'style="{css}"' in svg or not css


def test_a_style_goes_on_over_a_line_end() -> None:
    first, second = picture.styled(["\x1b[31mred", "still red\x1b[0m"])
    assert first[0].style == second[0].style == "fill:#f87171"
