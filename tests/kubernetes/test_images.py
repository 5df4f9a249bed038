"""Image references against the rules of the container distribution project."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.image_reference import parse_image

DATA = yaml.safe_load((Path(__file__).parent / "cases" / "images.yaml").read_text("utf-8"))
FACTS = ("registry", "repository", "tag", "digest")


@pytest.mark.parametrize("case", DATA["valid"], ids=lambda c: c["reference"][:60])
def test_valid(case: dict[str, str]) -> None:
    facts = parse_image(case["reference"])
    assert facts == {"tag": "", "digest": "", **case, "valid": True}


@pytest.mark.parametrize("reference", DATA["invalid"], ids=repr)
def test_invalid(reference: object) -> None:
    facts = parse_image(reference)
    assert facts["valid"] is False
    assert [facts[key] for key in FACTS] == ["", "", "", ""]


@given(st.text() | st.none() | st.integers() | st.lists(st.text()))
def test_anything_gives_facts(reference: object) -> None:
    assert set(parse_image(reference)) == {"valid", "reference", *FACTS}


NAME = st.from_regex(r"[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?", fullmatch=True)
HOST = st.sampled_from(["registry.example", "localhost", "localhost:5000", "10.0.0.1:80", "[::1]:5000", "A"])


@given(
    HOST, st.lists(NAME, min_size=1, max_size=3), st.from_regex(r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,5})?", fullmatch=True)
)
def test_parts_put_together_come_apart(host: str, names: list[str], tag: str) -> None:
    facts = parse_image(f"{host}/{'/'.join(names)}{tag}")
    assert (facts["registry"], facts["repository"], facts["tag"]) == (host, "/".join(names), tag[1:])


def test_facts_are_nobody_elses() -> None:
    parse_image("nginx")["tag"] = "changed"
    assert parse_image("nginx")["tag"] == ""
