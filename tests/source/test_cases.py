"""Every folder under `cases/` is a test: `input.*` and what must come of it, values and places."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ci_guard.model.location import Location
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read

CASES = sorted(path.parent for path in (Path(__file__).parent / "cases").glob("*/expected.json"))


def place(location: Location) -> str:
    region = location.region
    assert region is not None
    return f"{region.start_line}:{region.start_column}-{region.end_line}:{region.end_column}"


def exact(value: object) -> object:
    """The value with its types, so that 1, 1.0 and true differ; only exact built-in types are allowed."""
    if type(value) is dict:
        return {key: exact(item) for key, item in value.items()}
    if type(value) is list:
        return [exact(item) for item in value]
    assert type(value) in {str, int, float, bool, type(None)}, type(value)
    return (type(value).__name__, "__inf__" if value == math.inf else value)


def expected_value(value: object) -> object:
    text = json.dumps(value)
    return exact(json.loads(text.replace('"__inf__"', "Infinity")))


def check_document(document: Document, expected: dict) -> None:
    assert exact(document.value) == expected_value(expected["value"])
    for at in expected.get("at", ()):
        assert place(document.locate(tuple(at["path"]))) == at["region"], at["path"]
    for at in expected.get("keys", ()):
        assert place(document.locate(tuple(at["path"]), key=True)) == at["region"], at["path"]
    found = [{"path": list(path), "region": place(location)} for path, location in document.duplicates]
    assert found == expected.get("duplicates", [])
    if "comments" in expected:
        assert [f"{c.line}:{c.column} {c.text}" for c in document.comments()] == expected["comments"]


@pytest.mark.parametrize("keep", [False, True], ids=["streamed", "parsed-again"])
@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_case(folder: Path, keep: bool) -> None:
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    (source,) = folder.glob("input.*")
    found = read("some/input", source.read_bytes(), expected["dialect"])
    items = list(found) if keep else found
    count = 0
    for item, wanted in zip(items, expected["documents"], strict=True):
        count += 1
        if "unreadable" in wanted:
            assert isinstance(item, Unreadable), item
            assert item.location.region is not None
            assert (item.path, item.location.region.start_line) == ("some/input", wanted["line"])
            assert wanted["unreadable"] in item.reason
        else:
            assert isinstance(item, Document), item
            check_document(item, wanted)
    assert count == len(expected["documents"])
