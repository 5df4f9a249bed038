"""What is exported, and in which words: without the API server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.engine.catalogue import load_catalogue
from ci_guard.engine.expression import Expression
from ci_guard.export.manifest import written
from ci_guard.export.policies import Binding, export
from ci_guard.export.resources import KINDS, POD_KINDS, kinds_of, match_constraints
from ci_guard.export.rules import ExportRule, Items, Judgement, Value
from ci_guard.export.scopes import LOOKED_AT, quoted
from ci_guard.export.selectors import NAME_LABEL, label_selector, namespace_selector
from ci_guard.export.variables import VARIABLES
from ci_guard.kubernetes.pods import POD_KINDS as PODS_ARE_IN
from ci_guard.model.errors import RuleError, UsageError
from ci_guard.model.image_reference import parse_image
from ci_guard.pipeline.export import admission_policies, binding_for, why_not_exported
from tests.export.admission import CATALOGUE, exported


def _policies(*arguments: str) -> tuple[list[dict[str, Any]], str]:
    command = [sys.executable, "-m", "ci_guard", "export", "vap", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout)), done.stderr


def test_every_selected_rule_is_exported_or_named_on_stderr() -> None:
    documents, told = _policies("--profile", "all", "--pod-security-version", "v1.30")
    selected = set(CATALOGUE.select("all", pod_security_version="v1.30", repo_wide=True).rules)
    policies = [d for d in documents if d["kind"] == "ValidatingAdmissionPolicy"]
    inside = {d["metadata"]["annotations"]["ci-guard/rules"] for d in policies}
    named = {
        line.split(": ")[1] for line in told.splitlines() if line.startswith("not exported: ") and line.count(": ") > 1
    }
    assert inside | named == selected
    assert not inside & named
    assert f"{len(inside)} of {len(selected)} rules exported" in told


def test_not_portable_rules_come_with_the_name_that_is_not_there() -> None:
    rules = {id: r.source for id, r in CATALOGUE.rules.items()}
    found = exported(CATALOGUE.select("all", repo_wide=True))
    for rule, reason in found.left_out:
        if rules[rule]["not-portable"]:
            assert reason == "; ".join(rules[rule]["not-portable"])
    unaccounted = [r for r, _ in found.left_out if rules[r]["portable"]]
    by_match = ("is not known", "no built-in kind", "cannot match by", "names no kinds")
    others = {rule: reason for rule, reason in found.left_out if rule in unaccounted}
    assert all(any(words in reason for words in by_match) for reason in others.values()), others


def test_a_file_for_each_policy_with_its_binding(tmp_path: Path) -> None:
    _, told = _policies("--profile", "pss-baseline", "--ignore", "host-port", "--output-dir", str(tmp_path))
    assert "host-port" not in told
    assert not (tmp_path / "ci-guard-host-port.yaml").exists()
    policy, binding = yaml.safe_load_all((tmp_path / "ci-guard-host-pid.yaml").read_text())
    assert binding["spec"]["policyName"] == policy["metadata"]["name"] == "ci-guard-host-pid"
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"]["validationActions"] == ["Deny"]
    (excluded,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert excluded == {"key": NAME_LABEL, "operator": "NotIn", "values": ["kube-system"]}
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    _policies("--profile", "pss-baseline", "--ignore", "host-port", "--output-dir", str(tmp_path))
    assert before == {p.name: p.read_bytes() for p in tmp_path.iterdir()}


def test_one_policy_for_all_rules_about_pods() -> None:
    found = exported(CATALOGUE.select("pss-restricted"), per_policy="kind")
    (policy,) = found.policies
    assert policy.name == "ci-guard-pods"
    assert len(policy.rules) > 15
    for validation in policy.policy["spec"]["validations"]:
        assert validation["message"].split(": ")[0] in policy.rules
    names = [v["name"] for v in policy.policy["spec"]["variables"]]
    assert names == ["pod", "containers", "volumes", "annotations"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--validation-actions", "Deny,Warn"], "Deny and Warn together"),
        (["--validation-actions", "deny"], "'deny' is none of"),
        (["--namespace-selector", "a in b"], "no requirement on labels"),
        (["--exclude-namespaces", "Kube_System"], "no name of a namespace"),
        (["--select", "no-such-rule"], "no-such-rule"),
        (["--profile", "pss-baseline", "--pod-security-version", "1.30"], "1.30"),
    ],
)
def test_wrong_options(arguments: list[str], complaint: str) -> None:
    command = [sys.executable, "-m", "ci_guard", "export", "vap", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert not done.stdout


def test_configured_parameters_are_folded_in(tmp_path: Path) -> None:
    (tmp_path / ".ci-guard.yaml").write_text("rules: {restricted-volume-types: {params: {allowed: [onlyThis]}}}\n")
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "ci_guard", "export", "vap", "--profile", "pss-restricted"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tmp_path, env={"PYTHONPATH": str(root), "PATH": ""}
    )
    assert '["onlyThis"].exists(type, type in volume)' in done.stdout


# The parts.


def test_the_kinds_with_pods_are_those_that_are_judged() -> None:
    assert POD_KINDS.keys() == PODS_ARE_IN.keys()
    assert "reliability" not in KINDS


def test_ephemeral_containers_come_by_a_resource_of_their_own() -> None:
    (rule,) = match_constraints(kinds_of({"kind": ("Pod",)}, pods=True))["resourceRules"]
    assert rule["resources"] == ["pods", "pods/ephemeralcontainers"]


@pytest.mark.parametrize(
    ("match", "pods", "reason"),
    [
        ({}, False, "names no kinds"),
        ({"kind": ("CronTab",)}, False, "CronTab is not known"),
        ({"kind": ("Service",), "group": ("serving.knative.dev",)}, False, "no built-in kind"),
        ({"kind": ("Role",)}, True, "no built-in kind"),
        ({"program": ("etcd",)}, True, "match by program"),
        ({"kind": ("Deployment",), "version": ("v1beta1",)}, True, "no built-in kind"),
    ],
)
def test_what_no_policy_can_match(match: dict[str, tuple[str, ...]], pods: bool, reason: str) -> None:
    with pytest.raises(RuleError, match=reason):
        kinds_of(match, pods=pods)


def test_owners_narrow_the_kinds() -> None:
    assert kinds_of({"pod-owner": ("Deployment", "Pod"), "group": ("apps",)}, pods=True) == ("Deployment",)


def test_a_sensitive_rule_tells_nothing_of_the_object() -> None:
    value = Value("object", "object.?data", several=True)
    judgement = Judgement("resource", "!has(object.data)", message=("it holds ", value), names=frozenset({"object"}))
    rule = ExportRule("plain-secret", "Holds a secret", "high", {"kind": ("ConfigMap",)}, (judgement,), sensitive=True)
    (policy,) = export([rule], Binding()).policies
    (validation,) = policy.policy["spec"]["validations"]
    assert "messageExpression" not in validation and validation["message"] == "Holds a secret"


def test_applicability_is_asked_once_before_the_items() -> None:
    items = (Items("container.?ports", elements=True),)
    judgement = Judgement("container", "item > 0", "container.used", True, items, ("m",), frozenset({"container"}))
    rule = ExportRule("r", "R", "low", {}, (judgement,))
    (policy,) = export([rule], Binding()).policies
    expression = policy.policy["spec"]["validations"][0]["expression"]
    assert "((container.used) ? ((container.?ports.orValue([]) + [])) : []).all(item" in expression


def test_without_a_namespace_selector() -> None:
    assert binding_for("Audit", "", "").namespace_selector is None
    assert binding_for("Warn,Audit", "team=a", "").namespace_selector == {
        "matchExpressions": [{"key": "team", "operator": "In", "values": ["a"]}]
    }
    with pytest.raises(UsageError):
        binding_for("", "", "")


def test_label_selectors() -> None:
    assert label_selector("team=a,env!=test,example.com/tier in (web, db),x notin (y),old,!new") == [
        {"key": "team", "operator": "In", "values": ["a"]},
        {"key": "env", "operator": "NotIn", "values": ["test"]},
        {"key": "example.com/tier", "operator": "In", "values": ["web", "db"]},
        {"key": "x", "operator": "NotIn", "values": ["y"]},
        {"key": "old", "operator": "Exists"},
        {"key": "new", "operator": "DoesNotExist"},
    ]
    assert label_selector(" ") == []


@given(st.text())
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    try:
        found = namespace_selector(text, ["kube-system"])
    except ValueError:
        return
    assert found and all(e["operator"] in {"In", "NotIn", "Exists", "DoesNotExist"} for e in found["matchExpressions"])


_TEXT = st.one_of(
    st.sampled_from(["y", "No", "null", "~", "1", "0x1", "1e3", "12:30", "on", "a: b", "- a", "#", "", "=", "<<"]),
    st.text(),
)


@given(st.dictionaries(st.sampled_from(["name", "spec", "kind"]), st.one_of(_TEXT, st.lists(_TEXT)), min_size=1))
def test_what_is_written_is_read_again_by_both_yamls(value: dict[str, Any]) -> None:
    data = written([value])
    assert list(yaml.safe_load_all(data)) == [value]


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_literals(text: str) -> None:
    assert Expression(quoted(text)).evaluate({}) == text


_NAMES = st.from_regex(
    r"([a-zA-Z0-9.:_-]{1,12}/){0,3}[a-zA-Z0-9._-]{1,12}(:[a-zA-Z0-9._-]{0,6})?(@sha256:[a-f0-9]{60,64})?",
    fullmatch=True,
)
_IMAGES = st.one_of(
    _NAMES,
    st.sampled_from(
        [
            "nginx",
            "index.docker.io/nginx",
            "docker.io/a/b:1",
            "localhost/x",
            "r:5000/x",
            "[::1]:5/x",
            "A/b",
            "a@b@c",
            "",
        ]
    ),
    st.builds("{}/{}@sha256:{}".format, _NAMES, _NAMES, st.just("7" * 64)),
    st.just("f" * 64),
    st.just("a/" * 130 + "b"),
)


@given(_IMAGES)
def test_the_parts_of_an_image_are_those_that_are_judged(reference: str) -> None:
    code = VARIABLES["images"].replace("variables.containers", "pod")
    (member,) = Expression(code).evaluate({"pod": [{"image": reference}]})
    assert member["image"] == parse_image(reference)


def test_every_kind_that_admission_sees_can_be_looked_at() -> None:
    from ci_guard.engine.kinds import KINDS as SUBJECTS

    assert {each for each, kind in SUBJECTS.items() if kind.admission} == LOOKED_AT


def test_show_says_whether_a_rule_is_portable() -> None:
    for rule, line in {"host-port": "portable: yes", "wrong-type": "portable: no, judged by code"}.items():
        command = [sys.executable, "-m", "ci_guard", "rules", "show", rule]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert line in done.stdout
    assert json.loads((CATALOGUE.folder / "catalog.json").read_bytes())["rules"]["host-port"]["portable"] is True


def test_what_is_said_of_a_rule_is_what_is_exported() -> None:
    catalogue = load_catalogue()
    selection = catalogue.select("all", repo_wide=True)
    exported = admission_policies(catalogue, selection, binding_for("Deny", "", ""))
    portable = {rule for policy in exported.policies for rule in policy.rules}
    assert portable == {rule for rule in selection.rules if not why_not_exported(catalogue, rule)}
    assert why_not_exported(catalogue, "kubeconfig-with-token") == "the resource of kind Config is not known"
