"""Pod Security verdicts: our own cases, the golden file where it is at hand, and that the cases are sharp."""

from __future__ import annotations

import copy
import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ci_guard.engine.catalogue import Catalogue
from ci_guard.engine.pod_security import PodSecurity
from ci_guard.engine.rule import NEWEST
from ci_guard.kubernetes.resources import resources_of
from ci_guard.kubernetes.subjects import subjects
from ci_guard.model.record import replace
from ci_guard.model.subject import Subject
from ci_guard.source.reader import read
from tests.engine.judging import CATALOGUE, POD_SECURITY, pod_of, wrong_cells

CATALOG = json.loads((CATALOGUE.folder / "catalog.json").read_bytes())


@pytest.mark.parametrize("case", POD_SECURITY, ids=lambda c: c.name)
def test_case(case: Path) -> None:
    assert list(wrong_cells(CATALOGUE, cases=[case])) == []


def test_golden_file() -> None:
    """1,000 pods x 32 (level, version), judged by the admission controller's own code."""
    shared = os.environ.get("CI_GUARD_SHARED")
    if not shared:
        pytest.skip("CI_GUARD_SHARED does not say where the golden pod-security file is")
    judge = PodSecurity(CATALOGUE)
    (document,) = read("pod.json", b"{}", "json")
    golden = Path(shared) / "data" / "pod-security-golden.jsonl.gz"
    cells = 0
    for line in gzip.decompress(golden.read_bytes()).splitlines():
        given = json.loads(line)
        value = {"apiVersion": "v1", "kind": "Pod", "metadata": given["metadata"], "spec": given["spec"]}
        (resource,) = resources_of(document, value)
        (pod,) = [s for s in subjects(resource) if s.each == "pod"]
        for cell, wanted in given["verdicts"].items():
            verdict = judge.verdict(pod, *cell.split("/"))
            assert list(verdict.checks) == [check for check, _, _ in wanted], (given, cell)
            assert not verdict.unjudged
            cells += 1
    assert cells == 32_000


def test_privileged_level_refuses_nothing() -> None:
    pod = pod_of((POD_SECURITY[0] / "pod.yaml").read_text())
    assert PodSecurity(CATALOGUE).verdict(pod, "privileged", "v1.1").checks == ()


@pytest.mark.parametrize(("level", "version"), [("strict", "latest"), ("baseline", "1.30"), ("baseline", "v1.07")])
def test_what_admission_does_not_know(level: str, version: str) -> None:
    pod = pod_of((POD_SECURITY[0] / "pod.yaml").read_text())
    with pytest.raises(ValueError, match="Pod Security"):
        PodSecurity(CATALOGUE).verdict(pod, level, version)


# Mutations: each must be noticed by the cases above.

Mutate = Callable[[dict[str, Any]], None]


def _revision(catalog: dict[str, Any], rule: str, **new: Any) -> None:
    catalog["rules"][rule]["revisions"] = [{"since": "v1.0", **new}] if new else []


def _safe_at_every_version(catalog: dict[str, Any]) -> None:
    for revision in catalog["rules"]["unsafe-sysctls"]["revisions"]:
        revision["since"] = "v1.0"


def _relaxed(when: str, *, always: bool) -> Mutate:
    def mutate(catalog: dict[str, Any]) -> None:
        for rule in ("may-run-as-root", "run-as-root-uid", "proc-mount-unmasked"):
            revision = {"since": "v1.0", "when": when} if always else {"since": "v1.0"}
            catalog["rules"][rule]["revisions"] = [revision]

    return mutate


def _windows_exempt_from_the_start(catalog: dict[str, Any]) -> None:
    for rule in catalog["rules"].values():
        for revision in rule.get("revisions", ()):
            if "windows" in revision.get("when", ""):
                revision["since"] = "v1.0"


