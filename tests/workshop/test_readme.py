"""Every command and every snippet of the README works, in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, their common indentation taken off."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", README, re.DOTALL | re.MULTILINE)
    return ["".join(line[len(indent) :] + "\n" for line in body.splitlines()) for indent, body in found]


def commands() -> list[str]:
    """The lines of `sh` blocks, and `ci-guard …` and `make …` in running text, once each, in the order of the page."""
    found: list[str] = []
    pattern = r"^ *```(\w*)\n(.*?)^ *```|`((?:ci-guard|make) [a-z][^`]*)`"
    for language, block, inline in re.findall(pattern, README, re.DOTALL | re.MULTILINE):
        found += block.splitlines() if language == "sh" else [inline] if inline else []
    return list(dict.fromkeys(found))


@pytest.fixture
def workplace(published: Path, tmp_path: Path, index: None) -> Path:
    """A copy of the checkout for this page alone."""
    shutil.copytree(published, tmp_path / "ci-guard")
    return tmp_path / "ci-guard"


def run(command: str, where: Path) -> str:
    """The command's exit code and what it said."""
    beside = str(Path(sys.executable).parent)  # uv, where the development packages brought it
    environ = {**os.environ, "PATH": os.pathsep.join([str(where / ".venv/bin"), beside, os.environ["PATH"]])}
    environ = {name: value for name, value in environ.items() if not name.startswith(("MAKE", "MFLAGS", "VIRTUAL_"))}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=where, env=environ, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


@pytest.mark.slow
def test_the_commands_run_one_after_the_other(workplace: Path) -> None:
    """As a reader does: what a later one needs, an earlier one left. A line ends with 0 unless it says `exit N`."""
    for line in commands():
        if line.startswith("make test"):
            line = "make --dry-run test"  # these are the tests
        expected = re.search(r"# exit (\d)", line)
        said = run(line, workplace)
        assert said.startswith(f"{expected[1] if expected else 0}\n"), f"{line}: {said}"


def test_the_page_holds_commands() -> None:
    assert commands()[:2] == blocks("sh")[0].splitlines()
    assert len(commands()) >= 7


def snippet(key: str) -> Any:
    (found,) = [value for value in map(yaml.safe_load, blocks("yaml")) if key in value]
    return found


def test_the_hook_snippet_names_hooks_that_are_there() -> None:
    ids = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    assert {hook["id"] for repo in snippet("repos")["repos"] for hook in repo["hooks"]} <= ids


def test_the_workflow_snippet_is_a_job() -> None:
    steps = snippet("steps")["steps"]
    assert steps[-1]["uses"] == "OWNER/ci-guard@<commit>"
    assert set(steps[-1].get("with", {})) <= set(yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"])


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
