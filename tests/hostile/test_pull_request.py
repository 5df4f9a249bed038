"""A hostile pull request against a real git repository: what happens to each of its moves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ci_guard.cli import printable
from ci_guard.engine.catalogue import load_catalogue
from ci_guard.model.errors import InputError
from ci_guard.model.finding import Finding
from ci_guard.pipeline.policy.boundary import Policy, added_suppressions, load_policy
from ci_guard.source.files import SkippedPath, SourceFile, read_file, read_or_none, walk
from ci_guard.suppress.directives import Directive, read_directives
from ci_guard.suppress.ledger import Applied, Suppressions
from tests.pipeline.gitrepo import Repo
from tests.suppress import reading

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
ESCAPES = "deploy/\x1b]0;owned\x07\x1b[2J::error::x.yaml"
RULES = load_catalogue().select("default")
KNOWN = reading.KNOWN | {"policy-changed", "suppression-added"}


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """The base committed, the head on top of it, checked out."""
    repo = Repo(tmp_path / "repo")
    shutil.copytree(HERE / "base", repo.root, dirs_exist_ok=True)
    repo.commit()
    repo.git("tag", "base")
    shutil.copytree(HERE / "head", repo.root, dirs_exist_ok=True)
    (repo.root / "deploy" / "etc").symlink_to("/etc")
    (repo.root / "deploy" / "passwd.yaml").symlink_to("/etc/passwd")
    repo.write(ESCAPES, 'apiVersion: v1\nkind: Pod\nmetadata: {name: "\\e[2Jx"}\n')
    repo.commit()
    return repo


@pytest.fixture
def policy(repo: Repo, tmp_path: Path) -> Policy:
    return load_policy(repo.root, repo.event(tmp_path, repo.git("rev-parse", "base")), {})


def directives(path: str, data: bytes) -> list[Directive]:
    documents = reading.documents(path, data)
    return [d for document in documents for d in read_directives(document, reading.resources(document))]


def judged(repo: Repo, policy: Policy) -> Applied:
    """All manifests below `deploy`, as the lint stage treats them, with rules that the test brings along."""
    suppressions = Suppressions(policy.config.suppressions)
    findings: list[Finding] = []
    for found in walk(repo.root, ["deploy"]):
        if isinstance(found, SourceFile):
            for document in reading.documents(found.path, read_file(repo.root, found.path)):
                resources = reading.resources(document)
                suppressions.read(document, resources)
                findings += reading.flaws(document)
                for resource in resources:
                    suppressions.observe(found.path, resource.id, reading.KNOWN)
    if policy.baseline:
        findings = policy.baseline.apply(findings, policy.renames)
    suppressions = added_suppressions(suppressions, policy, directives)
    return suppressions.apply(findings, known=KNOWN, today=date(2026, 6, 30), emit=RULES.emit)


def test_the_edited_configuration_judges_nothing(policy: Policy) -> None:
    assert (policy.config.fail_on, policy.config.exclude, dict(policy.config.rules)) == ("high", (), {})
    told = {(c.location.path, c.key) for c in policy.changes}
    assert told == {
        (".ci-guard.yaml", "fail-on"),
        (".ci-guard.yaml", "exclude"),
        (".ci-guard.yaml", "suppressions"),
        (".ci-guard.yaml", "rules"),
        (".ci-guard.baseline.json", ""),
    }
    assert len(policy.findings(RULES.emit)) == 5


def test_the_edited_baseline_accepts_nothing(policy: Policy) -> None:
    assert policy.baseline is not None and policy.baseline.counts == {}


def test_added_suppressions_are_told_and_do_nothing_for_critical_rules(repo: Repo, policy: Policy) -> None:
    applied = judged(repo, policy)
    outcome = {
        (f.location.path, f.rule, f.subject.container): f.suppressed.origin if f.suppressed else "open"
        for f in applied.findings
    }
    assert outcome == {
        ("deploy/agent.yaml", "image-tag-latest", "agent"): "config",  # the base's configuration accepts it
        ("deploy/agent.yaml", "privileged-container", "agent"): "open",  # its suppression was moved away …
        ("deploy/agent.yaml", "privileged-container", "sidecar"): "open",  # … to here, where it is new and critical
        ("deploy/shop.yaml", "image-tag-latest", "api"): "annotation",  # medium: accepted in plain sight
        ("deploy/shop.yaml", "privileged-container", "api"): "open",
    }
    problems = sorted((f.rule, f.location.path, f.key) for f in applied.problems)
    assert problems == [
        ("suppression-added", "deploy/agent.yaml", "policy-changed"),
        ("suppression-added", "deploy/agent.yaml", "privileged-container"),
        ("suppression-added", "deploy/agent.yaml", "suppression-added"),
        ("suppression-added", "deploy/shop.yaml", "image-tag-latest"),
        ("suppression-added", "deploy/shop.yaml", "privileged-container"),
        ("suppression-added", "deploy/shop.yaml", "privileged-container"),
        ("suppression-unknown-rule", "deploy/agent.yaml", "policy-changed"),
        ("suppression-unknown-rule", "deploy/agent.yaml", "suppression-added"),
    ]


def test_links_out_of_the_root_are_not_followed(repo: Repo) -> None:
    skipped = {e.path for e in walk(repo.root, ["."]) if isinstance(e, SkippedPath)}
    assert skipped == {"deploy/etc", "deploy/passwd.yaml"}
    for path in ("deploy/passwd.yaml", "deploy/etc/passwd", "../outside", "/etc/passwd"):
        assert read_or_none(repo.root, path) is None
        with pytest.raises(InputError):
            read_file(repo.root, path)


def test_names_with_escape_sequences_are_read_and_printed_harmlessly(repo: Repo) -> None:
    found = [e.path for e in walk(repo.root, ["."]) if "\x1b" in e.path]
    assert found == [ESCAPES]
    assert "\x1b" not in printable(found[0]) and "\x07" not in printable(found[0])


def isolated(repo: Repo, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """`python -I -m ci_guard …` as the action runs it: in the checkout, without its folder on the path."""
    start = f"import sys, runpy; sys.path.append({str(PROJECT)!r}); sys.argv[0] = 'ci-guard'; "
    command = [sys.executable, "-I", "-c", start + "runpy.run_module('ci_guard', run_name='__main__')", *arguments]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(repo.root), "SOURCE_DATE_EPOCH": "1780000000", **environ}
    return subprocess.run(command, cwd=repo.root, env=env, capture_output=True, check=False)


def test_planted_modules_do_not_run(repo: Repo) -> None:
    done = isolated(repo, "--version")
    assert done.returncode == 0 and done.stdout.startswith(b"ci-guard ")
    assert not (repo.root / "pwned").exists()
    probe = [sys.executable, "-c", "import yaml"]  # the control: without isolation they do run
    subprocess.run(probe, cwd=repo.root, env={"PATH": os.environ["PATH"]}, capture_output=True, check=False)
    assert (repo.root / "pwned").exists()


def lint(repo: Repo, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The lint command on the pull request, isolated."""
    return isolated(repo, "lint", *arguments, **repo.event(tmp_path, repo.git("rev-parse", "base")))


