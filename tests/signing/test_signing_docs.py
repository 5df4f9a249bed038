"""The commands of docs/signing.md run as they stand there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from ci_guard import cli
from ci_guard.attestation import keyless, layout
from ci_guard.attestation.verification import STEPS

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "signing.md").read_text("utf-8")


def test_the_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_EVENT_NAME", "CI_PIPELINE_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CI_GUARD_KEY_PASSWORD", "…")
    (tmp_path / "app.tar").write_bytes(b"app")
    (tmp_path / "sbom.cdx.json").write_text(json.dumps({"bomFormat": "CycloneDX"}))
    block = PAGE.split("```sh\n")[1].split("```")[0]
    commands = [shlex.split(line, comments=True) for line in block.splitlines() if line.startswith("ci-guard ")]
    assert len(commands) == 5
    for command in commands:
        assert cli.main(command[1:]) == 0, command


def test_the_page_names_every_step() -> None:
    tables = re.split("## With an identity|## How it was made", PAGE)
    for text, steps in zip(tables, (STEPS, keyless.STEPS, layout.STEPS), strict=True):
        assert re.findall(r"^\| (\d+ [a-z-]+) \|", text, re.MULTILINE) == [f"{n} {s}" for n, s in enumerate(steps, 1)]
