"""`ci-guard rules` as a person calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ci_guard.cli import main
from ci_guard.engine.catalogue import load_catalogue, rules_folder

ROOT = Path(__file__).parents[2]


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(load_catalogue().rule_ids)
    assert any(line.split() == ["privileged-container", "critical", "pod-security"] for line in lines)
    assert main(["rules", "list", "--profile", "pss-baseline", "--pod-security-version", "v1.99"]) == 0
    captured = capsys.readouterr()
    assert "may-run-as-root" not in captured.out
    assert "v1.99" in captured.err
    assert main(["rules", "list", "--profile", "none"]) == 2


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "show", "unsafe-sysctls"]) == 0
    page = capsys.readouterr().out
    for heading in ("## Why", "## What to do", "## How it is judged", "## Threat", "## Controls", "## Bad", "## Good"):
        assert heading in page
    assert main(["rules", "show", "no-such-rule"]) == 2


def test_generated_files_are_checked_without_writing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "catalog", "--check"]) == 0
    assert main(["rules", "docs", "--check"]) == 0
    assert main(["rules", "docs", "--check", "--output-dir", str(tmp_path)]) == 2
    assert not list(tmp_path.iterdir())
    assert "out of date" in capsys.readouterr().out
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "old-rule.md").write_text("x")
    assert main(["rules", "docs", "--output-dir", str(tmp_path)]) == 0
    assert main(["rules", "docs", "--check", "--output-dir", str(tmp_path)]) == 0
    assert not (tmp_path / "gone" / "old-rule.md").exists()


def test_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = rules_folder() / "pod-security" / "host-pid.yaml"
    assert main(["rules", "test", str(good)]) == 0
    broken = tmp_path / "pod-security" / "host-pid.yaml"
    broken.parent.mkdir()
    broken.write_text(good.read_text().replace("hostPID.orValue(false)", "hostPID.orValue(true)"))
    assert main(["rules", "test", str(broken)]) == 3
    assert "host-pid: good example 2: line" in capsys.readouterr().out
    assert main(["rules", "test", str(tmp_path / "none")]) == 2


@pytest.mark.parametrize("name", ["nofolder", "a/B", "a/", "../x/y", "pod-security/host-pid"])
def test_new_refuses(name: str) -> None:
    assert main(["rules", "new", name]) == 2


def test_selecting_imports_neither_yaml_nor_the_expression_engine() -> None:
    """A hook that has nothing to judge must not pay for what judging needs."""
    code = (
        "import sys; from ci_guard.engine.catalogue import load_catalogue; load_catalogue().select('default');"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'yaml', 'cel_expr_python', 'jsonschema'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_one_module_imports_the_expression_engine() -> None:
    importers = [p.name for p in (ROOT / "ci_guard").rglob("*.py") if "cel_expr_python" in p.read_text()]
    assert importers == ["expression.py"]
