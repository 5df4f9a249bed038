"""git against real repositories, hostile ones too."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ci_guard.model.errors import RevisionError
from ci_guard.source.revision import GitRepository

ENV = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=ENV).stdout.strip()


def commit(folder: Path, message: str = "x") -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message, "--allow-empty")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "deploy").mkdir()
    (folder / "deploy/a.yaml").write_text("".join(f"line {i}\n" for i in range(30)))
    (folder / "b\nä.yaml").write_text("b\n")
    (folder / "link.yaml").symlink_to("deploy/a.yaml")
    return folder


def repository(folder: Path) -> GitRepository:
    found = GitRepository.discover(folder)
    assert found is not None
    return found


def test_reads_commits(folder: Path) -> None:
    first = commit(folder)
    repo = repository(folder)
    assert repo.toplevel.samefile(folder)
    assert repo.resolve("HEAD") == repo.head() == first
    assert repo.files("HEAD") == ["b\nä.yaml", "deploy/a.yaml"]
    assert repo.read(first, "b\nä.yaml") == b"b\n"
    assert repo.read(first, "missing") is None
    assert repo.read(first, "../repo/b") is None
    assert dict(repo.read_many(first, ["b\nä.yaml", "no", "link.yaml"])) == {"b\nä.yaml": b"b\n"}
    assert not repo.is_shallow


def test_links_are_not_followed(folder: Path) -> None:
    commit(folder)
    assert repository(folder).read("HEAD", "link.yaml") is None


def test_paths_are_relative_to_the_folder_asked_for(folder: Path) -> None:
    first = commit(folder)
    repo = repository(folder / "deploy")
    assert repo.files(first) == ["a.yaml"]
    assert repo.read(first, "a.yaml")
    git(folder, "mv", "deploy/a.yaml", "deploy/c.yaml")
    assert repo.renames(first) == {"c.yaml": "a.yaml"}
    assert repo.changed_files(first) == ["a.yaml", "c.yaml"]


def test_renames_and_changes(folder: Path) -> None:
    first = commit(folder)
    git(folder, "mv", "deploy/a.yaml", "new.yaml")
    (folder / "b\nä.yaml").write_text("zero\nb\nmore\nlines\n")
    second = commit(folder)
    repo = repository(folder)
    assert repo.renames(first) == repo.renames(first, second) == {"new.yaml": "deploy/a.yaml"}
    assert repo.changed_files(first, second) == ["b\nä.yaml", "deploy/a.yaml", "new.yaml"]
    assert repo.changed_lines(first, "b\nä.yaml") == [(1, 1), (3, 4)]
    assert repo.changed_lines(first, "absent") == []
    assert repo.merge_base(first, "HEAD") == first


@pytest.mark.parametrize(
    "revision", ["nope", "--help", "-h", "", "a\0b", "HEAD^{tree}", "f" * 40, "HEAD:deploy/a.yaml"]
)
def test_an_unknown_revision_says_what_to_add(folder: Path, revision: str) -> None:
    commit(folder)
    with pytest.raises(RevisionError) as raised:
        repository(folder).resolve(revision)
    if revision and "\0" not in revision:
        assert "fetch-depth: 0" in str(raised.value)


def test_a_shallow_clone(folder: Path, tmp_path: Path) -> None:
    first = commit(folder)
    commit(folder, "second")
    git(tmp_path, "clone", "-q", "--depth=1", folder.as_uri(), "shallow")
    repo = repository(tmp_path / "shallow")
    assert repo.is_shallow
    with pytest.raises(RevisionError, match="fetch-depth: 0"):
        repo.read(first, "deploy/a.yaml")
    with pytest.raises(RevisionError, match="fetch-depth: 0"):
        repo.merge_base(first, "HEAD")


def test_no_repository_and_no_commit(tmp_path: Path) -> None:
    assert GitRepository.discover(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert repository(tmp_path).head() is None


def test_nothing_that_the_repository_configures_is_run(folder: Path, tmp_path: Path) -> None:
    """Hooks, fsmonitor, filters, external diff, textconv, pager, aliases: each would leave a mark."""
    first = commit(folder)
    trap = tmp_path / "trap"
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\necho \"$0 $@\" >> '{trap}'\ncat\n")
    script.chmod(0o755)
    (folder / ".gitattributes").write_text("* filter=evil diff=evil\n")
    commit(folder)
    for name in (
        "core.fsmonitor",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
        "filter.evil.smudge",
        "core.pager",
        "core.sshCommand",
        "alias.ls-tree",
    ):
        git(folder, "config", name, f"!{script}" if name.startswith("alias") else str(script))
    hooks = folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        (hooks / hook).symlink_to(script)
    (folder / "deploy/a.yaml").write_text("dirty\n")
    repo = repository(folder)
    repo.files(first)
    repo.read(first, "deploy/a.yaml")
    repo.renames(first)
    repo.changed_files(first)
    repo.changed_lines(first, "deploy/a.yaml")
    repo.changed_lines(first, ".gitattributes", "HEAD")
    repo.merge_base(first, "HEAD")
    assert not trap.exists(), trap.read_text()
    git(folder, "status")
    assert trap.exists(), "the trap works: plain git falls into it"


def test_the_environment_does_not_steer(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = commit(folder)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    assert repository(folder).resolve("HEAD") == first


def test_a_bare_repository_in_a_folder_is_not_entered(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    git(inner, "init", "-q", "--bare")
    commit(folder)
    assert GitRepository.discover(inner) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_somebody_else_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(folder)
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setenv("HOME", str(folder.parent))
    for path in (folder, folder / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(RevisionError, match=r"safe\.directory"):
        GitRepository.discover(folder)


def test_the_default_branch_is_the_remotes_then_ours(folder: Path, tmp_path: Path) -> None:
    repository = GitRepository.discover(folder)
    assert repository and repository.default_branch() == "main", "without a commit, too"
    commit(folder)
    git(folder, "checkout", "-qb", "trunk/next")
    assert repository.default_branch() == "trunk/next"
    git(tmp_path, "clone", "-q", str(folder), "clone")
    clone = GitRepository.discover(tmp_path / "clone")
    git(tmp_path / "clone", "checkout", "-qb", "feature")
    assert clone and clone.default_branch() == "trunk/next"
    git(folder, "checkout", "-q", "--detach")
    assert repository.default_branch() == "main"
