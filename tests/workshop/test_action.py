"""The action as others use it, run by `act` on this machine, with a recorder in the uploader's place."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

pytestmark = pytest.mark.slow

ONLY_THE_ACTIONS = {"path", "working-directory", "upload-sarif", "annotations", "artifact-name", "token"}
NOT_FOR_THE_ACTION = {
    *("defer-gate", "format", "output", "quiet", "no-color", "h", "help"),  # the action sets or needs none of these
    *("identity-token", "signing-config", "trusted-root", "tuf-url", "tuf-root", "service-timeout"),  # trust-config
    "signer-program",  # a program belongs into a step of its own
}
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
UPLOADER = "github/codeql-action@8aad20d150bbac5944a9f9d289da16a4b0d87c1e"
KEEPER = "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f"
RECORDER = """\
name: recorder
inputs: {sarif_file: {required: true}, token: {}, category: {}, checkout_path: {}}
outputs: {sarif-id: {value: "${{ steps.record.outputs.sarif-id }}"}}
runs:
  using: composite
  steps:
    - shell: bash
      id: record
      env: {FILE: "${{ inputs.sarif_file }}"}
      run: |
        [ -z "$REFUSE" ] || exit 1
        cp -- "$FILE" "$RECORD/uploaded.sarif"
        echo "sarif-id=47" >>"$GITHUB_OUTPUT"
