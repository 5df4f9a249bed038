"""The examples for other CIs: valid where they go, pinned, and their scripts do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

DIGEST = "sha256:" + "0123456789abcdef" * 4
FLAWED = """\
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: b}
spec: {hostPID: true, containers: [{name: a, image: x}]}
"""
GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n"
SCHEMAS = {
    "gitlab-ci.yml": "gitlab-ci",
    "azure-pipelines.yml": "azure-pipelines",
    "circleci/config.yml": "circle-ci",
    "buildkite/pipeline.yml": "buildkite",
}


def example(checkout: Path, name: str) -> str:
    text = (checkout / "examples/ci" / name).read_text("utf-8")
    return text.replace("sha256:<digest>", DIGEST).replace("<commit>", "0123456789" * 4)


def component(checkout: Path, **inputs: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """The component's header, and its jobs with the inputs put in as GitLab does: text for text."""
    header, jobs = (checkout / "templates/ci-guard.yml").read_text("utf-8").split("\n---\n")
    spec: dict[str, Any] = yaml.safe_load(header)["spec"]
    known = {name: value.get("default") for name, value in spec["inputs"].items()} | inputs
    shown = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in known.items()}
    filled: dict[str, Any] = yaml.safe_load(re.sub(r"\$\[\[ inputs\.([a-z-]+) \]\]", lambda m: shown[m[1]], jobs))
    return spec, filled


def schema(name: str) -> Any:
    pytest.importorskip("check_jsonschema")
    vendored = files("check_jsonschema").joinpath(f"builtin_schemas/vendor/{name}.json")
    return jsonschema_rs.validator_for(json.loads(vendored.read_text("utf-8")), ignore_unknown_formats=True)


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_what_its_service_reads(checkout: Path, name: str) -> None:
    schema(SCHEMAS[name]).validate(yaml.safe_load(example(checkout, name)))


def test_the_component_is_what_gitlab_reads(checkout: Path) -> None:
    header, jobs = component(checkout, image=f"registry.example/ci-guard@{DIGEST}")
    schema("gitlab-ci").validate({"spec": header})
    schema("gitlab-ci").validate(jobs)
    assert "$[[" not in json.dumps(jobs)
    included = yaml.safe_load(example(checkout, "gitlab-ci.yml"))["include"][0]
    assert set(included["inputs"]) <= set(header["inputs"])
    assert re.search(header["inputs"]["image"]["regex"], included["inputs"]["image"])
    assert not re.search(header["inputs"]["image"]["regex"], "registry.example/ci-guard:latest")


def test_only_the_job_that_signs_has_an_identity(checkout: Path) -> None:
    _, jobs = component(checkout, image="x", sign=True)
    assert [name for name, job in jobs.items() if "id_tokens" in job] == ["ci-guard-sign"]
    assert jobs["ci-guard-sign"]["id_tokens"] == {"SIGSTORE_ID_TOKEN": {"aud": "sigstore"}}
    assert [rule["if"] for rule in jobs["ci-guard-sign"]["rules"]] == [
        '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && "true" == "true"'
    ], "never on a merge request"


def test_everything_is_pinned(checkout: Path) -> None:
    texts = [path.read_text("utf-8") for path in (checkout / "examples/ci").rglob("*") if path.is_file()]
    assert len(texts) == 6
    for text in texts:
        assert re.search(r"registry\.example/OWNER/ci-guard@sha256:<digest>", text)
        assert not re.search(r"(?m)^\s*(?:- )?image:\s*(?!.*@sha256:)\S", text)


def jenkins_script(text: str) -> str:
    found = re.search(r"sh \'\'\'(.*?)\'\'\'", text, re.DOTALL)
    assert found
    return found[1]


def gitlab_script(checkout: Path) -> str:
    job = component(checkout, image="x")[1]["ci-guard"]
    variables = "".join(f"export {name}='{value}'\n" for name, value in job["variables"].items())
    return variables + "set -eu\n" + "\n".join(job["script"])


def script_of(checkout: Path, name: str) -> str:
    if name == "gitlab":
        return gitlab_script(checkout)
    text = example(checkout, name)
    if name == "Jenkinsfile":
        return jenkins_script(text)
    loaded = yaml.safe_load(text)
    if name.startswith("azure"):
        return f"export IMAGE=x\n{loaded['steps'][1]['bash']}"
    if name.startswith("circleci"):
        step = loaded["jobs"]["ci-guard"]["steps"][1]
        return f"export CI_GUARD_TARGET=main CIRCLE_BRANCH=main\n{step['run']['command']}"
    if name.startswith("buildkite"):
        return "export IMAGE=x\n" + str(loaded["steps"][0]["command"]).replace("$$", "$")
    return f"export TARGET=. RESULT=result\n{loaded['spec']['steps'][0]['script']}"


