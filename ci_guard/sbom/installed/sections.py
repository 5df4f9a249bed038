"""The sections of executables (ELF, PE, Mach-O, fat Mach-O): where each lies in the file and in memory.

Headers and section tables are read, each bounded; nothing is loaded or run.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ci_guard.model.errors import InputError

ReadAt = Callable[[int, int], bytes]
"""At most so many bytes (second) from an offset of the file (first)."""

_MOST_SECTIONS: Final = 4_096
_MOST_NAMES: Final = 1 << 20  # bytes of a table of names
_MOST_COMMANDS: Final = 1 << 20  # bytes of load commands
_MOST_SLICES: Final = 16
_FAT: Final = b"\xca\xfe\xba\xbe"
_MACH: Final = {
    b"\xfe\xed\xfa\xce": (">", 28),
    b"\xfe\xed\xfa\xcf": (">", 32),
    b"\xce\xfa\xed\xfe": ("<", 28),
    b"\xcf\xfa\xed\xfe": ("<", 32),
}
_NO_BITS: Final = 8  # an ELF section that takes no room in the file
MAGICS: Final = (b"\x7fELF", b"MZ", _FAT, *_MACH)


class Section(NamedTuple):
    """`address` is where the loader puts it; `offset` and `size` are where its bytes lie in the file."""

    name: str
    address: int
    offset: int
    size: int


def sections(read: ReadAt) -> Iterator[list[Section]]:
    """The sections of each program in a file: several in a fat Mach-O, one else. Raises InputError."""
    head = read(0, 64)
    try:
        if head.startswith(_FAT):
            yield from _fat(read, head)
        elif head[:4] in _MACH:
            yield list(_mach(read, 0))
        elif head.startswith(b"\x7fELF"):
            yield _elf(read, head)
        elif head.startswith(b"MZ"):
            yield list(_pe(read, head))
    except struct.error:
        raise InputError("ends within its headers") from None


def _elf(read: ReadAt, head: bytes) -> list[Section]:
    if len(head) < 52 or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise InputError("a broken ELF header")
    order, wide = "<>"[head[5] - 1], head[4] == 2
    (table,) = struct.unpack_from(f"{order}Q", head, 40) if wide else struct.unpack_from(f"{order}I", head, 32)
    each, count, names = struct.unpack_from(f"{order}HHH", head, 58 if wide else 46)
    form = f"{order}IIQQQQIIQQ" if wide else f"{order}IIIIIIIIII"
    if not table or not count:
        return []
    if each < struct.calcsize(form) or count > _MOST_SECTIONS or names >= count:
        raise InputError("a broken table of sections")
    data = read(table, each * count)
    rows = [struct.unpack_from(form, data, index * each) for index in range(count)]
    texts = read(rows[names][4], min(rows[names][5], _MOST_NAMES))
    return [Section(_name(texts, row[0]), row[3], row[4], 0 if row[1] == _NO_BITS else row[5]) for row in rows]


def _name(texts: bytes, start: int) -> str:
    end = texts.find(b"\0", start)
    return texts[start : end if end >= 0 else None].decode("latin-1") if start < len(texts) else ""


def _pe(read: ReadAt, head: bytes) -> Iterator[Section]:
    (start,) = struct.unpack_from("<I", head, 60)
    header = read(start, 24)
    if header[:4] != b"PE\0\0":
        return  # a DOS program
    count, optional = struct.unpack_from("<H", header, 6)[0], struct.unpack_from("<H", header, 20)[0]
    if count > _MOST_SECTIONS:
        raise InputError("a broken table of sections")
    base = _image_base(read(start + 24, 32))
    table = read(start + 24 + optional, 40 * count)
    for index in range(count):
        name, virtual, address, size, offset = struct.unpack_from("<8sIIII", table, 40 * index)
        used = min(size, virtual) if virtual else size
        yield Section(name.rstrip(b"\0").decode("latin-1"), base + address, offset, used)


def _image_base(optional: bytes) -> int:
    (magic,) = struct.unpack_from("<H", optional)
    base: int
    (base,) = struct.unpack_from("<Q", optional, 24) if magic == 0x20B else struct.unpack_from("<I", optional, 28)
    return base


def _fat(read: ReadAt, head: bytes) -> Iterator[list[Section]]:
    (count,) = struct.unpack_from(">I", head, 4)
    if count > _MOST_SLICES:
        return  # a Java class file has the same first bytes, and its version here
    table = read(8, 20 * count)
    for index in range(count):
        (start,) = struct.unpack_from(">I", table, 20 * index + 8)
        if start:
            yield list(_mach(read, start))


def _mach(read: ReadAt, start: int) -> Iterator[Section]:
    head = read(start, 32)
    order, skip = _MACH.get(head[:4], ("", 0))
    if not order:
        raise InputError("a broken Mach-O header")
    count, room = struct.unpack_from(f"{order}II", head, 16)
    commands = read(start + skip, min(room, _MOST_COMMANDS))
    at = 0
    for _ in range(min(count, _MOST_SECTIONS)):
        kind, length = struct.unpack_from(f"{order}II", commands, at)
        if length < 8:
            raise InputError("a broken load command")
        if kind in (0x1, 0x19):
            yield from _segment(commands[at : at + length], order, start, wide=kind == 0x19)
        at += length


def _segment(command: bytes, order: str, start: int, *, wide: bool) -> Iterator[Section]:
    head, form = (72, f"{order}16s16sQQI") if wide else (56, f"{order}16s16sIII")
    each = 80 if wide else 68
    (count,) = struct.unpack_from(f"{order}I", command, head - 8)
    for index in range(min(count, _MOST_SECTIONS)):
        name, _, address, size, offset = struct.unpack_from(form, command, head + index * each)
        yield Section(name.rstrip(b"\0").decode("latin-1"), address, start + offset, size)
