"""What the tests of the workshop share: the checkout, programs beside the interpreter, throw-away repos."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
Program = Callable[[str], str]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that this test run judges."""
    return ROOT


@pytest.fixture(scope="session")
def program() -> Program:
    """Path of a program that a development package brings, or skip and say which is missing."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def find(name: str) -> str:
        path = shutil.which(name, path=search)
        if path is None:
            pytest.skip(f"{name} is not installed (make install brings the tool alone, make test everything)")
        return path

    return find


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip unless a package index answers: hooks and the action install packages."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries=1", "--timeout=15"]
    if shutil.which("uv"):
        command = ["uv", "pip", "install", "--quiet", "--no-deps", "--reinstall", "--target"]
        command.append(str(tmp_path_factory.mktemp("index")))
    else:
        command += ["--dest", str(tmp_path_factory.mktemp("index"))]
    done = subprocess.run([*command, "iniconfig"], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        pytest.skip(f"no package index can be reached, so nothing can be installed: {' '.join(last)}")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout as a repo with one commit, so that what is not committed yet is tested too."""
    path = tmp_path_factory.mktemp("published") / "ci-guard"
    path.mkdir()
    try:
        listed = run_git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the checkout is no git repo: {error.stderr.strip()}")
    for name in filter(None, listed):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, path / name)
    run_git(path, "init", "--quiet", "--initial-branch=main")
    run_git(path, "add", "--all")
    run_git(path, "commit", "--quiet", "--message=as it is")
    return path


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """An empty git repo."""
    path = tmp_path / "repo"
    path.mkdir()
    run_git(path, "init", "--quiet", "--initial-branch=main")
    return path


@pytest.fixture(scope="session")
def git() -> Callable[..., str]:
    """`git(folder, argument…)`: what it printed."""
    return run_git


def run_git(where: Path, *arguments: str) -> str:
    """Run git without the user's or the machine's configuration; returns what it printed."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@users.example", "-c", "commit.gpgsign=false"]
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    environ = {name: value for name, value in environ.items() if name not in {"GIT_DIR", "GIT_INDEX_FILE"}}
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=where, env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout
