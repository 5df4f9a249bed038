"""One flaw, one finding: what others say of a rule's bad example, and not of its good one, is listed and justified.

A bad example is the good one broken in the way that the rule forbids. `other_rules.yaml` lists, by rule, the others of
profile `all` that speak up then, too, and why that is right; whoever is not listed there is noise, to be mended by
`implied-by` or by the rule.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci_guard.engine.building import rule_files
from ci_guard.engine.catalogue import load_catalogue, rules_folder
from ci_guard.engine.evaluation import Judge
from ci_guard.engine.kinds import KINDS
from ci_guard.engine.rule import NEWEST
from ci_guard.engine.rulefile import Example, RuleFile
from ci_guard.engine.selection import RuleOverride, Selection
from ci_guard.kubernetes.manifests import ManifestDocument, read_manifests
from ci_guard.model.finding import Finding
from ci_guard.model.subject import Subject
from ci_guard.pipeline.manifests.structure import StructureJudge
from ci_guard.pipeline.rules_test import repo_subjects, subjects_of

LISTED = yaml.safe_load(Path(__file__).with_name("other_rules.yaml").read_text("utf-8"))
TASTE = {"yaml-sorted-keys"}
"""Whether the keys of an example are in order says nothing of its flaw."""
FILES = [found for found in rule_files(rules_folder()) if found.examples]


@cache
def selection() -> Selection:
    return load_catalogue().select("all", repo_wide=True)


@cache
def judge() -> Judge:
    return Judge(selection())


@cache
def structure() -> StructureJudge:
    return StructureJudge(selection())


def subjects(found: RuleFile, example: Example) -> list[Subject]:
    """The subjects of an example; of a manifest, those of a whole repo that holds nothing else."""
    kinds = {clause.each for clause in found.rule.clauses(NEWEST)}
    manifest = example.path.endswith("manifest.yaml") and all(
        KINDS[k].admission or k in {"program", "kubelet", "reference"} for k in kinds
    )
    data = example.text.encode()
    return repo_subjects(example.path, data) if manifest else subjects_of(found.rule, example) or []


def findings_of(found: RuleFile, example: Example) -> list[Finding]:
    """What every rule finds in an example."""
    said = [f for s in subjects(found, example) for f in judge().judge(s).findings]
    for item in read_manifests(example.path, example.text.encode()):
        for resource in item.resources if isinstance(item, ManifestDocument) else ():
            said += structure().judge(resource, said)
    return said


def all_saying(found: RuleFile, example: Example) -> set[str]:
    """The rules that find something in an example."""
    return {finding.rule for finding in findings_of(found, example)}


def speaking(found: RuleFile, example: Example) -> set[str]:
    """The rules whose findings on an example are shown."""
    return {finding.rule for finding in findings_of(found, example) if not finding.implied_by} - TASTE


def others(found: RuleFile) -> set[str]:
    """The other rules that speak up when the good example is broken; of several, the one that makes it the fewest."""
    latest = [e for e in found.examples if e.version == "latest"]
    good = [speaking(found, e) for e in latest if e.good]
    new: set[str] = set()
    for bad in latest:
        if good and not bad.good:
            said = speaking(found, bad)
            new |= min((said - before for before in good), key=len)
    return new - {found.id}


@pytest.mark.parametrize("found", FILES, ids=lambda f: f.id)
def test_the_broken_example_is_caught_among_all_rules(found: RuleFile) -> None:
    """Where every rule judges, a bad example is found by its own rule, shown or implied, and a good one is not."""
    for example in found.examples:
        if example.version == "latest" and found.id not in TASTE:
            assert (found.id in all_saying(found, example)) is not example.good, example.number


@pytest.mark.parametrize("found", FILES, ids=lambda f: f.id)
def test_other_rules_that_speak_up_are_listed(found: RuleFile) -> None:
    wanted: dict[str, Any] = LISTED.get(found.id, {})
    said = others(found)
    assert said - wanted.keys() == set(), "mend it (implied-by, the rule, the example), or list and justify it"
    assert wanted.keys() - said == set(), "take it from the list: it does not speak up any more"


def test_the_list_names_rules_and_gives_reasons() -> None:
    known = {found.id for found in rule_files(rules_folder())}
    assert LISTED.keys() <= known
    for rules in LISTED.values():
        assert rules.keys() <= known
        assert all(len(why) > 15 for why in rules.values())


BROKEN = b"""apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: a, image: "registry.example/a:1"}]}
"""


def test_what_is_hidden_would_not_have_closed_the_gate() -> None:
    """A rule that the configuration makes more severe than the one that implies it is shown."""
    for severity, wanted in (("medium", "capabilities-not-dropped"), ("critical", "")):
        override = {"cap-net-raw-not-dropped": RuleOverride(severity=severity)}
        linter = Judge(load_catalogue().select("all", overrides=override, repo_wide=True))
        said = [f for s in repo_subjects("manifest.yaml", BROKEN) for f in linter.judge(s).findings]
        assert [f.implied_by for f in said if f.rule == "cap-net-raw-not-dropped"] == [wanted]
