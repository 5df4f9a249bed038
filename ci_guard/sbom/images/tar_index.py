"""Where each member of a tar archive lies: headers only, nothing is extracted.

Not `tarfile`: it stops without a word at a broken header in the middle, reads extended headers of any size into
memory and keeps 1 KB a member. Where formats leave room, this reads as Go's archive/tar does, because that is what
container runtimes unpack layers with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ci_guard.model.errors import InputError
from ci_guard.sbom.images.span import Span

BLOCK = 512
_EXTENDED_LIMIT = 1024 * 1024  # bytes of one extended header; Linux knows no path of more than 4,096
_DEPTH_LIMIT = 256  # components of a path
_PATH_LIMIT = 4_096  # characters of a path; Linux takes no more
_KINDS = {b"0": "file", b"7": "file", b"1": "hardlink", b"2": "symlink", b"5": "directory"}
_SPECIAL = {b"3", b"4", b"6"}
_LOST = "is no tar archive, or a broken one"


class Member(NamedTuple):
    """One member. `kind`: `file`, `hardlink`, `symlink`, `directory`, `special` (devices, pipes).

    `path` and, of hard links, `target` are normalised: no leading `/` or `./`, "" is the root.
    `offset` is where the content starts in the archive; `size` its bytes.
    """

    path: str
    kind: str
    size: int
    executable: bool
    target: str
    offset: int


class _Names:
    """What extended headers say about the member that follows them."""

    def __init__(self, archive: str) -> None:
        self.archive = archive
        self.path = ""
        self.target = ""
        self.size: int | None = None


def members(archive: Span) -> Iterator[Member]:
    """Every member in order. Raises InputError for a broken, truncated or hostile archive, naming the offset."""
    offset, names = 0, _Names(archive.name)
    while offset < archive.length:
        header = archive.read(offset, BLOCK)
        if not any(header):
            _end(archive, offset)
            return
        if len(header) < BLOCK or not _checked(header):
            raise InputError(f"{archive.name}: {_LOST} (at byte {offset})")
        flag, size = header[156:157], _number(header[124:136], archive.name)
        content = offset + BLOCK
        if flag in {b"x", b"g", b"L", b"K"}:
            _extend(names, flag, _content(archive, content, size))
        else:
            member = _member(header, names, size, content, archive.name)
            size = member.size
            names = _Names(archive.name)
            yield member
        offset = content + -(-size // BLOCK) * BLOCK
        if content + size > archive.length:
            raise InputError(f"{archive.name}: ends early (at byte {offset})")


def _end(archive: Span, offset: int) -> None:
    """Two empty blocks end an archive; one of them followed by something is damage that runtimes refuse."""
    if any(archive.read(offset + BLOCK, BLOCK)):
        raise InputError(f"{archive.name}: {_LOST} (at byte {offset})")


def _checked(header: bytes) -> bool:
    stored = _octal(header[148:156])
    return stored is not None and sum(header) - sum(header[148:156]) + 8 * 0x20 == stored


def _octal(field: bytes) -> int | None:
    text = field.split(b"\0", 1)[0].strip(b" ")
    if not text:
        return 0
    return int(text, 8) if all(0x30 <= c <= 0x37 for c in text) else None


def _number(field: bytes, name: str) -> int:
    """A size: octal text, or base 256 as GNU tar writes from 8 GiB on."""
    value = int.from_bytes(field[1:], "big") if field[0] == 0x80 else _octal(field)
    if value is None or value > 1 << 50:
        raise InputError(f"{name}: {_LOST}: no size")
    return value


def _content(archive: Span, offset: int, size: int) -> bytes:
    if size > _EXTENDED_LIMIT:
        raise InputError(f"{archive.name}: an extended header of {size} bytes (at byte {offset})")
    return archive.read(offset, size)


def _extend(names: _Names, flag: bytes, data: bytes) -> None:
    if flag == b"L":
        names.path = _text(data.split(b"\0", 1)[0])
    elif flag == b"K":
        names.target = _text(data.split(b"\0", 1)[0])
    else:
        for key, value in _records(data, names.archive):
            _apply(names, flag, key, value)


def _apply(names: _Names, flag: bytes, key: bytes, value: bytes) -> None:
    if key.startswith(b"GNU.sparse."):
        raise InputError(f"{names.archive}: a sparse file, which container runtimes do not write")
    if key not in {b"path", b"linkpath", b"size"} or not value:
        return
    if flag == b"g":  # some readers apply it to all that follows, others do not
        raise InputError(f"{names.archive}: a global header that renames what follows: readers disagree about it")
    if key == b"path":
        names.path = _text(value)
    elif key == b"linkpath":
        names.target = _text(value)
    elif value.isdigit() and len(value) < 16:
        names.size = int(value)
    else:
        raise InputError(f"{names.archive}: an extended header whose size is no number")


def _records(data: bytes, archive: str) -> Iterator[tuple[bytes, bytes]]:
    """The records of an extended header: `LENGTH KEY=VALUE` and a newline."""
    while data:
        digits, _, _ = data[:20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = data[:length]
        if length <= len(digits) + 1 or not record.endswith(b"\n") or len(record) < length:
            raise InputError(f"{archive}: a broken extended header")
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not equals or not key:
            raise InputError(f"{archive}: a broken extended header")
        yield key, value
        data = data[length:]


def _member(header: bytes, names: _Names, size: int, content: int, archive: str) -> Member:
    flag = header[156:157]
    if flag == b"S":
        raise InputError(f"{archive}: a sparse file, which container runtimes do not write (at byte {content})")
    raw = names.path or _own_name(header)
    if flag == b"\0":
        flag = b"5" if raw.endswith("/") else b"0"
    kind = "special" if flag in _SPECIAL else _KINDS.get(flag, "")
    if not kind:
        raise InputError(f"{archive}: a member of unknown type {flag!r} (at byte {content})")
    size = names.size if names.size is not None else size
    target = names.target or _field(header[157:257])
    return Member(
        path=normalise(raw, archive),
        kind=kind,
        size=size if kind == "file" else 0,
        executable=bool((_octal(header[100:108]) or 0) & 0o111),
        target=normalise(target, archive) if kind == "hardlink" else target,
        offset=content,
    )


def _own_name(header: bytes) -> str:
    name = _field(header[:100])
    prefix = _field(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _field(data: bytes) -> str:
    return _text(data.split(b"\0", 1)[0])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def normalise(path: str, archive: str) -> str:
    """`path` without `.` and empty parts. Raises InputError for `..`, NUL and paths deeper than any real one."""
    if "\0" in path:
        raise InputError(f"{archive}: a NUL in a path")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise InputError(f"{archive}: {path!r} leaves the archive: refused")
    if len(parts) > _DEPTH_LIMIT or len(path) > _PATH_LIMIT:
        raise InputError(f"{archive}: a path of {len(parts)} parts, {len(path)} characters: refused")
    return "/".join(parts)
