"""`ci-guard init` on real repositories: green on the first day, red with a new flaw, nothing overwritten."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ci_guard.cli import main
from tests.pipeline.gitrepo import Repo

ROOT = Path(__file__).resolve().parent.parent.parent
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ACTION = f"--action=acme/ci-guard@{COMMIT} # v0.1.0"
BAD = (ROOT / "examples/shop/k8s/orders/deployment.yaml").read_text("utf-8")
WRITTEN = {".ci-guard.yaml", ".ci-guard.baseline.json", ".pre-commit-config.yaml", ".github/workflows/ci-guard.yml"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """The example shop as a repository of its own, before it had a policy."""
    shutil.copytree(ROOT / "examples/shop", tmp_path / "shop")
    (tmp_path / "shop/.ci-guard.yaml").unlink()
    repo = Repo(tmp_path / "shop")
    repo.commit()
    monkeypatch.chdir(repo.root)
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_")) and n != "CI_GUARD_SHARED"]:
        monkeypatch.delenv(name)
    return repo


def files(root: Path) -> dict[str, bytes]:
    found = (p for p in root.rglob("*") if p.is_file() and ".git" not in p.relative_to(root).parts[:1])
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in found}


def judged(shop: Repo, folder: Path) -> set[int]:
    """The exit codes of all that judges: the hooks' commands, and the main job."""
    commands = (["lint"], ["lint", "--all"], ["deps", "check"], ["run", "--output-dir", str(folder)])
    return {main(command) for command in commands}


def test_the_first_day_is_green_and_a_new_flaw_is_red(shop: Repo, tmp_path: Path) -> None:
    assert main(["lint"]) == 1
    before = files(shop.root)
    assert main(["init", ACTION]) == 0
    assert set(files(shop.root)) - set(before) == WRITTEN
    assert {name: data for name, data in files(shop.root).items() if name in before} == before
    assert judged(shop, tmp_path / "one") == {0}
    shop.write("k8s/new.yaml", BAD.replace("orders", "returns"))
    assert main(["lint"]) == 1
    assert main(["run", "--output-dir", str(tmp_path / "two")]) == 1
    assert main(["gate", "--from", str(tmp_path / "two")]) == 1


