"""Rules that code judges have no examples of their own: a folder in by_code/ is a rule, a good and a bad small repo."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from ci_guard.cli import main
from ci_guard.engine.building import rule_files
from ci_guard.engine.catalogue import rules_folder

CASES = sorted(p for p in (Path(__file__).parent / "by_code").iterdir() if p.is_dir())
COMMANDS = {"dependencies": ["deps", "check"]}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_bad_repo_is_caught_and_the_good_one_is_not(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    (found,) = [f for f in rule_files(rules_folder()) if f.id == case.name]
    command = COMMANDS.get(found.category, ["lint", "--all"])
    for repo in ("good", "bad"):
        monkeypatch.chdir(shutil.copytree(case / repo, tmp_path / repo))
        main([*command, "--profile", "all", "--fail-on", "never", "--format", "json"])
        said = {f["rule"] for f in json.loads(capsys.readouterr().out)["findings"]}
        assert (case.name in said) == (repo == "bad")


def test_every_rule_is_shown_somewhere() -> None:
    """Those about manifests and policy; what needs a base commit is shown in other tests."""
    files = list(rule_files(rules_folder()))
    bare = {found.id for found in files if not found.examples and found.category in {"input", "policy", "pod-security"}}
    elsewhere = bare - {case.name for case in CASES}
    suffixes = {".py", ".json", ".yaml", ".txt"}
    tests = [p for p in Path(__file__).parents[1].rglob("*") if p.suffix in suffixes and p.is_file()]
    texts = "\n".join(p.read_text("utf-8", "replace") for p in tests if p != Path(__file__))
    assert {rule for rule in elsewhere if rule not in texts} == set()
