"""What is handed to code scanning: any tool's SARIF, without what it would misread, within its limits."""

from __future__ import annotations

import gzip
import json
import random
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_guard.model.errors import InputError
from ci_guard.sarif import limits
from ci_guard.sarif.delivery import deliveries
from ci_guard.sarif.fingerprint import line_hashes
from ci_guard.sarif.writer import write
from tests import made_reports as made
from tests.sarif.test_reader import nodes
from tests.sarif.test_writer import schema

TOOLS = Path(__file__).parents[1] / "gate" / "tools"


def run(tool: str = "T", category: str = "", **parts: Any) -> dict[str, Any]:
    named = {"automationDetails": {"id": category}} if category else {}
    return {"tool": {"driver": {"name": tool, "rules": []}}, **named, "results": [], **parts}


def result(level: str = "error", line: int = 1, **parts: Any) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": "a.yaml"}, "region": {"startLine": line}}
    locations = [{"physicalLocation": place}]
    return {"ruleId": "r", "message": {"text": "m"}, "level": level, "locations": locations, **parts}


def log(*runs: Any) -> bytes:
    return json.dumps({"version": "2.1.0", "runs": runs}).encode()


def nothing(path: str) -> None:
    return None


def unpacked(packed: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(gzip.decompress(packed))
    schema().validate(value)
    return value


def delivered(*runs: Any, **options: Any) -> list[dict[str, Any]]:
    found = deliveries({"f.sarif": log(*runs)}, nothing, **options)
    return [part for delivery in found for part in unpacked(delivery.packed)["runs"]]


def test_what_code_scanning_would_show_as_open_is_left_out_and_said() -> None:
    accepted, asked = [{"kind": "external"}], [{"kind": "external", "status": "underReview"}]
    results = [
        result(suppressions=accepted),
        result(suppressions=asked),
        result(kind="pass", level="none"),
        result(baselineState="absent"),
        result(locations=[]),
    ]
    (found,) = deliveries({"f": log(run(results=results))}, nothing)
    assert [r["suppressions"] for r in unpacked(found.packed)["runs"][0]["results"]] == [asked]
    assert [notice.partition(":")[2] for notice in found.notices] == [
        " no flaw, or gone",
        " suppressed, which code scanning would show as open",
        " without a place in a file, for which code scanning would reject all",
    ]


def test_our_own_file_is_delivered_as_the_one_for_upload() -> None:
    whole = write(made.REPORT, made.read, categories=("dependencies",))
    for_upload = json.loads(write(made.REPORT, made.read, categories=("dependencies",), suppressed=False))
    (found,) = deliveries({"f": whole}, made.read)
    assert [r["results"] for r in unpacked(found.packed)["runs"]] == [r["results"] for r in for_upload["runs"]]
    assert found.categories == ("ci-guard/manifests/", "ci-guard/dependencies/")


def test_a_line_hash_is_put_in_where_there_is_none() -> None:
    text = b"a\nb\n"
    given_hash = {"partialFingerprints": {"primaryLocationLineHash": "its own"}}
    data = log(run(results=[result(line=2), result(line=2, **given_hash), result(line=9)]))
    (found,) = deliveries({"f": data}, lambda path: text if path == "a.yaml" else None)
    prints = [r.get("partialFingerprints", {}) for r in unpacked(found.packed)["runs"][0]["results"]]
    assert prints == [{"primaryLocationLineHash": line_hashes(text)[1]}, given_hash["partialFingerprints"], {}]


def test_a_category_is_given_to_runs_without() -> None:
    one, two = delivered(run("A"), run("B", "own/"), category="build")
    assert (one["automationDetails"]["id"], two["automationDetails"]["id"]) == ("build/", "own/")


def test_runs_are_spread_by_tool_and_number() -> None:
    data = log(*[run("A", f"c{n}/") for n in range(45)], run("B"))
    found = deliveries({"f": data}, nothing)
    assert [(d.tool, len(d.categories)) for d in found] == [("A", 20), ("A", 20), ("A", 5), ("B", 1)]


def test_too_many_results_are_cut_worst_first_and_said() -> None:
    results = [result("note")] * 25_001 + [result("error")]
    (delivery,) = deliveries({"f": log(run(results=results))}, nothing)
    (found,) = json.loads(gzip.decompress(delivery.packed))["runs"]
    assert len(found["results"]) == limits.RESULTS
    assert found["results"][0]["level"] == "error"
    said = found["invocations"][0]["toolExecutionNotifications"][-1]
    assert said["message"]["text"].startswith("25,002 results; the 25,000 most severe are here")


def test_a_file_that_is_too_large_keeps_the_worst() -> None:
    noise = random.Random(7)
    results = [result("warning", message={"text": b64encode(noise.randbytes(1_200)).decode()}) for _ in range(9_000)]
    (found,) = deliveries({"f": log(run(results=[*results, result("error")]))}, nothing)
    assert len(found.packed) <= limits.PACKED_BYTES
    kept = json.loads(gzip.decompress(found.packed))["runs"][0]["results"]
    assert (len(kept), kept[0]["level"]) == (limits.RESULTS_SHOWN, "error")
    assert "the 5,000 most severe are here" in found.notices[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (log(run(), run()), "2 runs of T have no category: code scanning takes one"),
        (log(run(category="a/1"), run(category="a/2")), "have the category a"),
        (log({"tool": {"driver": {"name": "T"}}}), "has no list of results"),
        (log({"results": []}), "does not name its tool"),
        (b"[]", "not a JSON object"),
        (b'{"version": "2.0.0", "runs": []}', "not a SARIF 2.1.0 log"),
    ],
)
def test_what_cannot_be_delivered(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        deliveries({"f": data}, nothing)


@pytest.mark.parametrize("tool", sorted(p.stem for p in TOOLS.glob("*.sarif")))
def test_real_tools_lose_nothing_but_what_is_suppressed(tool: str) -> None:
    data = (TOOLS / f"{tool}.sarif").read_bytes()
    (found,) = deliveries({tool: data}, nothing)
    before = [r for r in json.loads(data)["runs"][0]["results"] if not r.get("suppressions")]
    assert unpacked(found.packed)["runs"][0]["results"] == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(nodes, max_size=3))
def test_anything_is_delivered_or_an_input_error(runs: list[Any]) -> None:
    try:
        found = deliveries({"f": json.dumps({"version": "2.1.0", "runs": runs}).encode()}, nothing)
    except InputError as error:
        assert "f:" in str(error) or "code scanning takes" in str(error)
        return
    for delivery in found:
        parts = json.loads(gzip.decompress(delivery.packed))["runs"]
        assert 0 < len(parts) <= limits.RUNS
        assert all(isinstance(part["results"], list) for part in parts)
