"""Change a file by regions and keep every other byte; replace a file in one step."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ci_guard.model.errors import InputError
from ci_guard.model.location import Edit
from ci_guard.source.text import SourceText


def apply(data: bytes, edits: Sequence[Edit]) -> bytes:
    """`data` with every edit's region replaced by its text; byte order mark, encoding and line ends stay.

    Line ends in an edit's text become the file's own (that of its first line). Several insertions at one place
    keep their order. Raises InputError for regions that overlap or lie outside, and for text that is not decodable.
    """
    text = SourceText(edits[0].path if edits else "", data)
    if text.problem is not None and edits:
        raise InputError(f"{text.path}: {text.problem[1]}")
    spans = sorted((_span(text, edit), order) for order, edit in enumerate(edits))
    newline = _newline(text.text)
    pieces, at = [text.bom], 0
    for (start, end), order in spans:
        if start < at:
            line, column = text.position(start)
            raise InputError(f"{text.path}:{line}:{column}: edits overlap")
        replacement = edits[order].text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", newline)
        pieces += [text.text[at:start].encode(text.encoding), _encode(text, replacement)]
        at = end
    pieces.append(text.text[at:].encode(text.encoding) if edits else data[len(text.bom) :])
    return b"".join(pieces)


def _encode(text: SourceText, replacement: str) -> bytes:
    try:
        return replacement.encode(text.encoding)
    except UnicodeEncodeError as error:
        raise InputError(f"{text.path}: an edit cannot be written as {text.encoding}: {error.reason}") from None


def _span(text: SourceText, edit: Edit) -> tuple[int, int]:
    region = edit.region
    try:
        start = text.offset(region.start_line, region.start_column)
        end = text.offset(region.end_line, region.end_column)
    except ValueError as error:
        raise InputError(str(error)) from None
    if end < start:
        raise InputError(f"{edit.path}:{region.start_line}:{region.start_column}: the region ends before it starts")
    return start, end


def _newline(text: str) -> str:
    at = min((i for i in (text.find("\n"), text.find("\r")) if i >= 0), default=-1)
    if at < 0 or text[at] == "\n":
        return "\n"
    return "\r\n" if text[at : at + 2] == "\r\n" else "\r"


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step, so that nobody ever sees half a file; an existing file keeps its mode.

    A symbolic link at `path` is replaced, not followed. Devices and pipes (`/dev/null`, `/dev/stdout`) are written to:
    nobody who names one wants a file in its place. Raises InputError naming the path.
    """
    import tempfile  # with the archive readers of shutil: a hook that writes nothing does without

    if _is_stream(path):
        _write_through(path, data)
        return
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
            stream.write(data)
        Path(name).chmod(_mode(path))
        os.replace(name, path)  # noqa: PTH105 - the same, and the name is text
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise InputError(f"{path}: {error.strerror or error}") from None


def _is_stream(path: Path) -> bool:
    """Whether `path` is a device, a pipe or a socket, or names one of this process's descriptors."""
    named = path.absolute().parent
    if str(named) in {"/dev", "/dev/fd"} or named.parts[:2] == ("/", "proc"):  # also where it leads to a regular file
        return path.exists()
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _write_through(path: Path, data: bytes) -> None:
    try:
        with open(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as stream:  # noqa: PTH123 - a descriptor
            stream.write(data)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def _mode(path: Path) -> int:
    """The mode of the file that is there, or what a newly created one would get."""
    try:
        found = path.lstat().st_mode
    except OSError:
        found = 0
    if stat.S_ISREG(found):
        return stat.S_IMODE(found)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