def _apparmor_fields_ignored(catalog: dict[str, Any]) -> None:
    clauses = catalog["rules"]["apparmor-unconfined"]["clauses"]
    clauses[:] = [c for c in clauses if c["each"] == "annotation"]


def _without_item(path: str) -> Mutate:
    return lambda catalog: catalog["rules"]["host-probe-or-lifecycle-host"]["items"].remove(path)


def _lower_case_all(catalog: dict[str, Any]) -> None:
    rule = catalog["rules"]["capabilities-not-dropped"]
    rule["require"] = rule["require"].replace("'ALL' in ", "['ALL', 'all'].exists(c, c in ") + ")"


NAMED: dict[str, Mutate] = {
    "all safe sysctls at every version": _safe_at_every_version,
    "container_engine_t at every version": lambda c: _revision(
        c, "selinux-custom-options", add={"types": ["container_engine_t"]}
    ),
    "container_engine_t never": lambda c: _revision(c, "selinux-custom-options"),
    "hostUsers relaxes always": _relaxed("pod.spec.?hostUsers.orValue(true) ? true : false", always=True),
    "hostUsers relaxes never": _relaxed("", always=False),
    "Windows exempt from v1.0": _windows_exempt_from_the_start,
    "AppArmor fields ignored": _apparmor_fields_ignored,
    "preStop ignored": _without_item("lifecycle.preStop"),
    "postStart ignored": _without_item("lifecycle.postStart"),
    "startupProbe ignored": _without_item("startupProbe"),
    "drop: [all] accepted": _lower_case_all,
}


@pytest.mark.parametrize("name", NAMED)
def test_named_mutation_is_noticed(name: str) -> None:
    catalog = copy.deepcopy(CATALOG)
    NAMED[name](catalog)
    assert catalog != CATALOG
    assert any(wrong_cells(Catalogue(CATALOGUE.folder, catalog, {})))


def test_skipping_ephemeral_containers_is_noticed() -> None:
    def without_ephemeral(text: str) -> Subject:
        pod = pod_of(text)
        kept = {k: [m for m in v if "ephemeralContainers" not in m.path] for k, v in pod.nested.items()}
        return replace(pod, nested=kept)

    assert any(wrong_cells(CATALOGUE, without_ephemeral))


def _mutants() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every judgement made to pass, every revision and every version of a check dropped."""
    for id, rule in CATALOG["rules"].items():
        if "pod-security" not in rule:
            continue
        for number in range(len(rule.get("clauses", [None]))):
            yield f"{id}: judgement {number} passes", _changed(id, number)
        for number, revision in enumerate(rule.get("revisions", ())):
            catalog = copy.deepcopy(CATALOG)
            del catalog["rules"][id]["revisions"][number]
            yield f"{id}: without {revision['since']}", catalog
            if "clauses" in revision:
                catalog = copy.deepcopy(CATALOG)
                catalog["rules"][id]["revisions"][number]["clauses"][0]["require"] = "true"
                yield f"{id}: {revision['since']} passes", catalog
    for id, check in CATALOG["checks"].items():
        for key, dull in (("since", "v1.0"), ("overrides", None)):
            if check.get(key) not in (None, "v1.0"):
                catalog = copy.deepcopy(CATALOG)
                catalog["checks"][id].pop(key)
                catalog["checks"][id] |= {key: dull} if dull else {}
                yield f"{id}: without {key}", catalog


def _changed(rule: str, number: int) -> dict[str, Any]:
    catalog = copy.deepcopy(CATALOG)
    changed = catalog["rules"][rule]
    part = changed["clauses"][number] if "clauses" in changed else changed
    part["require"] = "true"
    return catalog


MUTANTS = dict(_mutants())


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_noticed(name: str) -> None:
    assert any(wrong_cells(Catalogue(CATALOGUE.folder, MUTANTS[name], {})))


def test_there_are_mutants_of_every_check() -> None:
    assert len(MUTANTS) > 45
    assert NEWEST == 37
