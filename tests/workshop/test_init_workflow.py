"""The workflow that `init` writes, run by `act`: green on day one, red with a new flaw, nothing signed unasked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_guard.cli import main

pytestmark = pytest.mark.slow

KEEPER = "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f"
UPLOADER = "github/codeql-action@8aad20d150bbac5944a9f9d289da16a4b0d87c1e"
RECORDER = """\
name: recorder
inputs: {sarif_file: {required: true}, token: {}, category: {}, checkout_path: {}}
outputs: {sarif-id: {value: "1"}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {FILE: "${{ inputs.sarif_file }}"}
      run: cp -- "$FILE" "$RECORD/uploaded.sarif"
"""


@pytest.fixture
def push(
    program: Callable[[str], str], index: None, published: Path, repo: Path, tmp_path: Path, git: Callable[..., str]
) -> Callable[[], tuple[int, str]]:
    """Commit everything in `repo` and run its workflow as a push: exit code, and what was said."""
    runner = program("act")
    if os.uname().sysname != "Linux":
        pytest.skip("act in host mode was tried on Linux only")
    record, uploader = tmp_path / "record", tmp_path / "uploader/upload-sarif"
    for folder in (record, uploader, tmp_path / "config/act", tmp_path / "cache"):
        folder.mkdir(parents=True)
    (uploader / "action.yml").write_text(RECORDER)
    (uploader.parent / "action.yml").write_text("name: keeper\nruns: {using: composite, steps: []}\n")
    (tmp_path / "config/act/actrc").touch()
    commit = git(published, "rev-parse", "HEAD").strip()

    def run() -> tuple[int, str]:
        git(repo, "add", "--all")
        git(repo, "commit", "--quiet", "--message=change")
        command = [runner, "push", "-W", ".github/workflows/ci-guard.yml", "--json", "--no-cache-server", "--rm"]
        command += ["-P", "ubuntu-latest=-self-hosted", "-s", "GITHUB_TOKEN=none", "--env", f"RECORD={record}"]
        command += ["--local-repository", f"acme/ci-guard@{commit}={published}", "--env", "GITHUB_REPOSITORY=o/r"]
        for action in (UPLOADER, KEEPER):  # the second is looked for, though nothing is kept
            command += ["--local-repository", f"{action}={uploader.parent}"]
        environ = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = subprocess.run(
            command, cwd=repo, env=environ, capture_output=True, text=True, check=False, timeout=300
        )  # fmt: skip
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, "".join(str(line.get("msg", "")) + "\n" for line in lines) + done.stderr

    return run


def test_the_first_day_is_green_and_a_flaw_is_red(
    checkout: Path,
    published: Path,
    repo: Path,
    git: Callable[..., str],
    push: Callable[[], tuple[int, str]],
    tmp_path: Path,
) -> None:
    shutil.copytree(checkout / "examples/shop", repo, dirs_exist_ok=True)
    (repo / ".ci-guard.yaml").unlink()
    commit = git(published, "rev-parse", "HEAD").strip()
    assert main(["init", str(repo), f"--action=acme/ci-guard@{commit} # v0.1.0"]) == 0
    code, said = push()
    assert code == 0, said
    assert "GATE OPEN" in said
    assert (tmp_path / "record/uploaded.sarif").exists()
    assert "keyless" not in said.replace("--keyless", ""), "the job that signs waits for the variable"
    shutil.copy(repo / "k8s/orders/deployment.yaml", repo / "k8s/new.yaml")
    code, said = push()
    assert code != 0 and "GATE CLOSED" in said, said
