"""What the engine says of manifests: places, words, wrong types, implied findings, counts, and what it costs."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.engine.catalogue import Catalogue
from ci_guard.engine.evaluation import Judge
from ci_guard.engine.selection import Exemption, RuleOverride, Selection
from ci_guard.kubernetes.resources import resources_of
from ci_guard.kubernetes.subjects import subjects
from ci_guard.model.finding import Finding, sort_key
from ci_guard.model.location import Location
from ci_guard.model.record import replace
from ci_guard.model.subject import Nested, Subject, SubjectId
from ci_guard.source.reader import read
from tests.engine.judging import CATALOGUE, found, judged, pod_of, pod_rules, subjects_of

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: shop, namespace: web}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: api
    image: registry.example/shop:1.4@sha256:7777777777777777777777777777777777777777777777777777777777777777
    securityContext:
      allowPrivilegeEscalation: false
      capabilities:
        drop: [ALL]
"""


def findings(text: str, selection: Selection | None = None) -> list[Finding]:
    return sorted((f for j in judged(text, selection) for f in j.findings), key=sort_key)


def only(text: str, rule: str) -> Finding:
    (finding,) = [f for f in findings(text) if f.rule == rule]
    return finding


def test_a_clean_pod_has_no_findings_and_was_looked_at() -> None:
    assert findings(POD) == []
    evaluated = {k: v for j in judged(POD) for k, v in j.evaluated.items()}
    assert evaluated["privileged-container"] == 1
    assert evaluated["host-network"] == 1
    assert evaluated["caps-beyond-baseline"] == 1  # no capability was added: it looked, and all is well
    assert evaluated["may-run-as-root"] == 2  # the pod and its container, each once, though two judgements looked
    assert "host-path-volume" not in evaluated  # there is no volume to look at
    assert "rbac-wildcard-verbs" not in evaluated


def test_not_applicable_is_not_evaluated() -> None:
    windows = POD.replace("spec:\n", "spec:\n  os: {name: windows}\n")
    evaluated = {k: v for j in judged(windows) for k, v in j.evaluated.items()}
    assert {"allow-privilege-escalation", "capabilities-not-dropped", "caps-added-any"}.isdisjoint(evaluated)
    assert evaluated["caps-beyond-baseline"] == 1


def test_a_finding_names_place_subject_and_thing() -> None:
    text = POD.replace("drop: [ALL]", "drop: [ALL]\n        add: [CHOWN, SYS_ADMIN]")
    finding = only(text, "caps-beyond-baseline")
    assert finding.message == 'container "api" adds capability SYS_ADMIN'
    region = finding.location.region
    assert region is not None
    line = text.splitlines()[region.start_line - 1]
    assert line[region.start_column - 1 : region.end_column - 1] == "SYS_ADMIN"
    assert finding.location.snippet == line
    assert finding.subject == SubjectId("Pod", "shop", "web", "v1", "api")
    assert finding.path == "spec.containers[name=api].securityContext.capabilities.add"
    assert finding.key == "SYS_ADMIN"


def test_order_in_a_list_does_not_change_the_identity() -> None:
    one = only(POD.replace("drop: [ALL]", "drop: [ALL]\n        add: [CHOWN, SYS_ADMIN]"), "caps-beyond-baseline")
    two = only(POD.replace("drop: [ALL]", "drop: [ALL]\n        add: [SYS_ADMIN]"), "caps-beyond-baseline")
    assert (one.path, one.key) == (two.path, two.key)


def test_two_ports_are_told_apart() -> None:
    text = POD + "    ports: [{containerPort: 1, hostPort: 1}, {containerPort: 2, hostPort: 2}]\n"
    assert {f.key for f in findings(text) if f.rule == "host-port"} == {"1", "2"}


def test_implied_findings_are_kept_and_marked() -> None:
    text = POD.replace("drop: [ALL]", "drop: [ALL]\n        add: [CHOWN, SYS_ADMIN]")
    said = {f.key: f.implied_by for f in findings(text) if f.rule == "caps-added-any"}
    assert said == {"CHOWN": "", "SYS_ADMIN": "caps-beyond-baseline"}
    volume = POD + "  volumes: [{name: v, hostPath: {path: /}}]\n"
    assert only(volume, "restricted-volume-types").implied_by == "host-path-volume"


def test_an_implied_finding_counts_where_the_other_rule_is_not_selected() -> None:
    volume = POD + "  volumes: [{name: v, hostPath: {path: /}}]\n"
    rules = {f.rule: f for f in findings(volume, CATALOGUE.select("pss-restricted"))}
    assert rules["restricted-volume-types"].counts
    assert "host-path-volume" not in rules  # the restricted check stands in for it


