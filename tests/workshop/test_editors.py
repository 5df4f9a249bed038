"""What editors and problem matchers read: every line of the short form, and the names that editors hand over."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from ci_guard.cli import main

FLAWED = b"""\
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: b}
spec: {hostPID: true, containers: [{name: a, image: x}]}
"""


@pytest.fixture
def shop(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(checkout / "examples/shop", tmp_path / "shop")
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setenv("PRE_COMMIT", "1")
    monkeypatch.delenv("CI_GUARD_FORMAT", raising=False)
    return tmp_path / "shop"


def patterns(checkout: Path) -> list[dict[str, Any]]:
    matchers = json.loads((checkout / ".github/problem-matcher.json").read_text("utf-8"))["problemMatcher"]
    page = (checkout / "docs/ci.md").read_text("utf-8")
    tasks = json.loads(page[page.index('{\n  "version": "2.0.0"') : page.index("\n```\n\n`PRE_COMMIT=1`")])
    return [*(matcher["pattern"][0] for matcher in matchers), tasks["tasks"][0]["problemMatcher"]["pattern"]]


def test_matchers_read_every_line_of_a_finding(checkout: Path, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--format=json"]) == 1
    report = json.loads(capsys.readouterr().out)
    wanted = sorted((f["location"]["path"], f["rule"]) for f in report["findings"] if not f.get("suppressed"))
    assert main(["lint"]) == 1
    lines = capsys.readouterr().out.splitlines()
    errors, warnings, all_of_them = patterns(checkout)
    for pattern in (errors, warnings, all_of_them):
        assert (pattern["file"], pattern["line"], pattern["column"], pattern["message"], pattern["code"]) == (
            1,
            2,
            3,
            4,
            5,
        )
    found = [match for pattern in (errors, warnings) for line in lines if (match := re.match(pattern["regexp"], line))]
    everything = [match for line in lines if (match := re.match(all_of_them["regexp"], line))]
    shown = sorted((match[1], match[5]) for match in everything)
    assert sorted((match[1], match[5]) for match in found) == shown
    assert shown and set(shown) <= set(wanted)
    assert len(shown) == sum(bool(re.search(r"\[[\w-]+\]$", line)) for line in lines)
    assert all((shop / match[1]).is_file() and int(match[2]) > 0 and int(match[3]) > 0 for match in everything)


@pytest.mark.parametrize("name", ["k8s/a.yaml", "./k8s/a.yaml", "k8s/../k8s/a.yaml", "ABSOLUTE"])
def test_a_name_is_the_same_however_it_is_written(
    shop: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / ".ci-guard.yaml").write_text("suppressions: [{rule: host-pid, path: k8s/a.yaml, reason: it debugs}]\n")
    said = judged(name.replace("ABSOLUTE", str(shop / "k8s/a.yaml")), monkeypatch, capsys)
    assert "k8s/a.yaml:4:" in said and str(shop) not in said
    assert "[host-pid]" not in said


def test_a_name_outside_is_kept(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "/elsewhere/a.yaml:4:" in judged("/elsewhere/a.yaml", monkeypatch, capsys)


def test_what_is_left_out_is_left_out_while_it_is_typed(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / ".ci-guard.yaml").write_text("exclude: [testdata]\n")
    said = judged(str(shop / "testdata/a.yaml"), monkeypatch, capsys)
    assert "[host-pid]" not in said and "testdata/a.yaml is left out by the configuration" in said


def judged(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FLAWED)))
    main(["lint", "--stdin-filename", name, "-"])
    return capsys.readouterr().out
