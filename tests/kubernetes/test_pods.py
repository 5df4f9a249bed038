"""Where the pods are: every folder in cases/pods is a manifest and the pods that must be found in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.kubernetes.pods import POD_KINDS
from ci_guard.kubernetes.resources import Resource, resources_of
from ci_guard.kubernetes.subjects import images_of, subjects
from ci_guard.model.location import Location, NodePath, render_path
from ci_guard.model.subject import Nested, Subject
from ci_guard.source import reader
from ci_guard.source.document import Unreadable

CASES = sorted(p for p in (Path(__file__).parent / "cases" / "pods").iterdir() if p.is_dir())


def read(path: Path) -> list[Resource]:
    found: list[Resource] = []
    for document in reader.read(path.name, path.read_bytes(), "kubernetes"):
        assert not isinstance(document, Unreadable)
        found += resources_of(document, document.value)
    return found


def place(nested: Nested) -> str:
    return f"{nested.id.container} {render_path(nested.path)}".strip()


def summary(subject: Subject) -> dict[str, object]:
    security = subject.nested["security-context"]
    assert [s.path for s in security[1:]] == [c.path for c in subject.nested["container"]]
    return {
        "path": render_path(subject.path),
        "security": render_path(security[0].path),
        "containers": [place(c) for c in subject.nested["container"]],
        "volumes": [place(v) for v in subject.nested["volume"]],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_pods(case: Path) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    resources = read(case / "manifest.yaml")
    pods = [summary(s) for r in resources for s in subjects(r) if s.each == "pod"]
    assert pods == [{"volumes": [], **p} for p in expected["pods"]]
    malformed = [f"{render_path(m.path)}: {m.found} is not {m.expected}" for r in resources for m in r.malformed]
    assert malformed == expected.get("malformed", [])


def test_every_pod_kind_has_a_case() -> None:
    kinds = {r.kind for case in CASES for r in read(case / "manifest.yaml") if r.pods}
    assert set(POD_KINDS) <= kinds


class Nowhere:
    """Positions of a document that has none."""

    path = "x.yaml"

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        return Location(self.path)

    def exists(self, path: NodePath) -> bool:
        return True

    def field_path(self, path: NodePath) -> str:
        return render_path(path)


WORDS = st.sampled_from(
    [
        "apiVersion",
        "kind",
        "metadata",
        "spec",
        "template",
        "jobTemplate",
        "containers",
        "initContainers",
        "volumes",
        "image",
        "name",
        "items",
        "templates",
        "container",
        "script",
        "dag",
        "steps",
        "tasks",
        "inline",
        "taskSpec",
        "annotations",
        "securityContext",
        "$patch",
        "podTemplate",
        "workflowSpec",
        "pipelineSpec",
        "sidecars",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | WORDS
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(), inner, max_size=5),
    max_leaves=25,
)
TYPES = st.sampled_from(
    [("v1", kind) for kind in ("List", "ServiceList", *POD_KINDS)]
    + [("argoproj.io/v1alpha1", kind) for kind in ("Workflow", "CronWorkflow", "Rollout")]
    + [("tekton.dev/v1", kind) for kind in ("Task", "PipelineRun", "Pipeline", "TaskRun")]
    + [("example.org/v1", "Thing"), ("template.openshift.io/v1", "Template")]
)


@given(TYPES, st.dictionaries(st.sampled_from(["spec", "metadata", "items", "template", "objects"]), TREES))
def test_no_tree_raises(types: tuple[str, str], tree: dict[str, object]) -> None:
    api_version, kind = types
    for resource in resources_of(Nowhere(), {"apiVersion": api_version, "kind": kind, **tree}):
        for subject in subjects(resource):
            for members in subject.nested.values():
                assert all(isinstance(member.variables, dict) for member in members)
            if subject.each == "pod":
                assert isinstance(subject.variables["pod"]["metadata"], dict)
                assert isinstance(subject.variables["pod"]["spec"], dict)
        list(images_of(resource))
        for malformed in resource.malformed:
            assert malformed.expected != malformed.found


@given(TREES)
def test_no_value_raises(tree: object) -> None:
    for resource in resources_of(Nowhere(), tree):
        list(subjects(resource))


def test_a_pod_carries_everything() -> None:
    text = b"""
apiVersion: batch/v1
kind: Job
metadata: {name: j, namespace: s}
spec:
  template:
    metadata: {annotations: {a: b}}
    spec:
      securityContext: {runAsUser: 1}
      containers: [{name: c, image: "registry.example:5000/x/y:1", securityContext: {privileged: true}}, {name: d}]
      volumes: [{name: plain}, {name: host, hostPath: {path: /}}, {name: i, image: {reference: art@x}}]
"""
    (document,) = reader.read("j.yaml", text, "kubernetes")
    assert not isinstance(document, Unreadable)
    (resource,) = resources_of(document, document.value)
    _, bare = subjects(resource, needs=frozenset({"pod"}))
    assert "image" not in bare.nested["container"][0].variables
    whole, pod = subjects(resource)
    assert whole.each == "resource"
    assert whole.variables["object"] is resource.value
    assert whole.match == {"kind": "Job", "group": "batch", "version": "v1"}
    assert pod.match == {"kind": "Job", "group": "batch", "version": "v1", "pod-owner": "Job"}
    assert str(pod.nested["container"][0].id) == "Job s/j (container c)"
    first, second = (c.variables for c in pod.nested["container"])
    assert first["image"]["registry"] == "registry.example:5000"
    assert first["subject"] == 'container "c"'
    assert (second["securityContext"], second["image"]["valid"]) == ({}, False)
    contexts = [s.variables for s in pod.nested["security-context"]]
    assert [c["subject"] for c in contexts] == ["pod", 'container "c"', 'container "d"']
    assert [c["securityContext"] for c in contexts] == [{"runAsUser": 1}, {"privileged": True}, {}]
    volumes = [v.variables["volume"] for v in pod.nested["volume"]]
    assert volumes[0] == {"name": "plain", "emptyDir": {}}
    assert "emptyDir" not in volumes[1]
    (annotation,) = pod.nested["annotation"]
    assert annotation.variables["annotation"] == {"key": "a", "value": "b"}
    assert annotation.path == ("spec", "template", "metadata", "annotations", "a")
    images = list(images_of(resource))
    assert [render_path(i.path) for i in images] == [
        "spec.template.spec.containers[0].image",
        "spec.template.spec.volumes[2].image.reference",
    ]
    assert images[1].facts["valid"] is False