@pytest.mark.parametrize(
    ("old", "new", "path", "rules"),
    [
        ("drop: [ALL]", "drop: ALL", "securityContext.capabilities.drop", {"capabilities-not-dropped"}),
        ("drop: [ALL]", "add: NET_RAW", "securityContext.capabilities.add", {"caps-added-any", "caps-beyond-baseline"}),
        (
            "allowPrivilegeEscalation: false",
            'allowPrivilegeEscalation: "false"',
            "securityContext.allowPrivilegeEscalation",
            {"allow-privilege-escalation"},
        ),
        (
            "allowPrivilegeEscalation: false",
            'privileged: "true"',
            "securityContext.privileged",
            {"privileged-container"},
        ),
        ("allowPrivilegeEscalation: false", 'runAsUser: "0"', "securityContext.runAsUser", {"run-as-root-uid"}),
        (
            "    securityContext:",
            "    ports: [{hostPort: x}]\n    securityContext:",
            "ports[0].hostPort",
            {"host-port"},
        ),
        ("drop: [ALL]", "drop: {ALL: x}", "securityContext.capabilities.drop", {"capabilities-not-dropped"}),
        (
            "drop: [ALL]",
            "add: {CHOWN: x}",
            "securityContext.capabilities.add",
            {"caps-added-any", "caps-beyond-baseline"},
        ),
        ("drop: [ALL]", "add: {}", "securityContext.capabilities.add", {"caps-added-any", "caps-beyond-baseline"}),
        ("    securityContext:", "    ports: 80\n    securityContext:", "ports", {"host-port"}),
        (
            "    securityContext:",
            "    livenessProbe: {httpGet: nope}\n    securityContext:",
            "livenessProbe.httpGet",
            {"host-probe-or-lifecycle-host"},
        ),
    ],
)
def test_a_wrong_type_never_passes(old: str, new: str, path: str, rules: set[str]) -> None:
    text = POD.replace(old, new)
    wrong = only(text, "wrong-type")
    assert wrong.path == f"spec.containers[name=api].{path}"
    assert wrong.severity == "high"
    region = wrong.location.region
    assert region is not None and path.rpartition(".")[2].partition("[")[0] in text.splitlines()[region.start_line - 1]
    unjudged = {u.rule for j in judged(text) for u in j.unjudged}
    assert unjudged == rules
    evaluated = {k: v for j in judged(text) for k, v in j.evaluated.items()}
    assert all(evaluated.get(rule, 0) == (rule == "run-as-root-uid") for rule in rules), "only the pod was looked at"
    assert "host-network" in evaluated, "one wrong field does not stop the other rules"


@pytest.mark.parametrize("written", ["securityContext: []", "securityContext: text", "securityContext: 1"])
def test_a_scalar_where_a_map_belongs(written: str) -> None:
    text = POD[: POD.index("    securityContext:\n")] + f"    {written}\n"
    assert only(text, "wrong-type").path == "spec.containers[name=api].securityContext"


@pytest.mark.parametrize(
    ("field", "rule"),
    [("hostUsers", "may-run-as-root"), ("hostNetwork", "host-network"), ("os", "allow-privilege-escalation")],
)
def test_a_wrong_type_beside_the_containers(field: str, rule: str) -> None:
    text = POD.replace("spec:\n", f'spec:\n  {field}: "false"\n')
    assert only(text, "wrong-type").path == f"spec.{field}"
    assert rule in {u.rule for j in judged(text) for u in j.unjudged}


def test_hostile_values_are_escaped_and_cut() -> None:
    name = "a\\u001b[2J\\u202e" + "x" * 200
    text = POD.replace("drop: [ALL]", f'drop: [ALL]\n        add: ["{name}"]')
    finding = only(text, "caps-beyond-baseline")
    assert finding.message.isprintable()
    assert "\\u001b" in finding.message and "\\u202e" in finding.message
    assert len(finding.message) < 160


def test_exemptions_are_kept_as_suppressed() -> None:
    text = POD.replace("name: shop, namespace: web", "name: kube-apiserver, namespace: kube-system").replace(
        "spec:\n", "spec:\n  hostNetwork: true\n  hostPID: true\n"
    )
    by_rule = {f.rule: f for f in findings(text, CATALOGUE.select("default"))}
    suppressed = by_rule["host-network"].suppressed
    assert suppressed is not None and suppressed.origin == "profile default" and suppressed.reason
    assert by_rule["host-pid"].counts, "the control plane does not need the node's processes"
    isolation = {rule for rule in by_rule if CATALOGUE.rules[rule].category == "pod-security"}
    assert {rule for rule in isolation if by_rule[rule].counts} == {"host-pid"}
    elsewhere = {f.rule: f for f in findings(text.replace("kube-system", "default"), CATALOGUE.select("default"))}
    assert elsewhere["host-network"].counts


