"""The lock of digests judges: what disagrees with it, what it could pin, and whose lock counts on a pull request."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ci_guard import cli
from ci_guard.config.digests import DigestLock, load, repository_key, write
from ci_guard.model.location import Edit, Region
from ci_guard.source.edit import apply
from tests.pipeline.gitrepo import Repo

GOOD, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
COMMIT, ELSE = "a" * 40, "b" * 40
LOCK = write(DigestLock({"docker.io/library/node:22": GOOD}, {"github.com/actions/checkout@v4.2.2": COMMIT})).decode()
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
  - {name: a, image: "node:22@DIGEST"}
  - {name: b, image: "node:22"}
"""
_PLAIN = {"startLine": "start_line", "startColumn": "start_column", "endLine": "end_line", "endColumn": "end_column"}
WORKFLOW = (
    f"jobs:\n  a:\n    steps:\n    - uses: actions/checkout@{ELSE} # v4.2.2\n    - uses: docker://node:22@{OTHER}\n"
)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    for name in [n for n in os.environ if n.startswith(("GITHUB_", "CI_"))]:
        monkeypatch.delenv(name)
    made = Repo(tmp_path / "repo")
    monkeypatch.chdir(made.root)
    return made


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = cli.main(["deps", "check", "--format", "json", "--ignore", "image-without-digest", *arguments])
    return code, json.loads(capsys.readouterr().out)


def found(report: dict[str, Any]) -> list[tuple[str, str, int]]:
    place = [(f["rule"], f["location"]["path"], f["location"]["region"]["startLine"]) for f in report["findings"]]
    return [p for p in place if p[0].endswith(("-disagrees", "-changed"))]


def test_what_disagrees_with_the_lock_is_found(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("pod.yaml", POD.replace("DIGEST", OTHER))
    repo.write("Dockerfile", f"FROM node:22@{OTHER}\nFROM node:22@{GOOD}\nFROM node@{OTHER}\n")
    repo.write(".github/workflows/ci.yml", WORKFLOW)
    assert found(checked(capsys)[1]) == []
    repo.write(".ci-guard.digests.json", LOCK)
    report = checked(capsys)[1]
    assert sorted(found(report)) == [
        ("image-digest-disagrees", ".github/workflows/ci.yml", 5),
        ("image-digest-disagrees", "Dockerfile", 1),
        ("image-digest-disagrees", "pod.yaml", 6),
        ("pin-comment-disagrees", ".github/workflows/ci.yml", 4),
    ]
    notices = [n["message"] for n in report["notices"]]
    assert any("1 images that name only a tag: `ci-guard deps pin` writes them" in n for n in notices)
    assert cli.main(["deps", "pin"]) == 0
    capsys.readouterr()
    assert {rule for rule, *_ in found(checked(capsys)[1])} == {"pin-comment-disagrees"}, "a commit is not replaced"


def test_findings_carry_what_the_lock_would_mend(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    text = POD.replace("DIGEST", OTHER)
    repo.write("pod.yaml", text)
    repo.write(".ci-guard.digests.json", LOCK)
    cli.main(["deps", "check", "--format", "sarif"])
    results = [r for run in json.loads(capsys.readouterr().out)["runs"] for r in run["results"]]
    assert {r["ruleId"] for r in results if r.get("fixes")} == {"image-digest-disagrees", "image-without-digest"}
    cli.main(["deps", "check", "--format", "json"])
    given = [edit for finding in json.loads(capsys.readouterr().out)["findings"] for edit in finding["edits"]]
    edits = [Edit(e["path"], Region(**{_PLAIN[k]: v for k, v in e["region"].items()}), e["text"]) for e in given]
    assert cli.main(["deps", "pin"]) == 0
    capsys.readouterr()
    assert apply(text.encode(), edits) == (repo.root / "pod.yaml").read_bytes() != text.encode()


def test_on_a_pull_request_the_lock_of_the_base_judges(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = repo.commit({".ci-guard.digests.json": LOCK, "pod.yaml": POD.replace("DIGEST", GOOD)})
    repo.commit({".ci-guard.digests.json": LOCK.replace(GOOD, OTHER), "pod.yaml": POD.replace("DIGEST", OTHER)})
    assert found(checked(capsys)[1]) == [], "on its own the head agrees with itself"
    for name, value in repo.event(tmp_path, base).items():
        monkeypatch.setenv(name, value)
    assert sorted(found(checked(capsys)[1])) == [
        ("image-digest-disagrees", "pod.yaml", 6),
        ("policy-changed", ".ci-guard.digests.json", 4),
    ]


def test_a_broken_lock_is_named(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write(".ci-guard.digests.json", LOCK.replace(GOOD, "latest"))
    repo.write("pod.yaml", POD.replace("DIGEST", GOOD))
    assert cli.main(["deps", "check"]) == 2
    assert (
        ".ci-guard.digests.json: is no lock of digests: 'docker.io/library/node:22': expected"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Actions/Checkout", "github.com/actions/checkout"),
        ("https://github.com/A/B.git", "github.com/a/b"),
        ("git@github.com:A/B.git", "github.com/a/b"),
        ("ssh://git@Git.example:2222/x/Y", "git.example:2222/x/Y"),
        ("https://user:pass@git.example/x", "git.example/x"),
        ("git.example/deep/path/x/", "git.example/deep/path/x"),
    ],
)
def test_names_of_repositories(name: str, key: str) -> None:
    assert repository_key(name) == key


def test_a_lock_is_read_as_it_is_written() -> None:
    assert write(load(LOCK.encode(), "x")) == LOCK.encode()
