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
from ci_guard.export.resources import KINDS
from ci_guard.kubernetes.resources import Resource
from ci_guard.kubernetes.subjects import subjects
from tests.engine.judging import POD_SECURITY, verdicts
from tests.export.admission import CATALOGUE, ask, exported, go_judge, our_verdict, resources_of, text_of
from tests.export.defaulting import defaulted

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
        cells, refused, wrong = 0, 0, []
        for request, wanted, answer in zip(self.requests, self.wanted, said["answers"], strict=True):
            if answer.get("refused"):
                # Refused before any policy is asked: unknown fields, and files that another program completes first.
                refused += 1
                continue
            for name, flawed in wanted.items():
                cells += 1
                denied = name in answer.get("denied", {})
                if name in answer.get("errors", {}) or denied != flawed:
                    wrong.append(f"{name}: {'flawed' if flawed else 'good'} here, {answer}: {request['object']}")
        assert refused < len(self.requests) / 20
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


def is_asked(rule: str, resource: Resource) -> bool:
    """Whether a policy is about a resource: the pods of custom kinds are judged when their controllers create them."""
    return resource.kind in KINDS or resource.kind in CATALOGUE.rules[rule].match.get("kind", ())


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
                trial.add(resource.value, {names[id]: id in flawed for id in names if is_asked(id, resource)})
            own += 1
            assert found is not good, (rule, version, text)
    cells, wrong = trial.mismatches(go_judge)
    rules = len({rule for rule, *_ in examples})
    print(f"{rules} rules, {own} examples, {len(trial.policies)} policies: {cells:,} cells, {len(wrong)} wrong")
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


# What the examples do not show: messages, all kinds that carry a pod, changes of what is there already.

POD_SPEC = {"containers": [{"name": "api", "image": "registry.example/shop:1.4"}], "hostNetwork": True}
TEMPLATE = {"metadata": {"labels": {"app": "shop"}}, "spec": POD_SPEC}
META = {"name": "shop", "namespace": "shop"}
WORKLOAD = {"selector": {"matchLabels": {"app": "shop"}}, "template": TEMPLATE}
CARRIERS: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Pod", "metadata": META, "spec": POD_SPEC},
    {"apiVersion": "v1", "kind": "PodTemplate", "metadata": META, "template": TEMPLATE},
    {"apiVersion": "v1", "kind": "ReplicationController", "metadata": META, "spec": {"template": TEMPLATE}},
    *(
        {"apiVersion": "apps/v1", "kind": kind, "metadata": META, "spec": WORKLOAD}
        for kind in ("ReplicaSet", "Deployment", "StatefulSet", "DaemonSet")
    ),
    {"apiVersion": "batch/v1", "kind": "Job", "metadata": META, "spec": {"template": TEMPLATE}},
    {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": META,
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": TEMPLATE}}},
    },
]


def _one(rule: str) -> dict[str, str]:
    (policy,) = [p for p in exported(_all("latest")).policies if p.rules == (rule,)]
    return {rule: text_of(policy)}


def test_every_kind_that_carries_a_pod(go_judge: Path) -> None:
    policies = _one("host-network")
    answers = ask(go_judge, policies, [{"object": o, "policies": list(policies)} for o in CARRIERS])["answers"]
    for carrier, answer in zip(CARRIERS, answers, strict=True):
        assert answer == {"denied": {"host-network": ["the pod uses the network of the node (hostNetwork)"]}}, carrier


