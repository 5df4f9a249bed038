"""The action as others use it, run by `act` on this machine, with a recorder in the uploader's place."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow

ONLY_THE_ACTIONS = {"path", "upload-sarif", "token"}
UPLOADER = "github/codeql-action@8aad20d150bbac5944a9f9d289da16a4b0d87c1e"
RECORDER = """\
name: recorder
inputs: {sarif_file: {required: true}, token: {}, category: {}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {FILE: "${{ inputs.sarif_file }}"}
      run: cp -- "$FILE" "$RECORD/uploaded.sarif"
"""
WORKFLOW = """\
on: [push, pull_request]
permissions: {}
jobs:
  guard:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
      - id: guard
        uses: OWNER/ci-guard@v1
        continue-on-error: true
        with: WITH
      - shell: bash
        env: {STEP: "${{ toJSON(steps.guard) }}"}
        run: printf '%s' "$STEP" >"$RECORD/step.json"
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What a job left."""

    outcome: str
    outputs: Mapping[str, str]
    uploaded: bytes | None
    log: str


def test_inputs_are_options_of_run(checkout: Path) -> None:
    declared = yaml.safe_load((checkout / "action.yml").read_text("utf-8"))["inputs"]
    parser = argparse.ArgumentParser()
    import_module("ci_guard.commands.run").add_arguments(parser)
    options = {name.removeprefix("--") for act in parser._actions for name in act.option_strings}
    assert set(declared) - ONLY_THE_ACTIONS <= options


@pytest.fixture
def act(
    program: Callable[[str], str], index: None, published: Path, repo: Path, tmp_path: Path, git: Callable[..., str]
) -> Callable[..., Job]:
    """Run the action over what is in `repo`."""
    runner = program("act")
    if os.uname().sysname != "Linux":
        pytest.skip("act in host mode was tried on Linux only")
    record, recorder = tmp_path / "record", tmp_path / "recorder/upload-sarif"
    for folder in (record, recorder, tmp_path / "config/act", tmp_path / "cache"):
        folder.mkdir(parents=True)
    (recorder / "action.yml").write_text(RECORDER)
    (tmp_path / "config/act/actrc").touch()

    def run(event: Mapping[str, Any] | None = None, **inputs: str) -> Job:
        workflow = repo / ".github/workflows/guard.yml"
        workflow.parent.mkdir(parents=True, exist_ok=True)
        workflow.write_text(WORKFLOW.replace("WITH", json.dumps({k.replace("_", "-"): v for k, v in inputs.items()})))
        git(repo, "add", "--all")
        git(repo, "commit", "--quiet", "--message=change", "--allow-empty")
        command = [runner, "pull_request" if event else "push", "-W", ".github/workflows/guard.yml"]
        if event:
            (tmp_path / "event.json").write_text(json.dumps(event))
            command += ["-e", str(tmp_path / "event.json")]
        command += ["-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--rm", "-s", "GITHUB_TOKEN=none"]
        command += ["--local-repository", f"OWNER/ci-guard@v1={published}"]
        command += ["--local-repository", f"{UPLOADER}={recorder.parent}"]
        command += ["--env", f"RECORD={record}", "--env", "GITHUB_REPOSITORY=o/r"]
        environ = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = subprocess.run(
            command, cwd=repo, env=environ, capture_output=True, text=True, check=False, timeout=300
        )  # fmt: skip
        log = done.stdout + done.stderr
        assert (record / "step.json").exists(), log
        step = json.loads((record / "step.json").read_text())
        uploaded = record / "uploaded.sarif"
        return Job(step["outcome"], step["outputs"], uploaded.read_bytes() if uploaded.exists() else None, log)

    return run


def shop(checkout: Path, repo: Path) -> None:
    shutil.copytree(checkout / "examples/shop", repo, dirs_exist_ok=True)


def test_a_flawed_repo_is_uploaded_and_refused(checkout: Path, repo: Path, act: Callable[..., Job]) -> None:
    shop(checkout, repo)
    job = act()
    assert job.outcome == "failure", job.log
    assert job.outputs["result"] == "fail"
    assert int(job.outputs["findings"]) >= int(job.outputs["critical"]) + int(job.outputs["high"]) > 0
    assert job.uploaded is not None
    assert json.loads(job.uploaded)["version"] == "2.1.0"
    assert job.outputs["bundle-path"] == "", "nothing was given to sign with"


def test_a_good_repo_passes(checkout: Path, repo: Path, act: Callable[..., Job]) -> None:
    shutil.copy(checkout / "examples/shop/k8s/storefront/deployment.yaml", repo / "good.yaml")
    job = act()
    assert (job.outcome, job.outputs["result"]) == ("success", "pass"), job.log
    assert job.uploaded is not None, "an empty run is uploaded too, so that alerts close"


def test_hostile_inputs_are_values(repo: Path, act: Callable[..., Job], tmp_path: Path) -> None:
    job = act(path='.; touch "$RECORD/pwned"', profile="$(touch $RECORD/pwned)", ignore='"\ntouch "$RECORD/pwned"')
    assert job.outcome == "failure"
    assert job.outputs["result"] == "error"
    assert not (tmp_path / "record/pwned").exists()


def test_a_planted_module_is_not_imported(checkout: Path, repo: Path, act: Callable[..., Job]) -> None:
    shutil.copy(checkout / "examples/shop/k8s/storefront/deployment.yaml", repo / "good.yaml")
    for name in ["yaml.py", "venv.py", "sitecustomize.py", "ci_guard.py", "json.py"]:
        (repo / name).write_text("raise SystemExit('HIJACKED')\n")
    (repo / "uv.toml").write_text('index-url = "https://127.0.0.1:9/simple"\n')
    job = act()
    assert job.outcome == "success", job.log
    assert "HIJACKED" not in job.log


@pytest.mark.parametrize(("upload", "uploaded"), [("auto", False), ("true", True), ("false", False)])
def test_a_fork_is_uploaded_only_when_asked(
    checkout: Path, repo: Path, act: Callable[..., Job], git: Callable[..., str], upload: str, uploaded: bool
) -> None:
    shutil.copy(checkout / "examples/shop/k8s/storefront/deployment.yaml", repo / "good.yaml")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message=base")
    base = git(repo, "rev-parse", "HEAD").strip()
    head = {"ref": "topic", "sha": base, "repo": {"fork": True, "full_name": "fork/r"}}
    event = {"number": 7, "pull_request": {"number": 7, "base": {"ref": "main", "sha": base}, "head": head}}
    job = act(event, upload_sarif=upload)
    assert job.outputs["result"] == "pass", job.log
    assert (job.uploaded is not None) is uploaded
