"""The repo as a whole, from files to findings: each case is a small repo, what is found in it, what nobody can say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.kubernetes.joined import Joined
from ci_guard.kubernetes.joins import Joins
from ci_guard.kubernetes.lean import lean_facts
from ci_guard.kubernetes.manifests import ManifestDocument, read_manifests
from ci_guard.kubernetes.outside import Outside
from ci_guard.kubernetes.repository import Index

CASES = sorted((Path(__file__).parents[1] / "kubernetes" / "cases" / "joins").iterdir())


def judged(root: Path, capsys: pytest.CaptureFixture[str], expected: dict[str, Any], *more: str) -> tuple[Any, Any]:
    options = ["--profile", "all", "--fail-on", "never", "--format", "json", *more]
    assert main(["lint", "--all", *expected["targets"], *options]) == 0
    report = json.loads(capsys.readouterr().out)
    found = {
        f"{f['rule']} {f['location']['path']}:{f['location']['region']['startLine']}"
        for f in report["findings"]
        if f["rule"] in expected["select"]
    }
    return found, {u["rule"] for u in report["unjudged"] if u["rule"] in expected["select"]}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    shutil.copytree(case / "repo", tmp_path / "repo")
    monkeypatch.chdir(tmp_path / "repo")
    found, unjudged = judged(tmp_path / "repo", capsys, expected)
    assert found == set(expected["findings"])
    assert unjudged == set(expected["unjudged"])


def test_without_all_no_join_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CASES[0] / "repo", tmp_path / "repo")
    monkeypatch.chdir(tmp_path / "repo")
    main(["lint", "--profile", "all", "--fail-on", "never", "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert not {"sa-bound-to-admin-workload", "dangling-service"} & {f["rule"] for f in report["findings"]}


def test_one_flaw_is_one_finding_across_both_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default account (seen in the file) and its token (seen in the repo) are mended by one line."""
    shutil.copytree(CASES[0] / "repo", tmp_path / "repo")
    monkeypatch.chdir(tmp_path / "repo")
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: a}\n"
        "spec: {containers: [{name: a, image: registry.example/a:1}]}\n"
    )
    for repo, wanted in ((["--all"], "automount-sa-token"), ([], "")):
        (tmp_path / "repo" / "lonely.yaml").write_text(text, "utf-8")
        assert main(["lint", *repo, ".", "--profile", "all", "--fail-on", "never", "--format", "json"]) == 0
        findings = json.loads(capsys.readouterr().out)["findings"]
        said = [f for f in findings if f["location"]["path"] == "lonely.yaml"]
        (found,) = [f for f in said if f["rule"] == "default-service-account-used"]
        assert found["impliedBy"] == wanted


KEYS = [
    "name",
    "namespace",
    "spec",
    "data",
    "rules",
    "verbs",
    "selector",
    "matchLabels",
    "matchExpressions",
    "podSelector",
    "subjects",
    "roleRef",
    "http",
    "paths",
    "backend",
    "service",
    "port",
    "template",
    "metadata",
    "labels",
    "containers",
    "env",
    "ingress",
    "from",
    "scaleTargetRef",
    "serviceName",
]
NAMES = st.sampled_from(["a", "b", "", None, 3, [], {}, True])
VALUES = st.recursive(
    NAMES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [
        *("v1/Service", "v1/Pod", "v1/ConfigMap", "v1/ServiceAccount", "v1/Namespace", "apps/v1/Deployment"),
        *("apps/v1/StatefulSet", "networking.k8s.io/v1/Ingress", "networking.k8s.io/v1/NetworkPolicy"),
        *("policy/v1/PodDisruptionBudget", "autoscaling/v2/HorizontalPodAutoscaler", "x.example/v1/Own"),
        *("rbac.authorization.k8s.io/v1/ClusterRole", "rbac.authorization.k8s.io/v1/RoleBinding"),
        *("gateway.networking.k8s.io/v1/HTTPRoute", "cilium.io/v2/CiliumNetworkPolicy"),
    ]
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(KINDS, NAMES, NAMES, VALUES, VALUES), max_size=4))
def test_no_value_breaks_a_join(objects: list[tuple[str, Any, Any, Any, Any]]) -> None:
    documents = []
    for kind, name, namespace, spec, more in objects:
        version, _, short = kind.rpartition("/")
        top = more if isinstance(more, dict) else {}
        metadata = {"name": name, "namespace": namespace}
        documents.append({**top, "apiVersion": version, "kind": short, "metadata": metadata, "spec": spec})
    data = "\n---\n".join(json.dumps(d) for d in documents).encode()
    index, found = Index(), []
    for item in read_manifests("a.yaml", data):
        for resource in item.resources if isinstance(item, ManifestDocument) else ():
            index.add(resource, len(found), lean_facts(resource))
            found.append(resource)
    joined = Joined(Joins(index, Outside()))
    for entry in index:
        for subject in joined.subjects(found[entry.document], entry):
            assert subject.variables["repo"] == {"complete": True}