"""
ARTIFACT_RECORDER = """\
name: recorder
inputs: {name: {}, path: {}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {NAME: "${{ inputs.name }}", FOLDER: "${{ inputs.path }}"}
      run: cp -R -- "$FOLDER" "$RECORD/artifact-$NAME"
"""
WORKFLOW = f"""\
on: [push, pull_request]
permissions: {{}}
jobs:
  guard:
    runs-on: ubuntu-latest
    steps:
      - uses: {CHECKOUT}
      - id: guard
        uses: OWNER/ci-guard@v1
        continue-on-error: true
        with: WITH
      - shell: bash
        env: {{STEP: "${{{{ toJSON(steps.guard) }}}}", LATER: "${{{{ toJSON(env) }}}}"}}
        run: |
          printf '%s' "$STEP" >"$RECORD/step.json"
          env >"$RECORD/env.txt"
"""
HOSTILE = 'x"; touch $RECORD/pwned; echo "$(touch $RECORD/pwned) `touch $RECORD/pwned` ::error::boo'
PLANTED = ["yaml.py", "venv.py", "sitecustomize.py", "ci_guard.py", "json.py"]


@dataclass(frozen=True, slots=True)
class Job:
    """What a job left. Annotations are (kind, title, file)."""

    outcome: str
    outputs: Mapping[str, str]
    uploaded: bytes | None
    artifact: Path
    summary: str
    annotations: Sequence[tuple[str, str, str]]
    log: str

    def of(self, kind: str) -> list[str]:
        """The titles of all annotations of a kind."""
        return [title for found, title, _ in self.annotations if found == kind]


def test_inputs_are_options_of_run(checkout: Path) -> None:
    declared = set(yaml.safe_load((checkout / "action.yml").read_text("utf-8"))["inputs"])
    parser = argparse.ArgumentParser()
    import_module("ci_guard.commands.run").add_arguments(parser)
    options = {name.lstrip("-") for act in parser._actions for name in act.option_strings}
    assert declared - ONLY_THE_ACTIONS == options - NOT_FOR_THE_ACTION
    script = (checkout / "tools/action.sh").read_text("utf-8")
    taken = set(re.findall(r"INPUT_([A-Z_]+)", script + (checkout / "action.yml").read_text("utf-8")))
    assert {name.lower().replace("_", "-") for name in taken} == declared - {"token", "artifact-name"}


@pytest.fixture
def act(
    program: Callable[[str], str], index: None, published: Path, repo: Path, tmp_path: Path, git: Callable[..., str]
) -> Callable[..., Job]:
    """Run the action over what is in `repo`, beside files that would hijack a careless one."""
    runner = program("act")
    if os.uname().sysname != "Linux":
        pytest.skip("act in host mode was tried on Linux only")
    record, uploader, keeper = tmp_path / "record", tmp_path / "uploader/upload-sarif", tmp_path / "keeper"
    for folder in (record, uploader, keeper, tmp_path / "config/act", tmp_path / "cache"):
        folder.mkdir(parents=True)
    (uploader / "action.yml").write_text(RECORDER)
    (keeper / "action.yml").write_text(ARTIFACT_RECORDER)
    (tmp_path / "config/act/actrc").touch()
    for name in PLANTED:
        (repo / name).write_text("raise SystemExit('HIJACKED')\n")
    (repo / "uv.toml").write_text('index-url = "https://127.0.0.1:9/simple"\n')

    def run(event: Mapping[str, Any] | None = None, refuse: bool = False, **inputs: str) -> Job:
        workflow = repo / ".github/workflows/guard.yml"
        workflow.parent.mkdir(parents=True, exist_ok=True)
        workflow.write_text(WORKFLOW.replace("WITH", json.dumps({k.replace("_", "-"): v for k, v in inputs.items()})))
        git(repo, "add", "--all")
        git(repo, "commit", "--quiet", "--message=change", "--allow-empty")
        name = "pull_request" if event and "pull_request" in event else "push"
        command = [runner, name, "-W", ".github/workflows/guard.yml", "--json"]
        if event:
            (tmp_path / "event.json").write_text(json.dumps(event))
            command += ["-e", str(tmp_path / "event.json")]
        command += ["-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--rm", "-s", "GITHUB_TOKEN=none"]
        command += ["--local-repository", f"OWNER/ci-guard@v1={published}"]
        command += ["--local-repository", f"{UPLOADER}={uploader.parent}", "--local-repository", f"{KEEPER}={keeper}"]
        command += ["--env", f"RECORD={record}", "--env", "GITHUB_REPOSITORY=o/r"]
        command += ["--env", f"GITHUB_ARTIFACTS={record / 'artifacts.txt'}", "--env", f"REFUSE={'1' if refuse else ''}"]
        command += ["--env", "COSIGN_PASSWORD="]
        environ = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = subprocess.run(
            command, cwd=repo, env=environ, capture_output=True, text=True, check=False, timeout=300
        )  # fmt: skip
        assert (record / "step.json").exists(), done.stdout + done.stderr
        assert not (record / "pwned").exists()
        return job(record, [json.loads(line) for line in done.stdout.splitlines()])

    return run


def job(record: Path, lines: Sequence[Mapping[str, Any]]) -> Job:
    step = json.loads((record / "step.json").read_text())
    uploaded = record / "uploaded.sarif"
    said = [line for line in lines if line.get("command") in {"error", "warning", "notice"}]
    log = "".join(str(line.get("msg", "")) for line in lines)
    assert "HIJACKED" not in log
    return Job(
        step["outcome"],
        step["outputs"],
        uploaded.read_bytes() if uploaded.exists() else None,
        record / "artifact-results",
        "".join(line["content"] for line in lines if line.get("command") == "summary"),
        [(line["command"], line["kvPairs"].get("title", ""), line["kvPairs"].get("file", "")) for line in said],
        log,
    )


def shop(checkout: Path, repo: Path) -> None:
    shutil.copytree(checkout / "examples/shop", repo, dirs_exist_ok=True)


def good(checkout: Path, repo: Path, name: str = "good.yaml") -> None:
    (repo / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(checkout / "examples/shop/k8s/storefront/deployment.yaml", repo / name)


def pull_request(base: str, head: str) -> dict[str, Any]:
    """The event of a pull request whose author can write anything but the ids."""
    given = {"ref": HOSTILE, "label": HOSTILE, "sha": base, "repo": {"fork": head != "o/r", "full_name": head}}
    request = {"number": 7, "title": HOSTILE, "body": HOSTILE, "base": {"ref": "main", "sha": base}, "head": given}
    return {"number": 7, "pull_request": request}


def test_a_push_of_a_flawed_repo(checkout: Path, repo: Path, act: Callable[..., Job], tmp_path: Path) -> None:
    shop(checkout, repo / "my shop")
    found = act(working_directory="my shop", artifact_name="results")
    assert found.outcome == "failure", found.log
    assert found.outputs["result"] == "fail"
    assert int(found.outputs["findings"]) >= int(found.outputs["critical"]) + int(found.outputs["high"]) > 0
    assert found.outputs["sarif-id"] == "47"
    assert found.uploaded is not None
    uris = re.findall(r'"uri":"([^"]+)"', found.uploaded.decode())
    assert "k8s/orders/deployment.yaml" in uris, "relative to where the repository was checked out"
    assert found.annotations == [], "what was uploaded is not annotated, too"
    assert "Gate closed" in found.summary
    assert "GATE CLOSED" in found.log
    assert found.outputs["new-findings"] == found.outputs["bundle-path"] == ""
    assert {p.name for p in found.artifact.iterdir()} >= {
        "ci-guard.sarif",
        "sbom.cdx.json",
        "report.md",
        "verdict.json",
    }
    listed = (tmp_path / "record/artifacts.txt").read_text().splitlines()
    assert [line.rpartition("/")[2] for line in listed] == ["sbom.cdx.json", "sbom.spdx.json"]
    assert not re.search(r"^(INPUT_|PYTHON=|WORK=)", (tmp_path / "record/env.txt").read_text(), re.MULTILINE)


def test_where_code_scanning_is_not_enabled(checkout: Path, repo: Path, act: Callable[..., Job]) -> None:
    shop(checkout, repo)
    found = act(refuse=True, fail_on="never")
    assert (found.outcome, found.outputs["result"]) == ("success", "pass"), found.log
    assert found.outputs["sarif-id"] == ""
    assert "Not in code scanning" in found.summary and "security-events: write" in found.summary
    assert found.of("warning")[0] == "Not in code scanning"
    assert {kind: len(found.of(kind)) for kind in ("error", "warning")} == {"error": 9, "warning": 10}
    assert found.of("error")[0].endswith("(critical)"), "the worst first"
    assert found.of("warning")[-1].endswith("more warnings")


def test_a_pull_request_of_the_same_repo(
    checkout: Path, repo: Path, act: Callable[..., Job], git: Callable[..., str]
) -> None:
    good(checkout, repo, "k8s/a b/good.yaml")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message=base")
    base = git(repo, "rev-parse", "HEAD").strip()
    private_key(repo / "cosign.key")
    (repo / ".ci-guard.yaml").write_text("version: 1\nfail-on: never\n")
    found = act(pull_request(base, "o/r"), key="cosign.key", since=base, path="k8s/a b")
    assert found.outputs["result"] == "pass", found.log
    assert found.uploaded is not None
    assert b'"policy-changed"' in found.uploaded
    assert found.outputs["bundle-path"] == "", "nothing is signed where the code of a pull request may run"
    assert found.outputs["new-findings"] == found.outputs["findings"] != ""


@pytest.mark.parametrize("upload", ["auto", "true"])
def test_a_pull_request_from_a_fork(
    checkout: Path, repo: Path, act: Callable[..., Job], git: Callable[..., str], upload: str
) -> None:
    good(checkout, repo)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message=base")
    base = git(repo, "rev-parse", "HEAD").strip()
    found = act(pull_request(base, "fork/r"), upload_sarif=upload, refuse=upload == "true")
    assert (found.outcome, found.outputs["result"]) == ("success", "pass"), found.log
    assert found.uploaded is None
    assert ("Not in code scanning" in found.of("warning")) is (upload == "true"), "only what was tried can be refused"
    assert found.of("notice")
    assert "Gate open" in found.summary


def test_a_tag_is_signed(checkout: Path, repo: Path, act: Callable[..., Job], git: Callable[..., str]) -> None:
    good(checkout, repo, "k8s/good.yaml")
    private_key(repo / "cosign.key")
    found = act({"ref": "refs/tags/v1"}, path="k8s", key="cosign.key", annotations="true")
    assert (found.outcome, found.outputs["result"]) == ("success", "pass"), found.log
    assert found.outputs["bundle-path"].endswith("provenance.sigstore.json")
    assert found.of("notice"), "asked for, although it was uploaded"


def private_key(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def test_hostile_inputs_are_values(repo: Path, act: Callable[..., Job]) -> None:
    found = act(path='.; touch "$RECORD/pwned"', profile="$(touch $RECORD/pwned)", ignore='"\ntouch "$RECORD/pwned"')
    assert (found.outcome, found.outputs["result"]) == ("failure", "error")
    assert found.of("error") == ["ci-guard could not judge"]


def test_a_base_that_is_not_in_the_clone_and_a_word_that_is_none(
    checkout: Path, repo: Path, act: Callable[..., Job]
) -> None:
    good(checkout, repo)
    found = act(pull_request("0" * 40, "o/r"))
    assert (found.outcome, found.outputs["result"]) == ("failure", "error")
    assert "fetch-depth: 0" in found.log
    assert found.of("error") == ["ci-guard could not judge"]
    found = act(keyless="yes")
    assert (found.outcome, found.outputs["result"]) == ("failure", "error")
    assert "keyless is true or false" in found.log
