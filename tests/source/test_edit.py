"""Edits change their region only; files are replaced in one step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ci_guard.model.errors import InputError
from ci_guard.model.location import Edit, Region
from ci_guard.source.edit import apply, replace_file


def edit(line: int, column: int, end_line: int, end_column: int, text: str) -> Edit:
    return Edit("f", Region(line, column, end_line, end_column), text)


def test_every_other_byte_stays() -> None:
    data = "\ufeffa: 1\r\nb: é😀 x  \r\n\tc\r\n".encode()
    assert apply(data, [edit(2, 4, 2, 6, "Y")]) == "\ufeffa: 1\r\nb: Y x  \r\n\tc\r\n".encode()
    assert apply(data, []) == data


def test_line_ends_become_those_of_the_file() -> None:
    assert apply(b"a\r\nb\r\n", [edit(2, 1, 2, 1, "x\ny\n")]) == b"a\r\nx\r\ny\r\nb\r\n"
    assert apply(b"a\rb", [edit(2, 1, 2, 1, "x\n")]) == b"a\rx\rb"
    assert apply(b"a", [edit(1, 2, 1, 2, "\r\nx")]) == b"a\nx"


def test_utf_16_stays_utf_16() -> None:
    assert apply("a: 1\n".encode("utf-16"), [edit(1, 4, 1, 5, "ü")]) == "a: ü\n".encode("utf-16")


def test_several_edits_in_any_order() -> None:
    edits = [edit(1, 3, 1, 4, "C"), edit(1, 1, 1, 2, "A"), edit(1, 2, 1, 2, "1"), edit(1, 2, 1, 2, "2")]
    assert apply(b"abc", edits) == b"A12bC"


@pytest.mark.parametrize(
    "edits",
    [
        [edit(1, 1, 1, 3, "x"), edit(1, 2, 1, 4, "y")],
        [edit(1, 1, 1, 2, "x"), edit(1, 1, 1, 2, "x")],
        [edit(2, 1, 2, 2, "")],
        [edit(1, 5, 1, 6, "")],
        [edit(0, 1, 1, 1, "")],
        [edit(1, 3, 1, 2, "")],
        [edit(1, 1, 1, 1, "\ud800")],
    ],
)
def test_refused(edits: list[Edit]) -> None:
    with pytest.raises(InputError):
        apply(b"abcd", edits)


def test_text_that_cannot_be_decoded_is_not_edited() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        apply(b"ab\xff", [edit(1, 1, 1, 2, "x")])


def test_replace_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    replace_file(path, b"one")
    path.chmod(0o640)
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_replace_file_does_not_write_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to("target")
    replace_file(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_text() == "kept"
    assert not (tmp_path / "link").is_symlink()


def test_replace_file_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        replace_file(tmp_path / "missing" / "f", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder"):
        replace_file(tmp_path / "folder", b"")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_replace_file_writes_into_a_pipe_and_leaves_it_there(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        replace_file(pipe, b"text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="this system has no /dev/fd")
def test_replace_file_appends_to_an_open_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab", buffering=0) as log:
        log.write(b"before ")
        replace_file(Path(f"/dev/fd/{log.fileno()}"), b"text")
    assert (tmp_path / "log").read_bytes() == b"before text"
