"""The hooks through both clients, in a repo of their own, installed as a user's client installs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

GOOD = "examples/shop/k8s/storefront/deployment.yaml"
BAD = "examples/shop/k8s/orders/deployment.yaml"


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the clients keep the environments they build: once a session, not the user's."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(params=["pre-commit", "prek"])
def try_hook(
    request: pytest.FixtureRequest,
    program: Callable[[str], str],
    index: None,
    published: Path,
    homes: Path,
    repo: Path,
    git: Callable[..., str],
) -> Callable[[str], tuple[int, str]]:
    """Run one hook over all files of `repo`: exit code and what was printed."""
    client = program(request.param)

    def run(hook: str) -> tuple[int, str]:
        git(repo, "add", "--all")
        environ = {**os.environ, "PRE_COMMIT_HOME": str(homes / "pre-commit"), "PREK_HOME": str(homes / "prek")}
        done = subprocess.run(
            [client, "try-repo", str(published), hook, "--all-files", "--verbose"],
            cwd=repo, env=environ, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


def put(checkout: Path, repo: Path, source: str, name: str) -> None:
    (repo / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkout / source, repo / name)


def test_a_good_manifest_passes(checkout: Path, repo: Path, try_hook: Callable[[str], tuple[int, str]]) -> None:
    put(checkout, repo, GOOD, "k8s/good.yaml")
    code, said = try_hook("ci-guard")
    assert code == 0, said


def test_a_bad_manifest_fails_on_its_line(
    checkout: Path, repo: Path, try_hook: Callable[[str], tuple[int, str]]
) -> None:
    put(checkout, repo, GOOD, "k8s/good.yaml")
    put(checkout, repo, BAD, "k8s/bad.yaml")
    code, said = try_hook("ci-guard")
    assert code == 1, said
    line = (repo / "k8s/bad.yaml").read_text().splitlines().index("            privileged: true") + 1
    assert f"k8s/bad.yaml:{line}:" in said


def test_a_file_named_like_an_option_is_a_file(
    checkout: Path, repo: Path, try_hook: Callable[[str], tuple[int, str]]
) -> None:
    put(checkout, repo, BAD, "--ignore=privileged-container,x.yaml")
    put(checkout, repo, BAD, "--fail-on=never.yaml")
    code, said = try_hook("ci-guard")
    assert code == 1, said
    assert "privileged" in said


def test_the_whole_repo(checkout: Path, repo: Path, try_hook: Callable[[str], tuple[int, str]]) -> None:
    put(checkout, repo, "examples/shop/k8s/base/namespace.yaml", "k8s/namespace.yaml")
    put(checkout, repo, GOOD, "k8s/good.yaml")
    code, said = try_hook("ci-guard-all")
    assert code == 0, said
    put(checkout, repo, BAD, "k8s/bad.yaml")
    code, said = try_hook("ci-guard-all")
    assert code == 1, said


def test_dependencies(checkout: Path, repo: Path, try_hook: Callable[[str], tuple[int, str]]) -> None:
    put(checkout, repo, "examples/shop/services/reports/requirements.txt", "requirements.txt")
    code, said = try_hook("ci-guard-deps")
    assert code == 0, said
    put(checkout, repo, "examples/shop/services/orders/requirements-tools.txt", "requirements-tools.txt")
    (repo / ".ci-guard.yaml").write_text("version: 1\nfail-on: medium\n")  # an unpinned requirement is medium
    code, said = try_hook("ci-guard-deps")
    assert code == 1, said
    assert "requirements-tools.txt:2:" in said


def test_the_configuration(repo: Path, try_hook: Callable[[str], tuple[int, str]]) -> None:
    (repo / ".ci-guard.yaml").write_text("version: 1\nrule-paths: [policy]\n")
    (repo / "policy").mkdir()
    (repo / "policy/rule.yaml").write_text("id: x\n")
    code, said = try_hook("ci-guard-config")
    assert code == 1 and "policy/rule.yaml:1: " in said, said
    (repo / ".ci-guard.yaml").write_text("version: 1\nfail-on: hgih\n")
    code, said = try_hook("ci-guard-config")
    assert code == 1, said
    assert ".ci-guard.yaml:2: fail-on: expected one of critical, high, medium, low, note, never, found 'hgih'" in said
    (repo / ".ci-guard.yaml").write_text("version: 1\nfail-on: high\n")
    code, said = try_hook("ci-guard-config")
    assert code == 0, said


def test_workflows(checkout: Path, repo: Path, try_hook: Callable[[str], tuple[int, str]]) -> None:
    put(checkout, repo, "action.yml", "action.yml")
    put(checkout, repo, BAD, "k8s/bad.yaml")  # no workflow, not looked at
    code, said = try_hook("ci-guard-workflows")
    assert code == 0, said
    bad = repo / ".github/workflows/ci.yml"
    bad.parent.mkdir(parents=True)
    bad.write_text(
        "on: issues\njobs:\n  a:\n    runs-on: x\n    steps:\n    - run: echo ${{ github.event.issue.title }}\n"
    )
    code, said = try_hook("ci-guard-workflows")
    assert code == 1, said
    assert ".github/workflows/ci.yml:6:17" in said
    assert "k8s/bad.yaml" not in said
