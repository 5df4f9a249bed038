"""Walking and opening over hostile trees."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import pytest

from ci_guard.model.errors import InputError
from ci_guard.model.ports import ReadBytes
from ci_guard.source.files import SkippedPath, SourceFile, read_file, read_or_none, walk

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX file names, links and special files")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in (
        "b.yaml",
        "a/z.yaml",
        "a/deep/c.yaml",
        ".git/config",
        "node_modules/x.json",
        ".venv/y.py",
        ".github/w.yml",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "secret").write_text("secret")
    return root


def found(root: Path, *targets: str) -> list[str]:
    return [entry.path for entry in walk(root, targets or (".",)) if isinstance(entry, SourceFile)]


def skipped(root: Path, *targets: str) -> dict[str, str]:
    return {entry.path: entry.reason for entry in walk(root, targets or (".",)) if isinstance(entry, SkippedPath)}


def test_walks_in_order_and_passes_over_what_is_not_ours(root: Path) -> None:
    assert found(root) == [".github/w.yml", "a/deep/c.yaml", "a/z.yaml", "b.yaml"]
    assert all(entry.absolute.is_file() for entry in walk(root, ["."]) if isinstance(entry, SourceFile))


def test_targets(root: Path) -> None:
    assert found(root, "a", "b.yaml", "a/z.yaml", "./a/../b.yaml") == ["a/deep/c.yaml", "a/z.yaml", "b.yaml"]
    assert found(root, str(root / "a")) == ["a/deep/c.yaml", "a/z.yaml"]
    assert found(root, ".venv") == [".venv/y.py"]


@pytest.mark.parametrize("target", ["missing.yaml", "a/missing/x", "../secret", "/", "..", "a\0b", "b.yaml/x"])
def test_a_target_that_is_missing_or_outside(root: Path, target: str) -> None:
    with pytest.raises(InputError):
        list(walk(root, [target]))
    with pytest.raises(InputError):
        read_file(root, target)
    assert read_or_none(root, target) is None


def test_reads_within_the_limit(root: Path) -> None:
    read: ReadBytes = partial(read_or_none, root)
    assert read("a/z.yaml") == read_file(root, "a/z.yaml", limit=8) == b"a/z.yaml"
    with pytest.raises(InputError, match="larger than 7 bytes"):
        read_file(root, "a/z.yaml", limit=7)
    with pytest.raises(InputError, match="not a regular file"):
        read_file(root, "a")


@posix
def test_links_are_skipped_and_not_opened(root: Path) -> None:
    (root / "file-link").symlink_to(root.parent / "secret")
    (root / "inner-link").symlink_to("b.yaml")
    (root / "folder-link").symlink_to(root.parent)
    (root / "loop").symlink_to("loop")
    (root / "a/up").symlink_to("..")
    links = ("a/up", "file-link", "folder-link", "inner-link", "loop")
    assert skipped(root) == dict.fromkeys(links, "symbolic link")
    assert found(root) == [".github/w.yml", "a/deep/c.yaml", "a/z.yaml", "b.yaml"]
    for path in (*links, "folder-link/secret", "a/up/b.yaml"):
        with pytest.raises(InputError, match="symbolic link"):
            read_file(root, path)
    assert skipped(root, "folder-link/secret") == {"folder-link": "symbolic link"}


@posix
def test_special_files_do_not_block(root: Path) -> None:
    os.mkfifo(root / "pipe.yaml")
    assert skipped(root) == {"pipe.yaml": "not a regular file"}
    with pytest.raises(InputError, match="not a regular file"):
        read_file(root, "pipe.yaml")
    with pytest.raises(InputError, match="not a regular file"):
        read_file(Path("/dev"), "null")


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses names that are not UTF-8")
def test_names_with_newlines_escapes_and_bytes(root: Path) -> None:
    names = [
        b"new\nline.yaml",
        b"\x1b[31m.yaml",
        b"\xff\xfe.yaml",
        "é😀.yaml".encode(),
        b"back\\slash.yaml",
        b"-n.yaml",
    ]
    for name in names:
        (root / os.fsdecode(name)).write_bytes(name)
    everything = found(root)
    for name in map(os.fsdecode, names):
        assert name in everything
        assert read_file(root, name) == os.fsencode(name)


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may open everything")
def test_an_unreadable_folder_is_told(root: Path) -> None:
    (root / "a").chmod(0)
    try:
        assert skipped(root) == {"a": "Permission denied"}
    finally:
        (root / "a").chmod(0o755)


def test_a_tree_deeper_than_the_stack(root: Path) -> None:
    path = root
    for _ in range(300):  # below the longest path that the system takes at once
        path /= "d"
        path.mkdir()
    (path / "x.yaml").write_text("")
    assert any(name.endswith("/d/x.yaml") for name in found(root))
