"""Manifests as careful people write them: every folder in hardened/ is a repo that must be green, or nearly so."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from ci_guard.cli import main

CASES = sorted(p for p in (Path(__file__).parent / "hardened").iterdir() if p.is_dir())
RIGHT = {
    "chart": {"network-policy-missing"},  # a test pod and a job that no policy selects
    "custom-kinds": {"network-policy-missing"},
    "node-agent": {"network-policy-missing"},
}
"""What is said of them with good reason, at `medium`."""


@pytest.mark.parametrize("profile", ["default", "pss-restricted"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_nothing_is_noise(
    case: Path, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(shutil.copytree(case, tmp_path / "repo"))
    assert main(["lint", "--all", "--profile", profile, "--format", "json"]) == 0
    found = [f for f in json.loads(capsys.readouterr().out)["findings"] if not f["impliedBy"]]
    wanted = RIGHT.get(case.name, set()) if profile == "default" else set()
    assert {f["rule"] for f in found if f["severity"] not in {"low", "note"}} == wanted
