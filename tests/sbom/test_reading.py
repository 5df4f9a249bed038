"""Bills of materials of other tools, read: every case folder holds one, and what it says, counted independently."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.model.component import Inventory
from ci_guard.sbom import cyclonedx, spdx, spdx_3
from ci_guard.sbom.metadata import Metadata
from ci_guard.sbom.reading import read_bill
from ci_guard.sbom.reading.bill import Bill, Stated
from ci_guard.source.document import Unreadable
from ci_guard.source.json_documents import read_json
from ci_guard.source.json_places import JsonPlaces
from ci_guard.source.text import SourceText
from tests.sbom import sbom_inputs as inputs

BILLS = Path(__file__).parent / "bills"
CASES = sorted(p.name for p in BILLS.iterdir())


def bill_file(case: str) -> Path:
    """The document of a case."""
    return next(p for p in sorted((BILLS / case).iterdir()) if p.name.startswith("bom."))


def told(stated: Stated) -> dict[str, Any]:
    """A component as `expected.json` has it: what is empty is left out."""
    component = stated.component
    files = [*component.hashes, *(h for f in component.distributions for h in f.hashes)]
    values = {
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
        "type": component.type if component.type != "library" else "",
        "hashes": sorted({h.algorithm for h in files}),
        "licenses": list(component.licenses),
        "supplier": stated.supplier.name,
        "producers": [p.name for p in stated.producers],
        "identifiers": [kind for kind, _ in stated.identifiers if kind != "purl"],
        "properties": [name for name, value in component.properties if "install-script" in name],
    }
    return {key: value for key, value in values.items() if value}


def summary(bill: Bill) -> dict[str, Any]:
    """What a document says, by names."""
    names = {s.key: f"{s.component.name} {s.component.version}".strip() for s in bill.components}
    return {
        "format": bill.name,
        "created": bill.created,
        "authors": [[a.name, *a.contacts] for a in bill.authors],
        "tools": list(bill.tools),
        "contexts": list(bill.contexts),
        "subjects": [names[key] for key in bill.subjects],
        "components": [told(s) for s in bill.components],
        "edges": sorted(f"{names[e.source]} {e.kind} {names[e.target]}" for e in bill.edges),
    }


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    path = bill_file(case)
    expected = json.loads((BILLS / case / "expected.json").read_text("utf-8"))
    bill = read_bill(path.name, path.read_bytes())
    if isinstance(bill, Unreadable):
        assert bill.location.region is not None
        assert {"line": bill.location.region.start_line, "reason": bill.reason} == expected
    else:
        assert summary(bill) == expected


def test_both_syntaxes_of_spdx_say_the_same() -> None:
    """spdx-tools turned our JSON into tag-value."""
    cases = ("ci-guard-spdx", "spdx-tools-tag-value")
    one, other = (read_bill("bom", bill_file(case).read_bytes()) for case in cases)
    assert isinstance(one, Bill)
    assert isinstance(other, Bill)
    assert summary(one) == summary(other)
    assert other.flaws == ()


@pytest.mark.parametrize("case", [c for c in CASES if not c.startswith("broken")])
def test_places_lead_to_the_component(case: str) -> None:
    path = bill_file(case)
    bill = read_bill(path.name, path.read_bytes())
    assert isinstance(bill, Bill)
    for stated in bill.components:
        where = bill.place(stated)
        assert where.region is not None
        line = path.read_text("utf-8").split("\n")[where.region.start_line - 1]
        shown = line[where.region.start_column - 1 : where.region.end_column - 1]
        assert stated.component.name.rpartition(":" if "maven" in stated.component.purl else "\0")[2] in shown


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('abé"\\ \n\t', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc") | st.just("name"), inner, max_size=3)
    ),
    max_leaves=20,
)


def paths(value: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path into a value."""
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    return [here, *(p for key, inner in items for p in paths(inner, (*here, key)))]


@given(VALUES, st.sampled_from([None, 0, 3]), st.data())
def test_stepping_finds_what_the_tree_has(value: Any, indent: int | None, data: st.DataObject) -> None:
    text = SourceText("x.json", json.dumps(value, indent=indent).encode())
    document = next(iter(read_json(text)))
    assert not isinstance(document, Unreadable)
    places = JsonPlaces(document)
    for path in (*paths(value), (*data.draw(st.sampled_from(paths(value))), "missing")):
        assert places.locate(path) == document.locate(path)
        assert places.locate(path, key=True) == document.locate(path, key=True)
        assert places.exists(path) == document.exists(path)


SEEDS = [bill_file(case).read_bytes() for case in CASES]


@settings(max_examples=300)
@given(st.data())
def test_any_bytes_give_a_bill_or_a_place(data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(SEEDS))
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, min(len(seed), start + 40)))
    patch = data.draw(
        st.binary(max_size=8) | st.sampled_from([b'"', b"[]", b"{}", b"null", b"1", b"\n", b"<text>", b":"])
    )
    read = read_bill("bom", seed[:start] + patch + seed[end:])
    if isinstance(read, Unreadable):
        assert read.location.region is not None
        assert read.reason
    else:
        assert isinstance(read.inventory(), Inventory)
        assert all(read.places.locate(s.path).region for s in read.components)


def wrong_type(value: Any, at: tuple[str | int, ...], to: Any) -> Any:
    """A copy of a value with something else at a path."""
    if not at:
        return to
    copy = value.copy()
    copy[at[0]] = wrong_type(value[at[0]], at[1:], to)
    return copy


@settings(max_examples=300)
@given(st.data())
def test_a_wrong_type_anywhere_is_read_over(data: st.DataObject) -> None:
    value = json.loads(
        bill_file(data.draw(st.sampled_from(["trivy-image", "syft-spdx", "spdx-3", "cyclonedx-1.2"]))).read_bytes()
    )
    at = data.draw(st.sampled_from(paths(value)))
    broken = wrong_type(
        value, at, data.draw(st.sampled_from([None, 7, True, "text", [], {}, [[]], [{}], [1], {"a": 1}]))
    )
    assert isinstance(read_bill("bom.json", json.dumps(broken).encode()), Bill | Unreadable)


@pytest.mark.parametrize("write", [spdx.write, spdx.write_tag_value, spdx_3.write, cyclonedx.write])
def test_what_is_written_is_read_back(write: Callable[[Inventory, Metadata], bytes]) -> None:
    inventory = inputs.everything()
    bill = read_bill("bom", write(inventory, Metadata("2024-05-01T12:00:00Z")))
    assert isinstance(bill, Bill)
    back = {c.purl for c in bill.inventory().components}
    own = {purl for purl in back if purl.startswith("pkg:generic/")}  # what is nobody's package
    assert own
    assert back - own == {c.purl for c in inventory.components if c.purl}


def test_what_is_too_large_is_refused() -> None:
    read = read_bill("bom.json", b" " * (128 * 1024 * 1024 + 1))
    assert isinstance(read, Unreadable)
    assert "larger than" in read.reason
