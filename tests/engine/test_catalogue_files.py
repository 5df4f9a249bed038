"""The generated files are up to date, and every rule passes its own examples."""

from __future__ import annotations

import json

import pytest

from ci_guard.engine import building, documentation, frameworks, frameworks_page
from ci_guard.engine.catalogue import load_catalogue, rules_folder
from ci_guard.pipeline.rules_test import test_rules as run_examples

RULES = rules_folder()
FILES = list(building.rule_files(RULES))


def test_generated_files_are_up_to_date() -> None:
    for name, data in building.generated(RULES).items():
        assert (RULES / name).read_bytes() == data, f"{name}: run `ci-guard rules catalog`"


def test_pages_are_up_to_date() -> None:
    folder = RULES.parent / "docs" / "rules"
    wanted = documentation.pages(FILES)
    assert {str(p.relative_to(folder)) for p in folder.rglob("*.md")} == set(wanted)
    for name, data in wanted.items():
        assert (folder / name).read_bytes() == data, f"{name}: run `ci-guard rules docs`"


def test_the_page_about_frameworks_is_up_to_date() -> None:
    page = (RULES.parent / "docs" / "frameworks.md").read_bytes()
    assert page == frameworks_page.page(frameworks.read_all(RULES), FILES), "run `ci-guard rules docs`"


def test_building_twice_gives_the_same_bytes() -> None:
    assert building.generated(RULES) == building.generated(RULES)


@pytest.mark.parametrize("result", run_examples(RULES), ids=lambda r: r.rule)
def test_examples(result) -> None:
    assert result.flaws == []
    assert result.skipped == 0


@pytest.mark.parametrize("found", FILES, ids=lambda f: f.id)
def test_rule_is_complete(found) -> None:
    meta = load_catalogue().meta(found.id)
    assert meta == found.meta
    assert meta.title[0].isupper() and not meta.title.endswith(".")
    assert meta.why.endswith(".") and meta.remedy
    assert 0 < meta.dread_score <= 10
    assert meta.references
    if found.category == "pod-security":
        assert meta.controls


def test_every_check_has_a_rule_and_every_rule_of_the_folder_a_check() -> None:
    catalogue = load_catalogue()
    assert len(catalogue.checks) == 19
    judged = {rule.check for rule in catalogue.rules.values() if rule.check}
    assert judged == set(catalogue.checks)
    framework = frameworks.read_all(RULES)[frameworks.POD_SECURITY]
    assert framework.version == "v1.37"
    assert {c.id for c in framework.controls} == judged


def test_pod_rules_are_portable() -> None:
    rules = json.loads((RULES / "catalog.json").read_bytes())["rules"]
    assert [id for id, r in rules.items() if r["category"] == "pod-security" and not r["portable"]] == [
        "violates-namespace-pod-security"
    ]