def test_exemption_patterns() -> None:
    exemption = Exemption(frozenset({"x"}), "why", kinds=("Pod",), names=("kube-*",))
    assert exemption.covers(SubjectId("Pod", "kube-proxy", "any"))
    assert not exemption.covers(SubjectId("Deployment", "kube-proxy"))
    assert not exemption.covers(SubjectId("Pod", "proxy"))


def test_sensitive_rules_tell_no_value() -> None:
    selection = CATALOGUE.select("all")
    selected = selection.rules["caps-beyond-baseline"]
    secret = replace(selected, rule=replace(selected.rule, source={**selected.rule.source, "sensitive": True}))
    hidden = replace(selection, rules={**selection.rules, "caps-beyond-baseline": secret})
    text = POD.replace("drop: [ALL]", "drop: [ALL]\n        add: [SYS_ADMIN]")
    (finding,) = [f for f in findings(text, hidden) if f.rule == "caps-beyond-baseline"]
    assert finding.location.snippet == "" and finding.location.region
    assert finding.key == ""


def test_rules_that_code_judges_are_emitted_by_id() -> None:
    selection = CATALOGUE.select("default")
    where = Location("a.yaml", snippet="x: 1")
    finding = selection.emit("duplicate-key", location=where, subject=SubjectId("file", "a.yaml"), values={"key": "x"})
    assert finding is not None
    assert finding.message == "the key x is there twice: readers disagree which one counts"
    assert finding.severity == "high"
    without = CATALOGUE.select("default", ignore=["duplicate-key"])
    assert without.emit("duplicate-key", location=where, subject=SubjectId("file", "a.yaml")) is None


def test_a_fact_that_no_room_handed_over_is_not_judged() -> None:
    catalog = json.loads((CATALOGUE.folder / "catalog.json").read_bytes())
    catalog["rules"]["host-network"] |= {"require": "serviceAccount.?automount.orValue(true) == true"}
    selection = pod_rules(Catalogue(CATALOGUE.folder, catalog, {}))
    assert "serviceAccount" in selection.needs
    (judgement,) = [j for j in judged(POD, selection) if j.unjudged]
    (unjudged,) = judgement.unjudged
    assert unjudged.rule == "host-network" and "serviceAccount" in unjudged.reason
    assert "host-network" not in judgement.evaluated
    assert "privileged-container" in judgement.evaluated
    assert judgement.findings == []


def test_exhausting_the_budget_is_not_judged() -> None:
    catalog = json.loads((CATALOGUE.folder / "catalog.json").read_bytes())
    loops = "pod.metadata.labels.all(a, pod.metadata.labels.all(b, pod.metadata.labels.all(c, a != ' ' + b + c)))"
    catalog["rules"]["host-network"] |= {"require": loops}
    labels = ", ".join(f"l{n}: x" for n in range(40))
    text = POD.replace("name: shop,", f"name: shop, labels: {{{labels}}},")
    judgements = judged(text, Catalogue(CATALOGUE.folder, catalog, {}).select("all"))
    assert [u.rule for j in judgements for u in j.unjudged] == ["host-network"]
    assert any(j.evaluated["host-pid"] == 1 for j in judgements)


def big_pod(containers: int) -> str:
    head, body = POD.split("  containers:\n")
    each = "".join(body.replace("name: api", f"name: c{n}").replace("[ALL]", "[]") for n in range(containers))
    return head + "  containers:\n" + each


def test_the_work_grows_with_the_containers_and_not_with_their_square() -> None:
    """Counted, not timed: evaluations, and the values handed over for conversion."""

    def counted(containers: int) -> tuple[int, int]:
        judge = Judge(CATALOGUE.select("default"))
        pod = pod_of(big_pod(containers))
        (program,) = judge._programs_of(pod)
        handed: list[int] = []
        real = program.expression

        class Counting:
            text = real.text

            def evaluate(self, variables: dict[str, Any]) -> Any:
                handed.append(len(json.dumps(variables)))
                return real.evaluate(variables)

        program.expression = Counting()  # type: ignore[assignment]
        judgement = judge.judge(pod)
        assert sum(f.rule == "capabilities-not-dropped" for f in judgement.findings) == containers
        return len(handed), sum(handed)

    (calls_10, size_10), (calls_40, size_40), (calls_160, size_160) = counted(10), counted(40), counted(160)
    assert (calls_10, calls_40, calls_160) == (1, 2, 6)  # 32 at a time; the pod itself has a security context too
    assert size_40 < 4.5 * size_10 and size_160 < 4.5 * size_40