def test_a_second_time_changes_nothing(shop: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    before = files(shop.root)
    capsys.readouterr()
    assert main(["init", "--profile=pss-restricted"]) == 0
    assert files(shop.root) == before
    said = capsys.readouterr().out
    assert "wrote" not in said and "extended" not in said
    for name in WRITTEN:
        assert f"left          {name}: " in said


def test_what_is_there_stays(shop: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    hooks = "repos:\n- repo: local\n  hooks: []\n"
    mine = {".ci-guard.yaml": "fail-on: critical\n", ".github/workflows/ci-guard.yml": "mine", "x": "y"}
    for name, text in {**mine, ".pre-commit-config.yaml": hooks}.items():
        shop.write(name, text)
    assert main(["init"]) == 0
    now = files(shop.root)
    assert {name: now[name].decode() for name in mine} == mine
    assert now[".pre-commit-config.yaml"].decode().startswith(hooks)
    assert ".ci-guard.baseline.json" not in now, "without `baseline:` in the configuration it would have no effect"
    assert "names no baseline: add `baseline: .ci-guard.baseline.json` there" in capsys.readouterr().out


def test_a_hook_configuration_that_cannot_be_extended_gets_the_lines_in_words(
    shop: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.write(".pre-commit-config.yaml", "repos: []\n")
    assert main(["init", ACTION]) == 0
    said = capsys.readouterr().out
    assert (shop.root / ".pre-commit-config.yaml").read_text() == "repos: []\n"
    snippet = said[said.index("  - repo: ") : said.index("\n\n", said.index("  - repo: "))]
    assert yaml.safe_load(snippet)[0]["rev"] == COMMIT


def test_a_dry_run_writes_nothing_and_its_patch_everything(
    shop: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.write(".pre-commit-config.yaml", "repos:\n- repo: local\n  hooks: []\n")
    before = files(shop.root)
    assert main(["init", "--dry-run"]) == 0
    assert files(shop.root) == before
    patch = capsys.readouterr().out
    copy = tmp_path / "copy"
    shutil.copytree(shop.root, copy)
    subprocess.run(["git", "apply", "-"], cwd=copy, input=patch.encode(), check=True)
    assert main(["init"]) == 0
    assert files(copy) == files(shop.root)


def test_a_folder_of_a_larger_repository(shop: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("apps/one/deploy.yaml", BAD)
    shop.write("apps/two/deploy.yaml", BAD)
    assert main(["init", "apps/one", ACTION]) == 0
    assert {".ci-guard.yaml", ".ci-guard.baseline.json", "deploy.yaml"} == set(files(shop.root / "apps/one"))
    assert main(["lint", "apps/one"]) == 0
    assert main(["run", "apps/one", "--output-dir", str(tmp_path / "out")]) == 0
    assert main(["lint", "--config=apps/one/.ci-guard.yaml", "--", "apps/one/deploy.yaml"]) == 0, "as the hook does"
    assert main(["lint", "apps/two"]) == 1
    steps = yaml.safe_load((shop.root / ".github/workflows/ci-guard.yml").read_text())["jobs"]["guard"]["steps"]
    assert steps[-1]["with"] == {"path": "apps/one"}
    assert main(["init", "apps/two", ACTION]) == 0
    assert main(["lint", "--config=apps/two/.ci-guard.yaml", "--", "apps/two/deploy.yaml"]) == 0
    repos = yaml.safe_load((shop.root / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["hooks"][0]["files"] for repo in repos] == ["^apps/one/", "^apps/two/"]
    before = files(shop.root)
    assert main(["init", "apps/one", ACTION]) == main(["init", "apps/two", ACTION]) == 0
    assert files(shop.root) == before


def test_a_repository_of_gitlab_gets_no_workflow(
    shop: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(shop.root / ".github")
    shop.write(".gitlab-ci.yml", "stages: [test]\n")
    assert main(["init", ACTION]) == 0
    said = capsys.readouterr().out
    assert not (shop.root / ".github").exists()
    assert f"component: $CI_SERVER_FQDN/acme/ci-guard/ci-guard@{COMMIT}" in said
    assert judged(shop, tmp_path / "out") == {0}


def test_no_repository_and_nothing_to_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["init", "empty"]) == 0
    assert set(files(tmp_path / "empty")) == WRITTEN
    workflow = (tmp_path / "empty/.github/workflows/ci-guard.yml").read_text()
    assert 'allow-empty: "true"' in workflow
    assert "no git repository" in capsys.readouterr().out


def test_a_baseline_that_is_there_counts(shop: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "write"]) == 0
    before = (shop.root / ".ci-guard.baseline.json").read_bytes()
    assert main(["init", ACTION]) == 0
    assert "With these files the gate is open; a new finding at or above high closes it." in capsys.readouterr().out
    assert (shop.root / ".ci-guard.baseline.json").read_bytes() == before
    assert judged(shop, tmp_path / "out") == {0}


def test_a_link_is_left_and_named(shop: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "elsewhere").write_text("repos: []\n")
    (shop.root / ".pre-commit-config.yaml").symlink_to(tmp_path / "elsewhere")
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert "left          .pre-commit-config.yaml: add the lines below (symbolic link)" in said
    assert "  - repo: https://github.com/OWNER/ci-guard" in said
    assert (tmp_path / "elsewhere").read_text() == "repos: []\n"


def test_an_unknown_profile_is_refused(shop: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(shop.root)
    assert main(["init", "--profile=pss-strict"]) == 2
    assert "pss-strict" in capsys.readouterr().err
    assert files(shop.root) == before


def test_what_no_baseline_accepts_is_said_with_its_place(shop: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    shop.write("k8s/broken.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: x\n")
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert "The gate stays closed: 1 finding that no baseline accepts." in said
    assert "  k8s/broken.yaml:" in said


@pytest.mark.parametrize("action", ["acme/ci-guard@v1", "acme/ci-guard", "x", f"a/b/c@{COMMIT}", f"a/b@{COMMIT}\nx: y"])
def test_only_a_commit_is_a_pin(shop: Repo, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(shop.root)
    assert main(["init", "--action", action]) == 2
    assert "with all 40 digits" in capsys.readouterr().err
    assert files(shop.root) == before


JUDGES = {
    "actionlint": ["actionlint", ".github/workflows/ci-guard.yml"],
    "zizmor": ["zizmor", "--offline", "--persona=auditor", ".github/workflows/ci-guard.yml", ".pre-commit-config.yaml"],
    "workflow-schema": [
        *("check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/ci-guard.yml"),
    ],
    "config-schema": [
        *("check-jsonschema", "--schemafile", str(ROOT / "docs/schemas/config.schema.json"), ".ci-guard.yaml"),
    ],
    "pre-commit": ["pre-commit", "validate-config", ".pre-commit-config.yaml"],
    "ours": ["ci-guard", "deps", "check", "--fail-on=note", "--baseline=.ci-guard.baseline.json"],
}


@pytest.mark.parametrize("branch", ["main", "ünï {x}"])
def test_others_have_nothing_to_say_of_what_is_written(tmp_path: Path, branch: str) -> None:
    repo = Repo(tmp_path / "repo")
    repo.git("checkout", "-q", "-b", branch.replace(" ", "-"))
    repo.write("uv.lock", (ROOT / "examples/shop/services/orders/uv.lock").read_bytes())
    repo.commit()
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in (["ci-guard", "init", ACTION], *JUDGES.values()):
        program = shutil.which(command[0], path=search)
        if program is None:
            pytest.skip(f"{command[0]} is not installed")
        done = subprocess.run([program, *command[1:]], cwd=repo.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    written = yaml.safe_load((repo.root / ".github/workflows/ci-guard.yml").read_text("utf-8"))
    assert written[True]["push"]["branches"] == [branch.replace(" ", "-")]
    assert written["permissions"] == {}


def test_signing_is_a_job_apart_that_runs_no_code_of_the_project(shop: Repo) -> None:
    assert main(["init", ACTION]) == 0
    jobs = yaml.safe_load((shop.root / ".github/workflows/ci-guard.yml").read_text())["jobs"]
    assert "id-token" not in jobs["guard"]["permissions"]
    assert jobs["sign"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert not [step for step in jobs["sign"]["steps"] if "run" in step]
    assert "github.event_name == 'push'" in jobs["sign"]["if"]
