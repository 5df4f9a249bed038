"""Hooks, action, Dockerfile and workflow, as others judge them, and the promises that no linter knows."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

PINNED = re.compile(r"^(\./?|[^@]+@[0-9a-f]{40})$")
JUDGES = [
    ["check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"],
    ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/ci.yml"],
    ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/release.yml"],
    ["actionlint"],
    ["zizmor", "--offline", "--persona=auditor", ".github", "action.yml", ".pre-commit-hooks.yaml"],
    ["hadolint", "Dockerfile"],
    ["pre-commit", "validate-manifest", ".pre-commit-hooks.yaml"],
    ["prek", "validate-manifest", ".pre-commit-hooks.yaml"],
    ["pre-commit", "validate-config", ".pre-commit-config.yaml"],
]


@pytest.mark.parametrize("command", JUDGES, ids=lambda command: "-".join([command[0], Path(command[-1]).name]))
def test_judges_have_nothing_to_say(checkout: Path, program: Callable[[str], str], command: list[str]) -> None:
    done = subprocess.run(
        [program(command[0]), *command[1:]], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def action(checkout: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((checkout / "action.yml").read_text("utf-8"))
    return loaded


def test_an_input_that_is_not_given_is_empty(checkout: Path) -> None:
    """A default here would win over the configuration: an action cannot tell "not given" from its default."""
    for name, value in action(checkout)["inputs"].items():
        if name not in {"upload-sarif", "annotations", "token"}:
            assert value["default"] == "", name


def test_scripts_hold_no_expressions_and_write_outputs_only(checkout: Path) -> None:
    scripts = [step.get("run", "") for step in action(checkout)["runs"]["steps"]]
    for script in [*scripts, (checkout / "tools/action.sh").read_text("utf-8")]:
        assert "${{" not in script, "an expression in a script is an injection"
        assert "GITHUB_ENV" not in script and "GITHUB_PATH" not in script
        for line in script.splitlines():
            if '"$PYTHON"' in line:
                assert '"$PYTHON" -I -m ci_guard' in line, "without -I a yaml.py in the tree would be imported"


def test_every_use_is_a_commit(checkout: Path) -> None:
    uses = [step["uses"] for step in action(checkout)["runs"]["steps"] if "uses" in step]
    for workflow in (checkout / ".github/workflows").glob("*.yml"):
        jobs = yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values()
        uses += [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    assert len(uses) > 3
    assert [use for use in uses if not PINNED.match(use)] == []


def test_outputs_are_written_by_the_tool(checkout: Path, tmp_path: Path) -> None:
    from ci_guard.model.report import Verdict
    from ci_guard.report.actions_output import outputs_of

    counts = dict.fromkeys(["critical", "high", "medium", "low", "note"], 0)
    written = set(outputs_of(Verdict(exit_code=0, paragraph="", fail_on="high", counts=counts), tmp_path))
    text = (checkout / "action.yml").read_text("utf-8")
    assert set(re.findall(r"steps\.run\.outputs\.([a-z-]+)", text)) <= written


def hooks(checkout: Path) -> dict[str, dict[str, Any]]:
    loaded = yaml.safe_load((checkout / ".pre-commit-hooks.yaml").read_text("utf-8"))
    return {hook["id"]: hook for hook in loaded}


def test_hook_ids_are_kept(checkout: Path) -> None:
    wanted = {"", "-all", "-config", "-deps", "-fix", "-restricted", "-system", "-workflows"}
    assert set(hooks(checkout)) == {f"ci-guard{name}" for name in wanted}


def test_file_names_cannot_be_options(checkout: Path) -> None:
    for hook in hooks(checkout).values():
        assert hook.get("pass_filenames") is False or hook["args"] == ["--"]


def test_what_a_hook_installs_is_pinned_and_small(checkout: Path) -> None:
    """By version: neither client checks hashes. What is locked by hash is `ci-guard-system`'s business."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))
    locked = re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (checkout / "requirements/lint.txt").read_text(), re.MULTILINE)
    pinned = [f"{name}=={version}" for name, version in locked]
    for hook in hooks(checkout).values():
        if hook["language"] == "python":
            own = [need for need in project["project"]["dependencies"] if "==" in need]
            assert sorted([*own, *hook["additional_dependencies"]]) == sorted(pinned), hook["id"]
        else:
            assert (hook["language"], hook["entry"]) == ("system", "ci-guard lint")
    assert all("==" in need for need in project["build-system"]["requires"])


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("requirements.txt", True),
        ("services/a/requirements-dev.txt", True),
        ("services/a/uv.lock", True),
        (".ci-guard.digests.json", True),
        ("package-lock.json", True),
        (".github/workflows/ci.yml", True),
        ("deep/.github/workflows/ci.yaml", True),
        ("action.yml", True),
        ("pyproject.toml", True),
        ("transaction.yml", False),
        ("requirements.md", False),
        ("k8s/deployment.yaml", False),
        ("uv.lock.bak", False),
    ],
)
def test_files_of_the_dependency_hook(checkout: Path, path: str, wanted: bool) -> None:
    assert bool(re.search(hooks(checkout)["ci-guard-deps"]["files"], path)) is wanted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (".github/workflows/ci.yml", True),
        ("deep/.github/workflows/ci.yaml", True),
        ("action.yml", True),
        ("scan/action.yaml", True),
        (".gitlab-ci.yml", True),
        ("transaction.yml", False),
        (".github/workflows/deep/ci.yml", False),
        (".github/dependabot.yml", False),
    ],
)
def test_files_of_the_workflow_hook(checkout: Path, path: str, wanted: bool) -> None:
    assert bool(re.search(hooks(checkout)["ci-guard-workflows"]["files"], path)) is wanted


def test_our_own_workflows_pass_the_workflow_hook(checkout: Path) -> None:
    own = [".github/workflows/ci.yml", "action.yml"]
    command = [sys.executable, "-m", "ci_guard", "deps", "check", "--fail-on=low", "--quiet", "--", *own]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