RUNS = [
    *(("gitlab", FLAWED, 1), ("gitlab", GOOD, 0), ("Jenkinsfile", FLAWED, 1), ("azure-pipelines.yml", FLAWED, 1)),
    *(("circleci/config.yml", FLAWED, 1), ("buildkite/pipeline.yml", FLAWED, 1)),
    *(("tekton/task.yaml", FLAWED, 1), ("tekton/task.yaml", GOOD, 0)),
]


def run_script(checkout: Path, folder: Path, name: str, **variables: str) -> tuple[int, str]:
    """The example's script for real in `folder`, `docker run … IMAGE` replaced by the command of the image."""
    programs = folder.parent / "bin"
    programs.mkdir()
    take_environment = '[ "$1" != -e ] || export "$2"'
    stubs = {
        "ci-guard": f'#!/bin/sh\nexec "{sys.executable}" -m ci_guard "$@"\n',
        "docker": f'#!/bin/sh\nwhile [ "$1" != x ]; do {take_environment}; shift; done\nshift\nexec ci-guard "$@"\n',
    }
    for program, text in stubs.items():
        (programs / program).write_text(text)
        (programs / program).chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CI_", "GITHUB_", "GITLAB_"))}
    environ = {**kept, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(checkout), **variables}
    shell = shutil.which("bash") or "sh"
    done = subprocess.run(
        [shell, "-c", script_of(checkout, name)], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "manifest", "code"), RUNS, ids=[f"{name}-{code}" for name, _, code in RUNS])
def test_its_script_judges(checkout: Path, tmp_path: Path, name: str, manifest: str, code: int) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/pod.yaml").write_text(manifest)
    exit_code, said = run_script(checkout, tmp_path / "repo", name)
    assert exit_code == code, said
    results = tmp_path / "repo/ci-guard-results"
    assert {"ci-guard.sarif", "sbom.cdx.json", "verdict.json"} <= {path.name for path in results.iterdir()}
    if name == "gitlab":
        rules = {issue["check_name"] for issue in json.loads((results / "gl-code-quality-report.json").read_text())}
        assert ("host-pid" in rules) == bool(code)
    elif name.startswith("tekton"):
        assert (tmp_path / "repo/result").read_text() == ("closed" if code else "open")
    else:
        assert "host-pid" in (results / "junit.xml").read_text()


CHANGES = {
    "gitlab": {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "BASE"},
    "Jenkinsfile": {"CHANGE_TARGET": "main"},
    "azure-pipelines.yml": {"TARGET": "refs/heads/main"},
    "buildkite/pipeline.yml": {"BUILDKITE_PULL_REQUEST": "7", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_does_not_choose_its_judge(
    checkout: Path, repo: Path, tmp_path: Path, git: Callable[..., str], name: str
) -> None:
    """The change turns the gate off and brings a flaw: the policy of the base still judges."""
    (repo / ".ci-guard.yaml").write_text("fail-on: high\n")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message=base")
    base = git(repo, "rev-parse", "HEAD").strip()
    clone = tmp_path / "clone/repo"
    git(tmp_path, "clone", "--quiet", str(repo), str(clone))
    (clone / ".ci-guard.yaml").write_text("fail-on: never\n")
    (clone / "pod.yaml").write_text(FLAWED)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message=change")
    variables = {key: value.replace("BASE", base) for key, value in CHANGES[name].items()}
    code, said = run_script(checkout, clone, name, **variables)
    assert code == 1, said
    assert f"judged by the policy of the base commit {base[:12]}" in said


def test_the_task_passes_our_own_rules(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(example(checkout, "tekton/task.yaml"))
    command = [sys.executable, "-m", "ci_guard", "lint", "--profile=pss-restricted", "--fail-on=note", str(tmp_path)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_page_shows_every_example(checkout: Path) -> None:
    page = (checkout / "docs/ci.md").read_text("utf-8")
    for path in (checkout / "examples/ci").rglob("*"):
        assert path.is_dir() or f"examples/ci/{path.relative_to(checkout / 'examples/ci')}" in page
