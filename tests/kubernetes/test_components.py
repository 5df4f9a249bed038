"""The control plane in manifests: every folder in cases/components is a manifest and what must be found in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.kubernetes import audit
from ci_guard.kubernetes.component_files import merged
from ci_guard.kubernetes.flags import BOOLEAN, Word, parse
from ci_guard.kubernetes.manifests import ManifestDocument, read_manifests
from ci_guard.kubernetes.resources import resources_of
from ci_guard.kubernetes.subjects import subjects
from ci_guard.model.subject import Subject
from ci_guard.source import reader
from ci_guard.source.document import Unreadable

CASES = sorted(p for p in (Path(__file__).parent / "cases" / "components").iterdir() if p.is_dir())
SHARED = os.environ.get("CI_GUARD_SHARED", "")


def components(path: str, data: bytes) -> Iterator[Subject]:
    for document in reader.read(path, data, "kubernetes"):
        if not isinstance(document, Unreadable):
            for resource in resources_of(document, document.value):
                yield from (s for s in subjects(resource) if s.each in {"program", "kubelet"})


def line(subject: Subject, *path: str) -> int:
    region = subject.document.locate((*subject.path, *path)).region
    assert region is not None
    return region.start_line


def check(found: Subject, expected: dict[str, Any]) -> None:
    assert found.variables["subject"] == expected["name"]
    assert line(found) == expected["home"]
    for flag, value in expected.get("flags", {}).items():
        assert found.variables["flags"].get(flag) == value, flag
    for flag, where in expected.get("lines", {}).items():
        assert line(found, flag) == where, flag
    for key, value in expected.get("config", {}).items():
        assert found.variables["config"][key] == value


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_components(case: Path) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    found = []
    for subject in components("manifest.yaml", (case / "manifest.yaml").read_bytes()):
        found.append(subject.variables["subject"])
        check(subject, expected[len(found) - 1])
    assert found == [e["name"] for e in expected]


def test_an_argument_is_named_by_its_list() -> None:
    """Its index would change with every argument above it, and with it the finding's fingerprint."""
    subject = next(components("m.yaml", (CASES[0].parent / "wrapper" / "manifest.yaml").read_bytes()))
    document = subject.document
    assert document.field_path((*subject.path, "anonymous-auth")) == "spec.containers[name=kube-apiserver].args"
    assert document.exists((*subject.path, "anonymous-auth")) and not document.exists((*subject.path, "v-module"))
    assert document.exists(("spec", "containers")) and document.exists(subject.path)


def test_only_what_a_rule_names_is_looked_for() -> None:
    data = (CASES[0].parent / "wrapper" / "manifest.yaml").read_bytes()
    for document in reader.read("m.yaml", data, "kubernetes"):
        assert not isinstance(document, Unreadable)
        (resource,) = resources_of(document, document.value)
        assert {s.each for s in subjects(resource, {"pod"})} == {"resource", "pod"}
        assert {s.each for s in subjects(resource, {"flags"})} == {"resource", "pod", "program"}


@given(st.lists(st.text(max_size=20) | st.sampled_from(["--", "-", "--=", "--a", "--a=b", "-v", *sorted(BOOLEAN)[:3]])))
def test_any_command_line_gives_text(words: list[str]) -> None:
    flags = parse(Word(w, ("args", i)) for i, w in enumerate(words))
    assert all(isinstance(v, str) and "_" not in k for k, v in flags.values.items())
    assert flags.places.keys() == flags.values.keys()


@given(st.sampled_from(sorted(BOOLEAN)), st.sampled_from(["1", "t", "T", "TRUE", "true", "True"]), st.booleans())
def test_a_boolean_reads_like_in_go(name: str, true: str, underscores: bool) -> None:
    written = name.replace("-", "_") if underscores else name
    assert parse([Word(f"--{written}={true}", ())]).values[name] == "true"
    assert parse([Word(f"--{written}", ()), Word("false", ())]).values[name] == "true"
    assert parse([Word(f"--{written}", ()), Word(f"--{name}=F", ())]).values[name] == "false"


