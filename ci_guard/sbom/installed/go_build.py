"""What Go wrote into a program: its version, the main module and every module that was linked in."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.sbom.installed.sections import ReadAt, Section

_MAGIC = b"\xff Go buildinf:"
_SECTIONS = (".go.buildinfo", "__go_buildinfo", ".data", "__data")
"""Where the linker puts it; PE has no section of its own, and it is in the first bytes of the data."""

_SEARCHED = 1 << 20  # bytes of a section
_MOST_TEXT = 16 * 1024 * 1024  # bytes of all modules; the largest programs have some hundred KB
_INLINE, _BIG_ENDIAN = 2, 1


@record
class GoModule:
    """A module in the words of `go.sum`; `sum` is its `h1:` checksum, "" for the main module and local copies."""

    path: str
    version: str
    sum: str = ""
    replaces: str = ""


@record
class GoBuild:
    """`go` as in `go1.22.1`; `settings` are what `go version -m` lists as `build`."""

    go: str
    main: GoModule | None
    modules: tuple[GoModule, ...]
    settings: tuple[tuple[str, str], ...] = ()


def go_build(read: ReadAt, program: Sequence[Section]) -> GoBuild | None:
    """The build record of a program, None when it is not of Go. Raises InputError for a broken one."""
    for section in (s for name in _SECTIONS for s in program if s.name == name):
        data = read(section.offset, min(section.size, _SEARCHED))
        at = data.find(_MAGIC)
        while at > 0 and at % 16:  # the linker aligns it; a text that quotes it need not
            at = data.find(_MAGIC, at + 1)
        if at >= 0 and len(data) >= at + 32:
            version, modules = _texts(read, program, data[at : at + 32], section.offset + at)
            return _parsed(version, modules) if version else None
    return None


def _texts(read: ReadAt, program: Sequence[Section], head: bytes, offset: int) -> tuple[str, str]:
    """Version and modules: behind the header since Go 1.18, by pointers to string headers before."""
    flags = head[15]
    if flags & _INLINE:
        version, after = _inline(read, offset + 32)
        modules, _ = _inline(read, after)
    else:
        order, size = "<>"[flags & _BIG_ENDIAN], head[14]
        if size not in (4, 8):
            raise InputError("a Go build record with pointers of impossible size")
        form = f"{order}{'I' if size == 4 else 'Q'}"
        pointers = [struct.unpack_from(form, head, at)[0] for at in (16, 16 + size)]
        version, modules = (_pointed(read, program, pointer, form) for pointer in pointers)
    # The module text stands between two marks of 16 bytes, by which debuggers find it.
    inner = modules[16:-16] if len(modules) >= 33 and modules[-17:-16] == b"\n" else b""
    return version.decode("utf-8", "replace"), inner.decode("utf-8", "replace")


def _inline(read: ReadAt, offset: int) -> tuple[bytes, int]:
    """A text with its length before it as a varint, and where it ends."""
    head = read(offset, 10)
    length = 0
    for index, byte in enumerate(head):
        length |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            start = offset + index + 1
            return _bounded(read, start, length), start + length
    raise InputError("a Go build record that ends early")


def _pointed(read: ReadAt, program: Sequence[Section], pointer: int, form: str) -> bytes:
    if not pointer:
        return b""
    size = struct.calcsize(form)
    head = _at(read, program, pointer, 2 * size)
    address, length = (struct.unpack_from(form, head, at)[0] for at in (0, size))
    return _at(read, program, address, length) if length else b""


def _at(read: ReadAt, program: Sequence[Section], address: int, length: int) -> bytes:
    for section in program:
        if section.address and section.address <= address < section.address + section.size:
            return _bounded(read, section.offset + address - section.address, length)
    raise InputError("a Go build record that points nowhere")


def _bounded(read: ReadAt, offset: int, length: int) -> bytes:
    if length > _MOST_TEXT:
        raise InputError(f"a Go build record of {length} bytes")
    data = read(offset, length)
    if len(data) < length:
        raise InputError("a Go build record that ends early")
    return data


def _parsed(version: str, text: str) -> GoBuild:
    main: GoModule | None = None
    modules: list[GoModule] = []
    settings: list[tuple[str, str]] = []
    for line in text.split("\n"):
        kind, *fields = line.split("\t")
        if kind == "mod" and fields:
            main = _module(fields)
        elif kind == "dep" and fields:
            modules.append(_module(fields))
        elif kind == "=>" and fields and modules:
            modules[-1] = _replaced(modules[-1], fields)
        elif kind == "build" and fields:
            key, _, value = fields[0].partition("=")
            settings.append((key, value))
    return GoBuild(version.partition(" ")[0], main, tuple(modules), tuple(settings))


def _replaced(module: GoModule, fields: list[str]) -> GoModule:
    """What stood in for a module: another one, or a copy on the builder's disk, whose version nobody knows."""
    if fields[0].startswith(("./", "../", "/")):
        return GoModule(module.path, "")
    return _module(fields, replaces=module.path)


def _module(fields: list[str], replaces: str = "") -> GoModule:
    path, version, checksum = (*fields, "", "")[:3]
    return GoModule(path, "" if version == "(devel)" else version, checksum, replaces)
