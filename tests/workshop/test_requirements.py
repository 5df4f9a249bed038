"""The locks say what is installed, and nothing else about where it comes from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "tools/requirements.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(checkout: Path, tmp_path: Path) -> Path:
    """The files that the check reads, to be spoilt."""
    for name in [
        "tools/requirements.py", "pyproject.toml", ".pre-commit-config.yaml",
        "requirements/lint.txt", "requirements/ci.txt", "requirements/dev.txt",
    ]:  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((checkout / name).read_bytes())
    return tmp_path


def test_locks_fit_the_project(checkout: Path) -> None:
    done = check(checkout)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("pyproject.toml", 'dependencies = ["pyyaml>=6.0.2"', 'dependencies = ["pyyaml>=99"', "pyyaml is 6"),
        ("pyproject.toml", 'ci = [\n', 'ci = [\n  "left-pad>=1",\n', "left-pad>=1 is not locked"),
        ("requirements/ci.txt", "pyyaml==6.0.3", "pyyaml==6.0.2", "lint.txt has 6.0.3"),
        ("requirements/lint.txt", "pyyaml==6.0.3 \\", "pyyaml==6.0.3\nx==1 \\", "pyyaml has no hash"),
        ("requirements/dev.txt", "pyyaml==", "--index-url https://index.example/simple\npyyaml==", "index.example"),
        (".pre-commit-config.yaml", "ruff==", "ruff==0.1.", "ruff is 0.1."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(copy: Path, file: str, old: str, new: str, complaint: str) -> None:
    path = copy / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    done = check(copy)
    assert done.returncode == 1
    assert complaint in done.stdout
