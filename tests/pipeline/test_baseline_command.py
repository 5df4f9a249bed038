"""`ci-guard baseline` on real files: what was there is accepted, what is new shows, what is gone is dropped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ci_guard.cli import main
from ci_guard.suppress.baseline import load
from tests.pipeline.gitrepo import Repo

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  containers:
  - name: api
    image: registry.example/api:1.0
    securityContext:
      privileged: true
"""
CONFIG = "baseline: accepted.json\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    repo = Repo(tmp_path / "repo")
    monkeypatch.chdir(repo.root)
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_")) and n != "CI_GUARD_SHARED"]:
        monkeypatch.delenv(name)
    return repo


def rules_and_paths(data: bytes) -> set[tuple[str, str]]:
    return {(name.rule, name.path) for name in load(data, "b").counts}


def test_what_was_there_opens_the_gate_and_what_is_new_closes_it(
    repo: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write("a.yaml", POD.replace("NAME", "a"))
    assert main(["lint"]) == 1
    assert main(["baseline", "write"]) == 0
    assert "Add `baseline: .ci-guard.baseline.json` to .ci-guard.yaml" in capsys.readouterr().out
    repo.write(".ci-guard.yaml", "baseline: .ci-guard.baseline.json\n")
    assert main(["lint"]) == 0
    repo.write("a.yaml", "# lines\n# move\n" + POD.replace("NAME", "a"))
    assert main(["lint"]) == 0
    repo.write("b.yaml", POD.replace("NAME", "b"))
    assert main(["lint"]) == 1
    written = (repo.root / ".ci-guard.baseline.json").read_bytes()
    assert main(["baseline", "write", "a.yaml"]) == 0
    assert (repo.root / ".ci-guard.baseline.json").read_bytes() == written, "the same findings, the same bytes"


def test_writing_a_part_keeps_the_rest(repo: Repo) -> None:
    repo.write(".ci-guard.yaml", CONFIG)
    repo.write("a/x.yaml", POD.replace("NAME", "a"))
    repo.write("b/x.yaml", POD.replace("NAME", "b"))
    assert main(["baseline", "write"]) == 0
    (repo.root / "a" / "x.yaml").unlink()
    (repo.root / "b" / "x.yaml").unlink()
    assert main(["baseline", "write", "a"]) == 0
    assert {path for _, path in rules_and_paths((repo.root / "accepted.json").read_bytes())} == {"b/x.yaml"}


def test_prune_drops_what_is_gone_and_adds_nothing(repo: Repo) -> None:
    repo.write(".ci-guard.yaml", CONFIG)
    repo.write("a.yaml", POD.replace("NAME", "a"))
    assert main(["baseline", "write"]) == 0
    before = rules_and_paths((repo.root / "accepted.json").read_bytes())
    assert ("ci-guard/privileged-container", "a.yaml") in before
    repo.write("a.yaml", POD.replace("NAME", "a").replace("true", "false"))
    repo.write("b.yaml", POD.replace("NAME", "b"))
    assert main(["baseline", "prune"]) == 0
    after = rules_and_paths((repo.root / "accepted.json").read_bytes())
    assert after < before and ("ci-guard/privileged-container", "a.yaml") not in after
    assert main(["baseline", "prune"]) == 0
    assert rules_and_paths((repo.root / "accepted.json").read_bytes()) == after


def test_nothing_to_prune_is_a_configuration_error(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("a.yaml", POD)
    assert main(["baseline", "prune"]) == 2
    assert "there is no baseline to prune" in capsys.readouterr().err


def test_output_and_a_link_out_of_the_root(repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("a.yaml", POD)
    assert main(["baseline", "write", "--output", str(tmp_path / "b.json")]) == 0
    assert rules_and_paths((tmp_path / "b.json").read_bytes())
    (tmp_path / "outside").mkdir()
    (repo.root / "ci").symlink_to(tmp_path / "outside")
    repo.write(".ci-guard.yaml", "baseline: ci/b.json\n")
    assert main(["baseline", "write"]) == 3
    assert "a link leads out of" in capsys.readouterr().err
    assert not list((tmp_path / "outside").iterdir())


WORKFLOW = """\
on: push
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
    - uses: actions/checkout@v4
"""


def test_all_that_the_main_job_finds_in_files_is_accepted(repo: Repo, tmp_path: Path) -> None:
    repo.write(".ci-guard.yaml", CONFIG)
    repo.write("a.yaml", POD)
    repo.write("requirements.txt", "requests==2.32.0\n")
    repo.write(".github/workflows/build.yml", WORKFLOW)
    job = ["run", "--fail-on", "note", "--output-dir", str(tmp_path / "out")]
    assert main([*job, "--baseline", str(tmp_path / "none.json")]) == 2
    (repo.root / "accepted.json").write_text('[{"schema": "ci-guard/baseline/1"}]')
    assert main(job) == 1
    assert main(["baseline", "write"]) == 0
    paths = {path for _, path in rules_and_paths((repo.root / "accepted.json").read_bytes())}
    assert paths == {"a.yaml", "requirements.txt", ".github/workflows/build.yml"}
    assert main(job) == 0


def test_broken_files_are_not_accepted(repo: Repo) -> None:
    repo.write(".ci-guard.yaml", CONFIG)
    repo.write("a.yaml", "apiVersion: v1\nkind: Pod\nspec: [\n")
    main(["baseline", "write"])
    assert rules_and_paths((repo.root / "accepted.json").read_bytes()) == set()
    assert main(["lint"]) == 1


def test_since_in_a_folder_of_the_repository(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit({"shop/a.yaml": POD.replace("NAME", "a")})
    monkeypatch.chdir(repo.root / "shop")
    assert main(["lint"]) == 1
    assert main(["lint", "--since", "HEAD"]) == 0
    repo.write("shop/b.yaml", POD.replace("NAME", "b"))
    assert main(["lint", "--since", "HEAD"]) == 1
    repo.git("mv", "shop/a.yaml", "shop/c.yaml")
    (repo.root / "shop" / "b.yaml").unlink()
    assert main(["lint", "--since", "HEAD"]) == 0
