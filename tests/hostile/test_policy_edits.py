"""A pull request that edits what judges it, in each form there is: it gains nothing, and every edit is told.

Each form is tried three times: the base as it is (closed), the head's policy where it is in force (open, so that the
edit would be worth something), and the pull request (closed, as the base says, with the edit reported).
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from ci_guard.cli import main
from ci_guard.pipeline.policy.boundary import load_policy
from ci_guard.suppress import ratchet
from tests.pipeline.gitrepo import Repo
from tests.pipeline.test_own_rules import REQUIRE, RULE

TOOLS = Path(__file__).parents[1] / "gate" / "tools"
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: shop, namespace: shop}
spec:
  containers:
  - name: api
    image: registry.example/api:1.4
    securityContext: {privileged: true}
"""
QUIET = "exclude: [more]\n"
BASELINE = '[{"schema": "ci-guard/baseline/1"}\n]\n'
OWN = "policy/shop/image-from-elsewhere.yaml"
LAX = RULE.replace(f'"{REQUIRE}"', '"true"').replace("params: {registry: registry.shop.example/}\n", "")
ONLY_OWN = "rules: {privileged-container: {severity: low}}\nrule-paths: [policy]\n"

Files = dict[str, str | bytes | None]

LINT: dict[str, tuple[Files, Files, set[tuple[str, str]]]] = {
    "a threshold": (
        {".ci-guard.yaml": "fail-on: high\n"},
        {".ci-guard.yaml": "fail-on: never\n"},
        {(".ci-guard.yaml", "fail-on")},
    ),
    "the first configuration": ({}, {".ci-guard.yaml": "fail-on: never\n"}, {(".ci-guard.yaml", "fail-on")}),
    "rules turned off": (
        {".ci-guard.yaml": QUIET},
        {".ci-guard.yaml": QUIET + "rules: {privileged-container: {enabled: false}}\n"},
        {(".ci-guard.yaml", "rules")},
    ),
    "files left out": ({}, {".ci-guard.yaml": "exclude: ['**']\n"}, {(".ci-guard.yaml", "exclude")}),
    "only a part is looked at": (
        {"more/readme.txt": "-"},
        {".ci-guard.yaml": "paths: [more]\n"},
        {(".ci-guard.yaml", "paths")},
    ),
    "a severity made less": (
        {".ci-guard.yaml": QUIET},
        {".ci-guard.yaml": QUIET + "rules: {privileged-container: {severity: low}}\n"},
        {(".ci-guard.yaml", "rules")},
    ),
    "a suppression": (
        {},
        {".ci-guard.yaml": "suppressions: [{rule: privileged-container, reason: trust me}]\n"},
        {(".ci-guard.yaml", "suppressions")},
    ),
    "another profile": (
        {OWN: RULE},
        {
            ".ci-guard.yaml": "rule-paths: [policy]\nprofile: nothing\n",
            "policy/profiles/nothing.yaml": "id: nothing\ntitle: t\ndescription: d\nrules: []\n",
            OWN: None,
        },
        {(".ci-guard.yaml", "profile"), (".ci-guard.yaml", "rule-paths")},
    ),
    "a new baseline": (
        {},
        {".ci-guard.yaml": "baseline: base.json\n", "base.json": "TODAY"},
        {(".ci-guard.yaml", "baseline")},
    ),
    "more in the baseline": (
        {".ci-guard.yaml": "baseline: base.json\n", "base.json": BASELINE},
        {"base.json": "TODAY"},
        {("base.json", "")},
    ),
    "an own rule made lax": ({".ci-guard.yaml": ONLY_OWN, OWN: RULE}, {OWN: LAX}, {(OWN, "")}),
    "an own rule taken away": (
        {
            ".ci-guard.yaml": ONLY_OWN,
            OWN: RULE,
            "policy/shop/other-flaw.yaml": LAX.replace("image-from-elsewhere", "other-flaw"),
        },
        {OWN: None},
        {(OWN, "")},
    ),
    "own rules no longer looked for": (
        {".ci-guard.yaml": ONLY_OWN, OWN: RULE},
        {".ci-guard.yaml": ONLY_OWN.partition("\n")[0] + "\n"},
        {(".ci-guard.yaml", "rule-paths")},
    ),
    "a shared policy made lax": (
        {".ci-guard.yaml": "extends: org/shared.yaml\n", "org/shared.yaml": "fail-on: medium\n"},
        {"org/shared.yaml": "fail-on: never\n"},
        {("org/shared.yaml", "fail-on")},
    ),
    "a shared policy that grants": (
        {".ci-guard.yaml": "extends: org/shared.yaml\n", "org/shared.yaml": "fail-on: medium\n"},
        {
            ".ci-guard.yaml": "extends: org/shared.yaml\nfail-on: never\n",
            "org/shared.yaml": "fail-on: medium\nrepo-may: [fail-on]\n",
        },
        {(".ci-guard.yaml", "fail-on"), ("org/shared.yaml", "repo-may")},
    ),
    "no shared policy any more": (
        {".ci-guard.yaml": "extends: org/shared.yaml\n", "org/shared.yaml": "fail-on: medium\n"},
        {".ci-guard.yaml": "fail-on: never\n"},
        {(".ci-guard.yaml", "extends"), (".ci-guard.yaml", "fail-on")},
    ),
}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_")) and n != "CI_GUARD_SHARED"]:
        monkeypatch.delenv(name)
    repo = Repo(tmp_path / "repo")
    monkeypatch.chdir(repo.root)
    return repo


