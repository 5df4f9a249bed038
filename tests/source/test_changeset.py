"""Files written together: all or none, and never over what is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.errors import InputError
from ci_guard.source.changeset import FileChange, patch, write_all


def tree(root: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in sorted(root.rglob("*"))}


def test_new_files_and_folders_are_made_and_old_ones_replaced(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"one")
    write_all(
        tmp_path, [FileChange("a/b/new", b"n"), FileChange("a/b/second", b"s"), FileChange("old", b"two", b"one")]
    )
    assert tree(tmp_path) == {"a": None, "a/b": None, "a/b/new": b"n", "a/b/second": b"s", "old": b"two"}


@pytest.mark.parametrize("last", ["there", "there/below", "folder", "outside/x", "dangling", "changed"])
def test_one_that_cannot_be_written_takes_all_back(tmp_path: Path, last: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "there").write_bytes(b"mine")
    (root / "changed").write_bytes(b"mine")
    (root / "old").write_bytes(b"one")
    (root / "folder").mkdir()
    (root / "outside").symlink_to(outside)
    (root / "dangling").symlink_to(tmp_path / "nowhere")
    before = tree(root)
    broken = FileChange(last, b"x", b"another" if last == "changed" else None)
    with pytest.raises(InputError, match=last.partition("/")[0]):
        write_all(root, [FileChange("new/deep/file", b"n"), FileChange("old", b"two", b"one"), broken])
    assert tree(root) == before
    assert tree(outside) == {}


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"c\r\n", b"\xff\n", b"\xc2\x85\n", b"end"]), max_size=8)


@given(LINES.map(b"".join), LINES.map(b"".join))
def test_the_patch_is_what_git_applies(tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes) -> None:
    if before == after or not after:
        return
    root = tmp_path_factory.mktemp("patched")
    (root / "old").write_bytes(before)
    changes = [FileChange("old", after, before), FileChange("deep/new", after)]
    written = patch(changes).encode("utf-8", "surrogateescape")
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], cwd=root, input=written, check=True)
    assert tree(root) == {"deep": None, "deep/new": after, "old": after}