def test_big_pods_are_judged_whole() -> None:
    for containers in (31, 32, 33, 100):
        (judgement,) = [j for j in judged(big_pod(containers)) if j.evaluated["privileged-container"]]
        assert judgement.evaluated["privileged-container"] == containers
        paths = {f.path for f in judgement.findings if f.rule == "capabilities-not-dropped"}
        assert len(paths) == containers


def test_findings_do_not_depend_on_the_order_of_rules() -> None:
    selection = CATALOGUE.select("all")
    text = POD.replace("drop: [ALL]", "add: [SYS_ADMIN, CHOWN]") + "  volumes: [{name: v, hostPath: {path: /}}]\n"
    turned = replace(selection, rules=dict(reversed(selection.rules.items())))
    assert findings(text, selection) == findings(text, turned)


def test_a_selection_can_be_pickled() -> None:
    selection = CATALOGUE.select("default", overrides={"unsafe-sysctls": RuleOverride(params={"allowed": ["a"]})})
    assert pickle.loads(pickle.dumps(selection)) == selection


def test_resources_and_items() -> None:
    role = """\
apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {name: r}
  rules:
  - {apiGroups: [""], resources: [pods], verbs: [get]}
  - apiGroups: [""]
    resources: [secrets]
    verbs: ["*"]
- apiVersion: example.org/v1
  kind: Role
  rules: [{verbs: ["*"]}]
"""
    selection = CATALOGUE.select("all", categories={"rbac"})
    (finding,) = [f for j in judged(role, selection) for f in j.findings if f.rule == "rbac-wildcard-verbs"]
    assert finding.message == 'Role "r" allows every verb on ["secrets"]'
    assert finding.path == "items[0].rules[1].verbs"
    assert finding.location.region is not None and finding.location.region.start_line == 11


# Anything may stand in a manifest.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *("securityContext", "privileged", "capabilities", "add", "drop", "runAsUser", "runAsNonRoot", "hostUsers"),
        *("seccompProfile", "type", "ports", "hostPort", "name", "livenessProbe", "httpGet", "host", "lifecycle"),
        *("preStop", "image", "os", "hostNetwork", "sysctls", "procMount", "appArmorProfile", "seLinuxOptions"),
    ]
)
PODLIKE = st.recursive(
    JSON, lambda inner: st.dictionaries(FIELDS, inner, max_size=4) | st.lists(inner, max_size=3), max_leaves=20
)


@settings(max_examples=150, deadline=None)
@given(spec=st.dictionaries(FIELDS, PODLIKE, max_size=4), containers=st.lists(PODLIKE, max_size=3), volumes=PODLIKE)
def test_any_pod_is_judged_without_an_exception(spec: Any, containers: Any, volumes: Any) -> None:
    value = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {**spec, "containers": containers}}
    value["spec"]["volumes"] = volumes
    (document,) = read("pod.json", b"{}", "json")
    selection = CATALOGUE.select("all")
    judge, turned = Judge(selection), Judge(replace(selection, rules=dict(reversed(selection.rules.items()))))
    for resource in resources_of(document, value):
        for subject in subjects(resource):
            one, two = judge.judge(subject), turned.judge(subject)
            assert sorted(one.findings, key=sort_key) == sorted(two.findings, key=sort_key)
            assert one.evaluated == two.evaluated
            assert {(u.rule, u.reason) for u in one.unjudged} == {(u.rule, u.reason) for u in two.unjudged}
            judged_or_not = one.evaluated.keys() | {u.rule for u in one.unjudged}
            assert {f.rule for f in one.findings} - {"wrong-type"} <= judged_or_not


def test_members_without_facts_are_not_judged() -> None:
    pod = next(s for s in subjects_of(POD) if s.each == "pod")
    bare = replace(pod, nested={"container": [Nested(pod.id, pod.path, {"container": {}})]})
    judgement = Judge(CATALOGUE.select("default")).judge(bare)
    assert any("image" in u.reason for u in judgement.unjudged)
    assert isinstance(bare, Subject)


def test_found_reads_well() -> None:
    assert found(POD.replace("spec:\n", "spec:\n  hostPID: true\n")) == {
        "host-pid": ["the pod sees the processes of the node (hostPID)"]
    }
