"""The runner's file commands, read back by a strict reader of the runner's own grammar."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.report import Verdict
from ci_guard.report.actions_output import (
    SUMMARY_LIMIT,
    outputs_of,
    shortened,
    write_artifacts,
    write_outputs,
    write_summary,
)

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)


def runner_reads(data: bytes) -> dict[str, str]:
    """The runner's own reading (FileCommandManager): lines end at LF; anything unexpected fails the step."""
    lines = data.decode("utf-8").split("\n")
    assert lines.pop() == "", "the end marker misses its line end"
    values: dict[str, str] = {}
    while lines:
        line = lines.pop(0)
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, value = line.partition("=")
        else:
            name, mark, delimiter = line.partition("<<")
            assert mark and delimiter, f"neither name=value nor name<<delimiter: {line!r}"
            body = lines[: lines.index(delimiter)]
            del lines[: len(body) + 1]
            value = "\n".join(body)
        assert name
        values[name] = value
    return values


@given(st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"]))))
def test_every_value_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("outputs") / "output"
    path.write_bytes(b"")
    write_outputs(path, values)
    assert runner_reads(path.read_bytes()) == values


def test_a_value_cannot_start_another_output(tmp_path: Path) -> None:
    path = tmp_path / "output"
    hostile = "x\nci-guard-0\nresult=pass\nresult<<EOF\npass\nEOF"
    write_outputs(path, {"sarif-file": hostile})
    write_outputs(path, {"result": "fail"})
    assert runner_reads(path.read_bytes()) == {"sarif-file": hostile, "result": "fail"}


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a<<b", "a\nb", "1a", "ä"])
def test_a_name_is_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of an output"):
        write_outputs(tmp_path / "output", {name: "x"})


def test_a_lone_surrogate_does_not_raise(tmp_path: Path) -> None:
    write_outputs(tmp_path / "output", {"a": "\ud800"})
    assert runner_reads((tmp_path / "output").read_bytes()) == {"a": "?"}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(0, 400))
def test_a_summary_stays_below_its_limit(text: str, limit: int) -> None:
    cut = shortened(text, limit)
    assert len(cut.encode()) <= limit
    assert cut in (text, "") or cut.endswith("`report.md`._\n")
    assert cut == text or len(text.encode()) > limit


def test_summaries_of_one_step_share_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    for _ in range(3):
        write_summary(path, "| ü |\n" * 100_000)
    assert path.stat().st_size <= SUMMARY_LIMIT
    assert path.read_text("utf-8").count("`report.md`") == 1


def test_outputs_name_the_files_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "ci-guard.sarif").write_text("{}")
    counts = {"critical": 1, "high": 2, "medium": 0, "low": 0, "note": 0}
    values = outputs_of(Verdict(exit_code=1, paragraph="", fail_on="high", counts=counts), tmp_path)
    assert values["result"] == "fail"
    assert values["findings"] == "3"
    assert (values["critical"], values["high"], values["low"]) == ("1", "2", "0")
    assert values["sarif-file"] == str(tmp_path / "ci-guard.sarif")
    assert values["bundle-path"] == ""


def test_what_counts_is_new_where_there_was_something_to_compare_with(tmp_path: Path) -> None:
    verdict = Verdict(exit_code=0, paragraph="", fail_on="high", counts={"low": 2})
    assert outputs_of(verdict, tmp_path)["new-findings"] == ""
    assert outputs_of(verdict, tmp_path, compared=True)["new-findings"] == "2"


def test_artifacts_are_uris_that_nothing_in_a_name_can_break(tmp_path: Path) -> None:
    write_artifacts(tmp_path / "list", [tmp_path / "#a=b c\n.json", tmp_path / "d.json"])
    lines = (tmp_path / "list").read_text().splitlines()
    assert [line.rpartition("/")[2] for line in lines] == ["%23a%3Db%20c%0A.json", "d.json"]
    assert all(line.startswith("file:///") for line in lines)


@pytest.mark.parametrize(("code", "result"), [(0, "pass"), (1, "fail"), (3, "error")])
def test_result_is_the_verdict(tmp_path: Path, code: int, result: str) -> None:
    assert outputs_of(Verdict(exit_code=code, paragraph="", fail_on="high"), tmp_path)["result"] == result