def test_the_whole_command_on_the_pull_request(repo: Repo, tmp_path: Path) -> None:
    done = lint(repo, tmp_path, "--format", "json")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    shown = [f for f in report["findings"] if not f.get("suppressed") and not f.get("impliedBy")]
    critical = {
        (f["location"]["path"], f["subject"]["container"]) for f in shown if f["rule"] == "privileged-container"
    }
    assert critical == {("deploy/agent.yaml", "agent"), ("deploy/agent.yaml", "sidecar"), ("deploy/shop.yaml", "api")}
    told = {f["rule"] for f in shown}
    assert {"policy-changed", "suppression-added", "suppression-unknown-rule"} <= told
    assert not (repo.root / "pwned").exists(), "nothing that was planted has run"
    assert b"root:x:0:0" not in done.stdout + done.stderr, "nothing behind a link was read"
    assert any("2 symbolic links" in n["message"] for n in report["notices"])


@pytest.mark.parametrize("form", ["text", "github", "markdown"])
def test_no_escape_sequence_reaches_an_output(repo: Repo, tmp_path: Path, form: str) -> None:
    done = lint(repo, tmp_path, "--format", form, "--no-color")
    assert done.returncode == 1
    assert not {b"\x1b", b"\x07"} & {bytes([byte]) for byte in done.stdout + done.stderr}
    commands = [line for line in done.stdout.splitlines() if line.startswith(b"::")]
    assert all(line.split(b" ")[0] in {b"::error", b"::warning", b"::notice"} for line in commands)
    assert form == "github" or not commands


def test_without_the_base_nothing_is_judged(repo: Repo, tmp_path: Path) -> None:
    done = isolated(repo, "lint", **repo.event(tmp_path, "0" * 40))
    assert done.returncode == 3 and b"fetch-depth: 0" in done.stderr
    assert done.stdout == b""


def test_a_change_that_brings_nothing_hostile_passes(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    shutil.copytree(HERE / "base", repo.root, dirs_exist_ok=True)
    base = repo.commit()
    repo.git("mv", "deploy/agent.yaml", "deploy/node-agent.yaml")
    repo.commit({"README.md": "# Shop\n"})
    done = isolated(repo, "lint", "--format", "json", **repo.event(tmp_path, base))
    report = json.loads(done.stdout)
    assert not {f["rule"] for f in report["findings"]} & {"policy-changed", "suppression-added"}
    agent = next(f for f in report["findings"] if f["rule"] == "privileged-container")
    assert agent["suppressed"]["origin"] == "comment"


def test_the_main_job_on_the_pull_request(repo: Repo, tmp_path: Path) -> None:
    out = tmp_path / "out"
    event = repo.event(tmp_path, repo.git("rev-parse", "base"))
    done = isolated(repo, "run", "--output-dir", str(out), "--no-color", **event)
    assert done.returncode == 1, done.stderr
    written = b"".join(path.read_bytes() for path in sorted(out.iterdir()))
    assert not (repo.root / "pwned").exists()
    for hostile in (b"root:x:0:0", b"\x1b", b"index.pypi.example/hostile"):
        assert hostile not in written + done.stdout + done.stderr
    rules = {r["ruleId"] for run in json.loads((out / "ci-guard.sarif").read_bytes())["runs"] for r in run["results"]}
    assert {"privileged-container", "policy-changed", "suppression-added"} <= rules
    assert not list(out.glob("*.sigstore.json")), "nothing is signed without a key"
