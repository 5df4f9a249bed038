"""`deps pin`: every folder in cases/ is a tree before and after, and what was said of the places that stay."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "cases"
CASES = sorted(p for p in FOLDER.iterdir() if p.is_dir())
MAP = FOLDER / "map.txt"


def pin(folder: Path, *arguments: str) -> tuple[int, str]:
    """One run of `deps pin` in `folder`, as a process of its own."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("CI_GUARD_", "GITHUB_"))}
    command = [sys.executable, "-m", "ci_guard", "deps", "pin", *arguments]
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(params=CASES, ids=lambda c: c.name)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """The case, and a copy of its tree to work on."""
    work = tmp_path / "work"
    shutil.copytree(request.param / "before", work)
    return request.param, work


def test_a_tree_is_pinned_and_stays_so(case: tuple[Path, Path]) -> None:
    expected, work = case
    before = tree(work)
    code, difference = pin(work, "--check", "--map", str(MAP))
    assert code == 1, "something is to be pinned"
    assert tree(work) == before, "--check changes nothing"
    code, said = pin(work, "--map", str(MAP))
    assert code == 0, said
    assert tree(work) == tree(expected / "after")
    left = [line for line in said.splitlines() if ": not pinned: " in line or ": not looked at: " in line]
    assert left == (expected / "left.txt").read_text("utf-8").splitlines()
    assert set(left) <= set(difference.splitlines())
    assert pin(work, "--check", "--map", str(MAP))[0] == 0, "a second run finds nothing"
