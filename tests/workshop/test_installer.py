"""The installer takes nothing from the folder it runs in, and refuses what the lock does not name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = "import sys\nsys.stderr.write('HIJACKED\\n')\nsys.exit(99)\n"


def install(checkout: Path, venv: Path, lock: Path, *, cwd: Path, path: str | None = None) -> str:
    environ = {**os.environ, "PYTHON": sys.executable, "PATH": path or os.environ["PATH"]}
    done = subprocess.run(
        ["bash", str(checkout / "tools/install.sh"), str(venv), str(lock)],
        cwd=cwd, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


def test_a_hostile_folder_changes_nothing(checkout: Path, tmp_path: Path, index: None) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ["venv.py", "yaml.py", "sitecustomize.py", "pip.py", "ensurepip.py", "pathlib.py", "ci_guard.py"]:
        (tree / name).write_text(HOSTILE)
    (tree / "uv.toml").write_text('[[index]]\nurl = "https://127.0.0.1:9/simple"\ndefault = true\n')
    (tree / "pip.conf").write_text("[global]\nindex-url = https://127.0.0.1:9/simple\n")
    (tree / "pyproject.toml").write_text('[tool.uv]\nindex-url = "https://127.0.0.1:9/simple"\n')
    venv = tmp_path / "venv"
    said = install(checkout, venv, checkout / "requirements/lint.txt", cwd=tree)
    assert said.startswith("0\n"), said
    run = subprocess.run([venv / "bin/ci-guard", "--version"], cwd=tree, capture_output=True, text=True, check=False)
    assert run.stdout.startswith("ci-guard "), run.stderr
    assert "HIJACKED" not in said + run.stderr


@pytest.mark.slow
def test_pip_alone_is_enough(checkout: Path, tmp_path: Path, index: None) -> None:
    folders = [f for f in os.environ["PATH"].split(os.pathsep) if not (Path(f) / "uv").exists()]
    said = install(
        checkout, tmp_path / "venv", checkout / "requirements/lint.txt", cwd=tmp_path, path=os.pathsep.join(folders)
    )
    assert said.startswith("0\n"), said


def test_a_changed_package_is_refused(checkout: Path, tmp_path: Path, index: None) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("iniconfig==2.3.1 --hash=sha256:" + "0" * 64 + "\n")
    said = install(checkout, tmp_path / "venv", lock, cwd=tmp_path)
    assert not said.startswith("0\n")
    assert "hash" in said.lower()


def test_a_package_without_hash_is_refused(checkout: Path, tmp_path: Path, index: None) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("iniconfig==2.3.1\n")
    said = install(checkout, tmp_path / "venv", lock, cwd=tmp_path)
    assert not said.startswith("0\n")
    assert "hash" in said.lower()