JSON = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5),
    lambda c: st.lists(c, max_size=3) | st.dictionaries(st.sampled_from("abc"), c, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_merging_keeps_all_that_is_written(defaults: Any, value: Any) -> None:
    assert merged(value, value) == value
    out = merged(defaults, value)
    if isinstance(value, dict):
        assert isinstance(out, dict) and out.keys() >= value.keys()
    else:
        assert out == value


@given(st.dictionaries(st.sampled_from(["rules", "x"]), JSON, max_size=2))
def test_levels_of_any_policy(policy: dict[str, Any]) -> None:
    assert set(audit.KNOWN) <= audit.levels(policy).keys()


def test_the_first_rule_for_everyone_decides() -> None:
    policy = {
        "rules": [
            {"level": "None", "users": ["system:kube-proxy"]},
            {"level": "None", "nonResourceURLs": ["/healthz*"]},
            {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets", "*/exec"]}]},
            {"level": "None", "resources": [{"group": "apps"}, {"group": "", "resources": ["pods/*"]}]},
            {"level": "Request"},
        ]
    }
    levels = audit.levels(policy)
    wanted = {"secrets": "Metadata", "pods/exec": "Metadata", "pods/proxy": "None", "pods": "Request"}
    assert {k: levels[k] for k in wanted} == wanted
    assert levels["deployments.apps"] == "None"
    assert audit.levels({})["secrets"] == "None"


WORDS = """
apiServer extraArgs etcd local external extraEnvs nodeRegistration kubeletExtraArgs rules clusterConfiguration
joinConfiguration kubeadmConfigSpec spec template files content data name value authentication resources command args
env containers image level
"""
KEYS = st.sampled_from(WORDS.split())
TREE = st.recursive(
    st.booleans() | st.integers() | st.sampled_from(["etcd", "--a=b", "sh", "-c", "kind: Policy", "ETCD_X", ""]),
    lambda c: st.lists(c, max_size=3) | st.dictionaries(KEYS, c, max_size=4),
    max_leaves=25,
)
TYPES = st.sampled_from(
    [
        ("kubeadm.k8s.io/v1beta4", "ClusterConfiguration"),
        ("kubeadm.k8s.io/v1beta3", "JoinConfiguration"),
        ("controlplane.cluster.x-k8s.io/v1beta1", "KubeadmControlPlane"),
        ("bootstrap.cluster.x-k8s.io/v1beta2", "KubeadmConfigTemplate"),
        ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"),
        ("audit.k8s.io/v1", "Policy"),
        ("v1", "ConfigMap"),
        ("v1", "Pod"),
    ]
)


@given(TYPES, st.dictionaries(KEYS, TREE, max_size=4))
def test_any_object_gives_subjects_with_places(typed: tuple[str, str], fields: dict[str, Any]) -> None:
    data = yaml.safe_dump({"apiVersion": typed[0], "kind": typed[1], **fields}).encode()
    for subject in components("m.yaml", data):
        assert line(subject) >= 1
        for name, value in subject.variables.get("flags", {}).items():
            assert isinstance(value, str) and line(subject, name) >= 1
            assert subject.document.field_path((*subject.path, name)) is not None


@given(st.integers(2, 6), st.lists(st.sampled_from(["# note", "", "  # deep", "clusterDNS: []"]), max_size=4))
def test_a_place_in_a_literal_block_is_its_line_of_the_file(indent: int, before: list[str]) -> None:
    inner = ["apiVersion: kubelet.config.k8s.io/v1beta1", "kind: KubeletConfiguration"]
    inner += [*dict.fromkeys(before), "readOnlyPort: 10255"]
    block = [" " * indent + text if text else "" for text in inner]
    text = "\n".join(["apiVersion: v1", "kind: ConfigMap", "metadata: {name: k}", "data:", " k: |", *block, ""])
    (subject,) = components("m.yaml", text.encode())
    region = subject.document.locate((*subject.path, "readOnlyPort")).region
    assert region is not None
    row = text.splitlines()[region.start_line - 1]
    assert row[region.start_column - 1 : region.end_column - 1] == "10255"


@pytest.mark.skipif(not SHARED, reason="the corpora are not here: CI_GUARD_SHARED is not set")
def test_components_of_the_corpora() -> None:
    root = Path(SHARED) / "data" / "corpora"
    found: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(root).as_posix()
            for item in read_manifests(name, path.read_bytes()):
                for resource in item.resources if isinstance(item, ManifestDocument) else ():
                    for subject in subjects(resource, {"flags", "config"}):
                        if subject.each in {"program", "kubelet"}:
                            found.setdefault(subject.variables["subject"], set()).add(name)
    assert all(name.startswith("kops-static-pods/") for names in found.values() for name in names)
    counts = {name: len(files) for name, files in found.items()}
    assert counts == {
        "kube-apiserver": 9,
        "kube-controller-manager": 6,
        "kube-proxy": 6,
        "kube-scheduler": 6,
        "KubeSchedulerConfiguration": 6,
    }
