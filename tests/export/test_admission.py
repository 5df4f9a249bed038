"""Exported policies judge as we do: every example, every Pod Security case, in Kubernetes' own CEL environment."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ci_guard.engine import building
from ci_guard.engine.evaluation import Judge
from ci_guard.engine.selection import Selection
from tests.engine.judging import POD_SECURITY, verdicts
from tests.export.admission import CATALOGUE, ask, exported, go_judge, our_verdict, resources_of, text_of

pytestmark = pytest.mark.slow
__all__ = ["go_judge"]
LEVELS = {"baseline": "pss-baseline", "restricted": "pss-restricted"}


class Trial:
    """Policies under names of their own (equal ones once), and the requests that they are asked about."""

    def __init__(self) -> None:
        self.policies: dict[str, str] = {}
        self.requests: list[dict[str, Any]] = []
        self.wanted: list[dict[str, bool]] = []
        self._names: dict[str, str] = {}

    def names(self, selection: Selection) -> dict[str, str]:
        """Rule -> name of its policy."""
        out = {}
        for policy in exported(selection).policies:
            text = text_of(policy).replace(f"pod-security-version: {selection.pod_security_version}\n", "")
            name = self._names.setdefault(text, f"{policy.rules[0]}#{len(self._names)}")
            self.policies[name] = text_of(policy)
            out[policy.rules[0]] = name
        return out

    def add(self, value: dict[str, Any], wanted: dict[str, bool]) -> None:
        """A request that must be denied by those policies whose value is true, and by no other of them."""
        self.requests.append({"object": value, "policies": list(wanted)})
        self.wanted.append(wanted)

    def mismatches(self, program: Path) -> tuple[int, list[str]]:
        """How many cells were compared, and which differ."""
        said = ask(program, self.policies, self.requests)
        assert said["flaws"] == {}
        assert max(said["costs"].values()) < 1_000_000
        cells, wrong = 0, []
        for request, wanted, answer in zip(self.requests, self.wanted, said["answers"], strict=True):
            if answer.get("refused"):
                # The API server refuses what its types do not have before any policy is asked: we must have said so.
                wrong += [] if any(wanted.values()) else [f"{answer['refused']}, and nothing here: {request['object']}"]
                continue
            for name, flawed in wanted.items():
                cells += 1
                denied = name in answer.get("denied", {})
                if name in answer.get("errors", {}) or denied != flawed:
                    wrong.append(f"{name}: {'flawed' if flawed else 'good'} here, {answer}: {request['object']}")
        fallen = [m for a in said["answers"] for texts in a.get("denied", {}).values() for m in texts]
        wrong += [m for m in fallen if m.startswith("FALLBACK")]
        return cells, wrong


def _examples() -> Iterator[tuple[str, str, str, bool]]:
    """(rule, Pod Security version, text, good) of every example of an exported rule."""
    portable = {rule for policy in exported(_all("latest")).policies for rule in policy.rules}
    for found in building.rule_files(CATALOGUE.folder):
        if found.id in portable:
            yield from ((found.id, e.version, e.text, e.good) for e in found.examples)


def _all(version: str) -> Selection:
    # What a level replaces is exported too: here every rule stands for itself.
    return CATALOGUE.select("all", pod_security_version=version, repo_wide=True)


def test_every_rule_on_every_example(go_judge: Path) -> None:
    trial = Trial()
    examples = list(_examples())
    own = 0
    for version in sorted({version for _, version, _, _ in examples}):
        selection = _all(version)
        names, judge = trial.names(selection), Judge(selection)
        for rule, at, text, good in examples:
            if at != version:
                continue
            found = False
            for resource in resources_of(text):
                flawed = our_verdict(judge, resource)
                found |= rule in flawed
                trial.add(resource.value, {names[id]: id in flawed for id in names})
            own += 1
            assert found is not good, (rule, version, text)
    cells, wrong = trial.mismatches(go_judge)
    assert wrong == []
    assert own >= 80
    assert cells > 20 * own


def test_pod_security_cases(go_judge: Path) -> None:
    cases = ((resources_of((case / "pod.yaml").read_text())[0].value, verdicts(case)) for case in POD_SECURITY)
    cells, wrong = _pod_security(go_judge, cases)
    assert wrong == []
    assert cells > 100


def test_golden_pods(go_judge: Path) -> None:
    """1,000 pods x 32 (level, version), judged by the admission controller's own code."""
    shared = os.environ.get("CI_GUARD_SHARED")
    if not shared:
        pytest.skip("CI_GUARD_SHARED does not say where the golden pod-security file is")
    lines = gzip.decompress((Path(shared) / "data" / "pod-security-golden.jsonl.gz").read_bytes()).splitlines()
    cells, wrong = _pod_security(go_judge, map(_golden, lines))
    assert wrong == []
    assert cells == 32_000


def _golden(line: bytes) -> tuple[dict[str, Any], dict[tuple[str, str], list[str]]]:
    given = json.loads(line)
    value = {"apiVersion": "v1", "kind": "Pod", "metadata": given["metadata"], "spec": given["spec"]}
    wanted = {tuple(cell.split("/")): [check for check, _, _ in found] for cell, found in given["verdicts"].items()}
    return value, wanted  # type: ignore[return-value]


def _pod_security(
    program: Path, cases: Iterable[tuple[dict[str, Any], dict[tuple[str, str], list[str]]]]
) -> tuple[int, list[str]]:
    """Cells of (pod, level, version) in which the policies of the level deny other checks than the case says."""
    trial = Trial()
    policies: dict[tuple[str, str], dict[str, str]] = {}
    given = list(cases)
    for value, wanted in given:
        for level, version in wanted:
            if (level, version) not in policies:
                selection = CATALOGUE.select(LEVELS[level], pod_security_version=version)
                checks = {id: s.rule.check for id, s in selection.rules.items() if s.rule.check}
                names = trial.names(selection)
                policies[level, version] = {names[id]: check for id, check in checks.items()}
        trial.requests.append({"object": value, "policies": sorted({n for cell in wanted for n in policies[cell]})})
    said = ask(program, trial.policies, trial.requests)
    assert said["flaws"] == {}
    cells, wrong = 0, []
    for (_, wanted), answer in zip(given, said["answers"], strict=True):
        assert not answer.get("errors"), answer
        for cell, checks in wanted.items():
            cells += 1
            if answer.get("refused"):
                wrong += [] if checks or cell[0] != "restricted" else [f"{cell}: {answer['refused']}"]
                continue
            denied = {check for name, check in policies[cell].items() if name in answer.get("denied", {})}
            if denied != set(checks):
                wrong.append(f"{cell}: {sorted(denied)}, not {checks}")
    return cells, wrong