def test_what_is_there_already_may_be_scaled_labelled_and_deleted(go_judge: Path) -> None:
    policies = _one("host-network")
    old = CARRIERS[4]
    scaled = {**old, "metadata": {**META, "labels": {"a": "b"}}, "spec": {**WORKLOAD, "replicas": 0}}
    changed = {**old, "spec": {**WORKLOAD, "template": {**TEMPLATE, "spec": {**POD_SPEC, "hostPID": True}}}}
    requests = [{"object": new, "old": old, "policies": list(policies)} for new in (scaled, changed)]
    same, new = ask(go_judge, policies, requests)["answers"]
    assert same == {"unmatched": ["host-network"]}
    assert list(new["denied"]) == ["host-network"]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": META,
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}],
    }
    leaving = {**role, "metadata": {**META, "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    policies = _one("rbac-wildcard-verbs")
    requests = [{"object": new, "old": role, "policies": list(policies)} for new in (role, leaving)]
    kept, left = ask(go_judge, policies, requests)["answers"]
    assert kept["denied"] == {"rbac-wildcard-verbs": ['Role "shop" allows every verb on ["pods"]']}
    assert left == {"unmatched": ["rbac-wildcard-verbs"]}


# Rules that say nothing of a bare Pod in a cluster, because the field is filled in there before policies are asked.
# (Deployments and their like are judged as they were written.) They are named in docs/exporting.md.
QUIET_AFTER_DEFAULTING = {"priority-class-unset", "deprecated-service-account-field", "probe-timings-unset"}


def test_defaults_raise_no_false_alarms(go_judge: Path) -> None:
    """What the API server and its other plugins fill in turns no good example into a denied one."""
    selection = _all("latest")
    judge, texts = Judge(selection), {p.rules[0]: text_of(p) for p in exported(selection).policies}
    requests, wanted = [], []
    for _, version, text, _ in _examples():
        if version == "latest":
            for resource in resources_of(text):
                requests.append({"object": defaulted(resource.value), "policies": list(texts)})
                wanted.append({rule for rule in our_verdict(judge, resource) if is_asked(rule, resource)})
    false_alarms, quiet = set(), set()
    for flawed, answer in zip(wanted, ask(go_judge, texts, requests)["answers"], strict=True):
        assert not answer.get("errors")
        if not answer.get("refused"):
            denied = answer.get("denied", {}).keys()
            false_alarms |= denied - flawed
            quiet |= flawed & texts.keys() - denied
    assert false_alarms == set()
    assert quiet == QUIET_AFTER_DEFAULTING, "name them in docs/exporting.md, or compare with the default"


def test_ephemeral_containers(go_judge: Path) -> None:
    policies = _one("privileged-container")
    debug = {"name": "debug", "image": "registry.example/sh", "securityContext": {"privileged": True}}
    new = {**CARRIERS[0], "spec": {**POD_SPEC, "ephemeralContainers": [debug]}}
    request = {"object": new, "old": CARRIERS[0], "subresource": "ephemeralcontainers", "policies": list(policies)}
    (answer,) = ask(go_judge, policies, [request])["answers"]
    assert list(answer) == ["denied"]
    assert '"debug"' in answer["denied"]["privileged-container"][0]


def test_one_policy_for_all_pods_says_the_same(go_judge: Path) -> None:
    selection = CATALOGUE.select("pss-restricted")
    apart = {p.name: text_of(p) for p in exported(selection).policies}
    together = {p.name: text_of(p) for p in exported(selection, per_policy="kind").policies}
    values = [resources_of((case / "pod.yaml").read_text())[0].value for case in POD_SECURITY]
    requests = [{"object": v, "policies": [*apart, *together]} for v in values]
    said = ask(go_judge, {**apart, **together}, requests)
    assert said["flaws"] == {}
    assert max(said["costs"].values()) < 1_000_000
    for answer in said["answers"]:
        if answer.get("refused"):
            continue
        denied = answer.get("denied", {})
        messages = denied.pop("ci-guard-pods", [])
        assert {m.split(": ")[0] for m in messages} == {name.removeprefix("ci-guard-") for name in denied}
        assert not answer.get("errors")


def test_messages_are_ours(go_judge: Path) -> None:
    """Every sentence of a finding stands in what the API server says, for all examples of exported rules."""
    selection = _all("latest")
    judge, texts = Judge(selection), {p.rules[0]: text_of(p) for p in exported(selection).policies}
    asked, requests = [], []
    for rule, version, text, good in _examples():
        if good or version != "latest" or CATALOGUE.rules[rule].sensitive:
            continue
        for resource in resources_of(text):
            found = [f for s in subjects(resource) for f in judge.judge(s).findings if f.rule == rule]
            asked.append((rule, {f.message for f in found}))
            requests.append({"object": resource.value, "policies": [rule]})
    compared = 0
    for (rule, sentences), answer in zip(asked, ask(go_judge, texts, requests)["answers"], strict=True):
        told = "; ".join(answer.get("denied", {}).get(rule, []))
        for sentence in sentences:
            compared += 1
            assert sentence in told, (rule, sentence, told)
    assert compared > 60


def test_the_trial_notices_a_policy_that_lets_everything_pass(go_judge: Path) -> None:
    policies = _one("host-network")
    dull = {
        "host-network": policies["host-network"].replace("hostNetwork.orValue(false)", "hostNetwork2.orValue(false)")
    }
    assert dull != policies
    (answer,) = ask(go_judge, dull, [{"object": CARRIERS[0], "policies": ["host-network"]}])["answers"]
    assert answer == {}


def test_the_trial_notices_what_the_api_server_refuses(go_judge: Path) -> None:
    good = _one("host-network")["host-network"]
    broken = {
        "unknown field": good.replace("failurePolicy:", "failPolicy:"),
        "no boolean": good.replace("  - expression: |-\n", "  - expression: |-\n      'x' +\n"),
        "undeclared": good.replace("variables.pod", "variables.pods"),
        "name": good.replace("ci-guard-host-network", "Host_Network"),
    }
    said = ask(go_judge, broken, [])
    assert said["flaws"].keys() == broken.keys()
