"""However a privileged pod is dressed up, as long as kubectl would deploy it: it is judged, never skipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.kubernetes.manifests import ManifestDocument, read_manifests
from ci_guard.kubernetes.subjects import subjects

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "app", "image": "nginx", "securityContext": {"privileged": True}}]},
}
Tree = dict[str, Any]


def template(api_version: str, kind: str) -> Callable[[Tree], Tree]:
    return lambda pod: {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": pod["metadata"],
        "spec": {"template": {"metadata": pod["metadata"], "spec": pod["spec"]}},
    }


def annotated(text: str) -> Callable[[Tree], Tree]:
    return lambda pod: {**pod, "metadata": {**pod["metadata"], "annotations": {"a": text}}}


WORKLOADS: list[Callable[[Tree], Tree]] = [
    lambda pod: pod,
    template("apps/v1", "Deployment"),
    template("argoproj.io/v1alpha1", "Rollout"),
    template("example.org/v1", "Thing"),
]
DISGUISES: list[Callable[[Tree], Tree]] = [
    lambda tree: tree,
    annotated("{{ .Values.x }}"),
    annotated("{{- if true }}"),
    annotated("{% raw %}"),
    annotated("$patch: delete"),
    lambda tree: {**tree, "$patch": "merge"},
    lambda tree: {**tree, "$patch": "delete"},
    lambda tree: {**tree, "openAPIV3Schema": {}},
    lambda tree: {**tree, "items": "none"},
    lambda tree: {**tree, "op": "add", "path": "/x"},
    lambda tree: {**tree, "resources": [], "patches": []},
]
WRAPPINGS: list[Callable[[Tree], Tree]] = [
    lambda tree: tree,
    lambda tree: {"apiVersion": "v1", "kind": "List", "items": [tree]},
    lambda tree: {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "List", "items": [tree]}]},
    lambda tree: {"apiVersion": "example.org/v1", "kind": "Anything", "items": [tree]},
    lambda tree: {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Service"}, tree]},
]


def escaped(text: str) -> str:
    """JSON with the telling keys spelled in escapes; YAML reads it too."""
    for word in ("apiVersion", "kind", "containers", "items"):
        text = text.replace(f'"{word}"', '"' + "".join(f"\\u{ord(c):04x}" for c in word) + '"')
    return text


SPELLINGS: list[Callable[[Tree], str]] = [
    yaml.safe_dump,
    lambda tree: yaml.safe_dump(tree, default_flow_style=True),
    lambda tree: yaml.safe_dump(tree, default_style='"'),
    lambda tree: yaml.safe_dump(tree, indent=8, explicit_start=True),
    json.dumps,
    lambda tree: json.dumps(tree, indent="\t"),
    lambda tree: escaped(json.dumps(tree)),
    lambda tree: "x: &all\n" + "".join(f"  {line}\n" for line in yaml.safe_dump(tree).splitlines()) + "<<: *all\n",
]
SURROUNDINGS = st.sampled_from(
    [
        "%s",
        "# {{ .Values.x }}\n---\n%s",
        "values: true\n---\n%s",
        "name: {{ .Values.x }}\n---\n%s",
        "broken: [\n---\n%s",
        "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n---\n%s",
        "%s\n---\n{{- end }}\n",
        "---\n---\n%s\n...\n",
    ]
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
PATHS = st.sampled_from(["a.yaml", "values.yaml", "kustomization.yaml", "Chart.yml", "templates/a.yaml", "<stdin>"])


TEXTS = st.builds(
    lambda workload, disguise, wrapping, spelling, surrounding: (
        surrounding % spelling(wrapping(disguise(workload(POD))))
    ),
    st.sampled_from(WORKLOADS),
    st.sampled_from(DISGUISES),
    st.sampled_from(WRAPPINGS),
    st.sampled_from(SPELLINGS),
    SURROUNDINGS,
)


@given(TEXTS, ENCODINGS, st.booleans(), PATHS)
def test_a_pod_is_judged_whatever_it_wears(text: str, encoding: str, windows: bool, path: str) -> None:
    data = (text.replace("\n", "\r\n") if windows else text).encode(encoding)
    documents = [item for item in read_manifests(path, data) if isinstance(item, ManifestDocument)]
    found = [s for d in documents for r in d.resources for s in subjects(r) if s.each == "pod"]
    privileged = [c for s in found for c in s.nested["container"] if c.variables["securityContext"]["privileged"]]
    assert len(privileged) == 1, text


@pytest.mark.parametrize("spelling", SPELLINGS, ids=range(len(SPELLINGS)))
def test_every_spelling_is_one_that_yaml_reads(spelling: Callable[[Tree], str]) -> None:
    text = spelling(POD)
    assert (json.loads(text) if "\t" in text else yaml.safe_load(text))["spec"] == POD["spec"]
