"""Framework files: what we ship is whole and honest, and a broken one is refused with its line."""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.engine import building, frameworks
from ci_guard.engine.catalogue import rules_folder
from ci_guard.model.errors import ConfigError, UsageError

RULES = rules_folder()
SHIPPED = frameworks.read_all(RULES)
CASES = Path(__file__).parent / "cases" / "frameworks"
NAMED = [(found, name) for found in building.rule_files(RULES) for name in found.meta.controls]


@pytest.mark.parametrize("framework", SHIPPED.values(), ids=lambda f: f.id)
def test_shipped_framework_is_whole(framework: frameworks.Framework) -> None:
    assert str(uuid.UUID(framework.guid)) == framework.guid
    for control in framework.controls:
        assert len(control.title) <= 180
        assert control.description.endswith((".", "?")), control.id
        assert control.assessable == "static" or control.why, control.id


def test_guids_tell_frameworks_apart() -> None:
    assert len({f.guid for f in SHIPPED.values()}) == len(SHIPPED)


@pytest.mark.parametrize(("found", "name"), NAMED, ids=lambda v: v if isinstance(v, str) else v.id)
def test_every_control_that_a_rule_names_exists(found: building.RuleFile, name: str) -> None:
    known = {c.id: c.assessable for c in SHIPPED[name].controls}
    for control, relation in found.meta.controls[name].items():
        assert control in known
        assert relation == "related" or known[control] in {"static", "partial"}


def test_editions_of_the_cis_benchmark() -> None:
    cis = SHIPPED["cis-kubernetes"]
    assert len(cis.controls) == 131
    sections = Counter(c.id.split(".")[0] for c in cis.controls)
    assert sections == {"1": 60, "2": 7, "3": 5, "4": 25, "5": 34}
    by_id = {c.id: c for c in cis.controls}
    assert by_id["5.2.10"].called("1.11") == "5.2.11"
    assert by_id["5.6.2"].called("1.10") == "5.7.2"
    assert by_id["1.2.12"].called("1.8") == "1.2.13"
    assert by_id["4.3.1"].called("1.8") == ""
    assert by_id["5.2.2"].called("1.8") == "5.2.2"
    for edition in cis.editions:
        names = [c.called(edition) for c in cis.controls if c.called(edition)]
        assert len(names) == len(set(names)), edition
    assert cis.in_edition("2.0.1") == ""
    with pytest.raises(UsageError, match=r"1\.12, 1\.11"):
        cis.in_edition("1.7")


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda p: p.name)
def test_a_broken_file_is_refused_with_its_line(case: Path) -> None:
    """The first line of a case is a comment: the line that is to be named, and what is to be said."""
    file = case / "made-up.yaml"
    line, _, said = file.read_text("utf-8").split("\n")[0].removeprefix("# ").partition(": ")
    with pytest.raises(ConfigError) as refused:
        frameworks.read(file)
    assert said in str(refused.value)
    assert f":{line}:" in str(refused.value)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "title", "controls", "reasons", "editions", "kind", "x"]), inner, max_size=5
            )
        ),
        max_leaves=12,
    )
)
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    file = tmp_path_factory.mktemp("any") / "made-up.yaml"
    file.write_text(yaml.safe_dump(value), "utf-8")
    with pytest.raises(ConfigError):
        frameworks.read(file)
