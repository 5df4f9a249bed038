"""The API server's verdict on exported policies: our Go program around Kubernetes' own CEL environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ci_guard.engine.catalogue import load_catalogue
from ci_guard.engine.evaluation import Judge
from ci_guard.engine.selection import Selection
from ci_guard.export.manifest import written
from ci_guard.export.policies import Binding, Exported, Policy
from ci_guard.kubernetes.manifests import ManifestDocument, read_manifests
from ci_guard.kubernetes.resources import Resource
from ci_guard.kubernetes.subjects import subjects
from ci_guard.pipeline.export import admission_policies, binding_for

PROGRAM = Path(__file__).parent / "go"
CATALOGUE = load_catalogue()
BINDING = binding_for("Deny", "", "kube-system")


@cache
def _judge(folder: Path) -> Path:
    """Our Go program, built; skips where that cannot be done here, fails where it should have been."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go toolchain here: the policies are not tried with Kubernetes' own CEL library")
    fetched = _go(go, "mod", "download")
    if fetched.returncode:
        pytest.skip(f"the Go modules cannot be fetched here: {fetched.stderr.strip().splitlines()[-1]}")
    program = folder / "judge"
    built = _go(go, "build", "-o", str(program), ".")
    assert built.returncode == 0, built.stderr
    return program


def _go(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GOFLAGS": "-mod=readonly"}
    return subprocess.run(command, cwd=PROGRAM, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def go_judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the built program."""
    return _judge(tmp_path_factory.mktemp("go"))


def ask(program: Path, policies: dict[str, str], requests: list[dict[str, Any]]) -> dict[str, Any]:
    """What the API server would say."""
    given = json.dumps({"policies": policies, "requests": requests})
    done = subprocess.run([str(program)], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def text_of(policy: Policy) -> str:
    """A policy and its binding as they are written."""
    return written([policy.policy, policy.binding]).decode()


def exported(selection: Selection, *, per_policy: str = "one", binding: Binding = BINDING) -> Exported:
    """The policies of a selection."""
    return admission_policies(CATALOGUE, selection, binding, per_policy=per_policy)


def resources_of(text: str, path: str = "manifest.yaml") -> list[Resource]:
    """The resources of a manifest, with their documents."""
    found = [item for item in read_manifests(path, text.encode()) if isinstance(item, ManifestDocument)]
    return [resource for item in found for resource in item.resources]


def our_verdict(judge: Judge, resource: Resource) -> set[str]:
    """The rules that find something in a resource, and those that cannot judge it."""
    out: set[str] = set()
    for subject in subjects(resource):
        judgement = judge.judge(subject)
        out |= {finding.rule for finding in judgement.findings} | {u.rule for u in judgement.unjudged}
    return out
