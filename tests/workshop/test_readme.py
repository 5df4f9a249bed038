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


def inline_commands() -> list[str]:
    """`ci-guard …` and `make …` in running text."""
    prose = re.sub(r"^ *```.*?^ *```", "", README, flags=re.DOTALL | re.MULTILINE)
    return sorted(set(re.findall(r"`((?:ci-guard|make) [a-z][^`]*)`", prose)))


@pytest.fixture(scope="module")
def workplace(published: Path, tmp_path_factory: pytest.TempPathFactory, index: None) -> Path:
    """A copy of the checkout for this page alone, set up by the page's first command."""
    path = tmp_path_factory.mktemp("readme") / "ci-guard"
    shutil.copytree(published, path)
    said = run("make install", path)  # which the page's two commands begin with
    assert said.startswith("0\n"), said
    return path


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
@pytest.mark.parametrize("block", blocks("sh"), ids=lambda block: block.split("\n")[0])
def test_shell_blocks_run(workplace: Path, block: str) -> None:
    """Line by line; a line ends with 0 unless its comment says `exit N`."""
    for line in block.splitlines():
        if line.startswith("make test"):
            line = "make --dry-run test"  # these are the tests
        expected = re.search(r"# exit (\d)", line)
        said = run(line, workplace)
        assert said.startswith(f"{expected[1] if expected else 0}\n"), said


@pytest.mark.slow
@pytest.mark.parametrize("command", inline_commands())
def test_commands_in_the_text_run(workplace: Path, command: str) -> None:
    said = run(command, workplace)
    assert said.startswith("0\n"), said


def test_the_page_holds_commands() -> None:
    assert len(blocks("sh")) >= 2
    assert len(inline_commands()) >= 3


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
