"""`lint --fix` on real files: what is mended, what is kept, what it says and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ci_guard.cli import main
from ci_guard.model.finding import Finding, fingerprint
from ci_guard.pipeline.fixing.files import mended
from ci_guard.pipeline.manifests.file import Linted, ManifestLinter
from ci_guard.pipeline.policy.choice import RuleChoice
from tests.pipeline.gitrepo import Repo

BEFORE, _, AFTER = (
    (Path(__file__).parent / "fixes" / "all-at-once.yaml").read_text(encoding="utf-8").partition("# ---- after\n")
)
OLD = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a, namespace: b}\n"
OLD += "spec: {minAvailable: 1, selector: {matchLabels: {app: a}}}\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    repo = Repo(tmp_path / "repo")
    monkeypatch.chdir(repo.root)
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_")) and n != "CI_GUARD_SHARED"]:
        monkeypatch.delenv(name)
    return repo


def test_once_and_never_again(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("a.yaml", BEFORE)
    (repo.root / "w.yaml").write_bytes(BEFORE.replace("\n", "\r\n").encode())
    (repo.root / "w.yaml").chmod(0o600)
    command = ["lint", "--fix", "--profile=all", "--fail-on=never"]
    assert main(command) == 1, "files were changed"
    assert capsys.readouterr().err.splitlines()[:2] == ["fixed a.yaml: 7", "fixed w.yaml: 7"]
    assert (repo.root / "a.yaml").read_text() == AFTER
    assert (repo.root / "w.yaml").read_bytes() == AFTER.replace("\n", "\r\n").encode()
    assert (repo.root / "w.yaml").stat().st_mode & 0o777 == 0o600
    assert main(command) == 0
    assert "fixed" not in capsys.readouterr().err.replace("no fix", "")


def test_the_report_is_about_what_is_left(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("pdb.yaml", OLD)
    assert main(["lint", "--fix", "--format=json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_what_was_accepted_is_kept(repo: Repo) -> None:
    accepted = "# ci-guard: ignore[removed-api-version] an old cluster\n" + OLD
    repo.write("pdb.yaml", accepted)
    assert main(["lint", "--fix", "--fail-on=never"]) == 0
    assert (repo.root / "pdb.yaml").read_text() == accepted


def test_standard_input_is_refused(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--fix", "-"]) == 2
    assert "standard input" in capsys.readouterr().err


def test_a_fix_that_brings_another_finding_is_not_written(tmp_path: Path) -> None:
    """An own rule that wants the old version back: the file stays as it is."""
    rule = b"""\
id: budget-of-today
title: Budget of another version
since: 1.0.0
severity: high
each: resource
match: {kinds: [PodDisruptionBudget]}
require: "object.apiVersion == 'policy/v1beta1'"
message: '{subject} is of another version'
threat:
  stride: [denial-of-service]
  dread: {damage: 1, reproducibility: 1, exploitability: 1, affected-users: 1, discoverability: 1}
why: x
remedy: x
references: ['https://policy.example/x']
examples: {good: [x], bad: [x]}
"""
    linter = ManifestLinter(RuleChoice(own=(("rules/budget-of-today.yaml", rule),)), Linted(), fixing=True)

    def judge(data: bytes) -> list[Finding]:
        linter.into = Linted()
        linter.lint("pdb.yaml", data)
        return linter.into.judged.findings

    found = judge(OLD.encode())
    _, _, flaw = mended(OLD.encode(), {fingerprint(f) for f in found}, judge)
    assert flaw == "the fix brings budget-of-today for PodDisruptionBudget b/a"
