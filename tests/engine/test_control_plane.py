"""The control plane by all rules: what kubeadm's defaults leave open, and what the CIS profile is made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ci_guard.engine.catalogue import load_catalogue
from ci_guard.engine.evaluation import Judge
from ci_guard.kubernetes.resources import resources_of
from ci_guard.kubernetes.subjects import subjects
from ci_guard.source import reader
from ci_guard.source.document import Unreadable

CASES = sorted(p for p in (Path(__file__).parent / "cases" / "control-plane").iterdir() if p.is_dir())
CATALOGUE = load_catalogue()
CIS = "cis-kubernetes"


def direct(rule: str) -> set[str]:
    found = CATALOGUE.meta(rule).controls.get(CIS, {})
    return {control for control, relation in found.items() if relation == "direct"}


def failing(path: Path) -> Iterator[str]:
    judge = Judge(CATALOGUE.select(CIS))
    for document in reader.read("m.yaml", path.read_bytes(), "kubernetes"):
        assert not isinstance(document, Unreadable)
        for resource in resources_of(document, document.value):
            for subject in subjects(resource):
                judgement = judge.judge(subject)
                assert not judgement.unjudged
                yield from (f.rule for f in judgement.findings)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_controls_that_fail(case: Path) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    failed = {control for rule in failing(case / "manifest.yaml") for control in direct(rule)}
    assert failed == set(map(str, expected["failed"]))


def test_the_profile_holds_what_the_benchmark_asks_for() -> None:
    selected = CATALOGUE.select(CIS, repo_wide=True).rules
    asked = {rule for rule in CATALOGUE.rule_ids if direct(rule)}
    assert asked <= selected.keys()
    others = {"dependencies", "sbom", "provenance", "workflows", "input", "policy"}
    assert {r for r in selected if CATALOGUE.rules[r].category not in others} == asked


def test_every_rule_of_the_control_plane_is_matched_by_program_or_kind() -> None:
    """Without a match a rule about flags would look at every program."""
    found = [rule for rule in CATALOGUE.rules.values() if rule.category == "control-plane"]
    assert len(found) >= 67
    assert all(rule.match for rule in found)
