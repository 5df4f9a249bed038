"""The baseline file: written the same each time, merged by git, refused when it is nonsense, applied by counts."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.errors import ConfigError
from ci_guard.model.finding import Finding, Severity, fingerprint
from ci_guard.model.location import Location, Region
from ci_guard.model.record import replace
from ci_guard.model.subject import SubjectId
from ci_guard.model.suppression import Suppression
from ci_guard.suppress.baseline import SCHEMA, Baseline, from_findings, load, write

HERE = Path(__file__).parent
PUBLISHED = json.loads((HERE.parent.parent / "docs/schemas/baseline.schema.json").read_text("utf-8"))
CASES = sorted((HERE / "baselines").iterdir())


def finding(rule: str, path: str, name: str, at: str = "", key: str = "", line: int = 1) -> Finding:
    place = Location(path, Region(line, 1, line, 2))
    return Finding(rule, Severity.HIGH, "", place, SubjectId("Pod", name), at, key)


WORD = st.sampled_from(["a", "b", "spec.containers[name=é]", "\x1b[2J", "\u202e", '"', "\ud800"])
FINDINGS = st.lists(
    st.builds(finding, st.sampled_from(["r1", "r2"]), WORD, WORD, WORD, WORD, st.integers(1, 9)), max_size=12
)


def schema_accepts(data: bytes) -> bool:
    return jsonschema_rs.validator_for(PUBLISHED).is_valid(json.loads(data))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    data = (case / "baseline.json").read_bytes()
    if "counts" in expected:
        assert [[*name, count] for name, count in load(data, "b.json").counts.items()] == expected["counts"]
        assert schema_accepts(data)
        return
    with pytest.raises(ConfigError) as error:
        load(data, "b.json")
    assert str(error.value) == expected["error"]


@given(FINDINGS)
def test_written_and_read_again(findings: list[Finding]) -> None:
    findings = [f for f in findings if f.location.path]
    data = write(from_findings(findings))
    assert data == write(from_findings(reversed(findings))), "order does not show"
    assert data.isascii()
    if "\\ud800" not in data.decode():  # the validator's own reader refuses half a character
        assert schema_accepts(data)
    baseline = load(data, "b.json")
    assert write(baseline) == data
    marked = baseline.apply(findings)
    assert all(f.suppressed for f in marked), "what was written is accepted"
    assert baseline.apply(marked) == marked, "twice equals once"
    more = baseline.apply([*findings, *findings])
    assert Counter(bool(f.suppressed) for f in more) == Counter({True: len(findings), False: len(findings)}) or not more
    assert write(baseline.prune(findings)) == data
    assert baseline.prune([]).counts == {}
    assert baseline.prune([], covers=lambda path: False).counts == baseline.counts


@given(
    st.binary(max_size=80)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda v: (
            st.lists(v, max_size=3)
            | st.dictionaries(st.sampled_from(["rule", "path", "at", "count", "x"]), v, max_size=4)
        ),
    ).map(lambda v: json.dumps([{"schema": SCHEMA}, v]).encode())
)
def test_any_bytes_give_a_baseline_or_a_config_error(data: bytes) -> None:
    try:
        load(data, "b.json")
    except ConfigError as error:
        assert str(error).startswith("b.json:")
    else:
        assert schema_accepts(data)


def test_one_more_than_accepted_shows() -> None:
    one = finding("r1", "a.yaml", "shop")
    baseline = from_findings([one])
    assert [bool(f.suppressed) for f in baseline.apply([one, replace(one, message="other line")])] == [True, False]


def test_another_suppression_spends_nothing() -> None:
    one = finding("r1", "a.yaml", "shop")
    by_comment = replace(one, suppressed=Suppression("why", "comment"))
    assert [f.suppressed.origin if f.suppressed else "" for f in from_findings([one]).apply([by_comment, one])] == [
        "comment",
        "baseline",
    ]
    assert from_findings([by_comment]).counts == {}


def test_unreadable_input_and_policy_are_never_accepted() -> None:
    findings = [finding("unreadable-input", "a", "a"), finding("policy-changed", "a", "a"), finding("r1", "a", "a")]
    assert [name.rule for name in from_findings(findings).counts] == ["ci-guard/r1"]
    forged = Baseline({load_name(f): 1 for f in findings})
    assert [bool(f.suppressed) for f in forged.apply(findings)] == [False, False, True]


def load_name(one: Finding):
    from ci_guard.suppress.baseline import Fingerprint

    return Fingerprint(*fingerprint(one))


def test_renamed_files_keep_what_was_accepted() -> None:
    old = [finding("r1", "old.yaml", "shop"), replace(finding("r2", "old.yaml", "old.yaml"))]
    new = [finding("r1", "new.yaml", "shop"), replace(finding("r2", "new.yaml", "new.yaml"))]
    baseline = from_findings(old)
    assert not any(f.suppressed for f in baseline.apply(new))
    marked = baseline.apply(new, {"new.yaml": "old.yaml"})
    assert all(f.suppressed for f in marked)
    assert baseline.apply(marked, {"new.yaml": "old.yaml"}) == marked
    assert {name.path for name in baseline.prune(new, renames={"new.yaml": "old.yaml"}).counts} == {"new.yaml"}


def test_git_merges_two_baselines(tmp_path: Path) -> None:
    """Both sides add an entry in different places: no conflict, and both are there; with `merge=union` anywhere."""
    common = [finding("r1", f"{name}.yaml", "shop") for name in "bdfhj"]
    sides = [[*common, finding("r1", "c.yaml", "x")], [*common, finding("r1", "z.yaml", "x")]]
    paths = []
    for name, findings in (("ours", sides[0]), ("base", common), ("theirs", sides[1])):
        path = tmp_path / name
        path.write_bytes(write(from_findings(findings)))
        paths.append(str(path))
    merged = subprocess.run(["git", "merge-file", "-p", *paths], capture_output=True, check=True).stdout
    assert load(merged, "b").counts == from_findings([*sides[0], sides[1][-1]]).counts
    Path(paths[2]).write_bytes(write(from_findings([*common, finding("r1", "c.yaml", "y"), sides[0][-1]])))
    union = subprocess.run(["git", "merge-file", "-p", "--union", *paths], capture_output=True, check=True).stdout
    assert len(load(union, "b").counts) == 7