def put(repo: Repo, files: Files, today: tuple[str, ...] = ("baseline", "write", "--output")) -> str:
    for path, content in files.items():
        if content is None:
            (repo.root / path).unlink()
        elif content == "TODAY":
            main([*today, path])
            assert (repo.root / path).is_file()
        else:
            repo.write(path, content)
    return repo.commit()


def told(capsys: pytest.CaptureFixture[str]) -> set[tuple[str, str]]:
    report = json.loads(capsys.readouterr().out)
    return {(f["location"]["path"], f["key"]) for f in report["findings"] if f["rule"] == "policy-changed"}


@pytest.mark.parametrize("form", LINT)
def test_linting(
    form: str, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base_files, head_files, expected = LINT[form]
    base = put(repo, {"pod.yaml": POD, **base_files})
    assert main(["lint", "--format", "json"]) == 1
    put(repo, head_files)
    assert main(["lint", "--format", "json"]) == 0, "the edit would be worth nothing"
    for name, value in repo.event(tmp_path, base).items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    assert main(["lint", "--format", "json"]) == 1
    assert told(capsys) == expected
    capsys.readouterr()
    assert main(["run", "--format", "json", "--output-dir", str(tmp_path / "out")]) == 1
    assert told(capsys) == expected


GATE: dict[str, tuple[Files, Files, set[tuple[str, str]]]] = {
    "a looser ratchet": (
        {".ci-guard.yaml": "ratchet: r.json\n", "r.json": ratchet.write({"high": 1})},
        {"r.json": ratchet.write({"high": 99})},
        {("r.json", "")},
    ),
    "the first ratchet": (
        {},
        {".ci-guard.yaml": "ratchet: r.json\n", "r.json": ratchet.write({"high": 99})},
        {(".ci-guard.yaml", "ratchet")},
    ),
    "no ratchet any more": (
        {".ci-guard.yaml": "fail-on: critical\nratchet: r.json\n", "r.json": ratchet.write({"high": 0})},
        {".ci-guard.yaml": "fail-on: critical\n", "r.json": None},
        {(".ci-guard.yaml", "ratchet"), ("r.json", "")},
    ),
    "a new baseline": (
        {},
        {"b.json": "TODAY", ".ci-guard.yaml": "baseline: b.json\n"},
        {(".ci-guard.yaml", "baseline")},
    ),
    "a shared policy made lax": (
        {".ci-guard.yaml": "extends: org/shared.yaml\n", "org/shared.yaml": "fail-on: medium\n"},
        {"org/shared.yaml": "fail-on: never\n"},
        {("org/shared.yaml", "fail-on")},
    ),
    "a threshold": ({}, {".ci-guard.yaml": "fail-on: never\n"}, {(".ci-guard.yaml", "fail-on")}),
    "suppressions of another tool": (
        {},
        {".ci-guard.yaml": "suppressions:\n- {rule: bandit/B602, reason: trust}\n- {rule: bandit/B324, reason: me}\n"},
        {(".ci-guard.yaml", "suppressions")},
    ),
}


@pytest.mark.parametrize("form", GATE)
def test_gating(
    form: str, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base_files, head_files, expected = GATE[form]
    shutil.copy(TOOLS / "bandit.sarif", tmp_path)
    gate = ["gate", str(tmp_path / "bandit.sarif"), "--format", "json"]
    base = put(repo, base_files)
    assert main(gate) == 1
    put(repo, head_files, ("gate", str(tmp_path / "bandit.sarif"), "--write-baseline"))
    assert main(gate) == 0, "the edit would be worth nothing"
    for name, value in repo.event(tmp_path, base).items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    assert main([*gate, "--output-dir", str(tmp_path / "out")]) == 1
    assert told(capsys) == expected
    for name in ("GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH"):
        monkeypatch.delenv(name)
    assert main(["gate", "--replay", str(tmp_path / "out/verdict.json")]) == 1, "the verdict names its base"


def test_an_edit_is_told_once_when_a_run_is_gated_later(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = put(repo, {"pod.yaml": POD})
    put(repo, {".ci-guard.yaml": "fail-on: never\n"})
    for name, value in repo.event(tmp_path, base).items():
        monkeypatch.setenv(name, value)
    out = str(tmp_path / "out")
    assert main(["run", "--defer-gate", "--output-dir", out]) == 0
    capsys.readouterr()
    assert main(["gate", "--from", out, "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [f["key"] for f in report["findings"] if f["rule"] == "policy-changed"] == ["fail-on"]


def test_an_edit_alone_is_no_judgement(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = put(repo, {})
    put(repo, {".ci-guard.yaml": "fail-on: never\n"})
    for name, value in repo.event(tmp_path, base).items():
        monkeypatch.setenv(name, value)
    repo.write("empty.sarif", '{"version": "2.1.0", "runs": []}')
    assert main(["gate", "empty.sarif"]) == 3


def test_files_that_the_policy_names_are_read_from_the_base_and_watched(repo: Repo, tmp_path: Path) -> None:
    """VEX documents, keys and trusted roots: whoever reads them gets the base's bytes."""
    config = (
        "vex: [vex.json]\nimages:\n- match: [registry.example/**]\n  signed-by:\n"
        "  - {key: trust/shop.pub}\n  - {identity: a@shop.example, issuer: 'https://i.example', "
        "trusted-root: trust/root.json}\n"
    )
    names = ("vex.json", "trust/shop.pub", "trust/root.json")
    base = put(repo, {".ci-guard.yaml": config, **dict.fromkeys(names, "the base's\n")})
    put(repo, dict.fromkeys(names, "the change's\n"))
    policy = load_policy(repo.root, repo.event(tmp_path, base), {})
    assert [policy.read(name) for name in names] == [b"the base's\n"] * 3
    assert {change.location.path for change in policy.changes} == set(names)
