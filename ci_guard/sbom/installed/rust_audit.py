"""What cargo-auditable wrote into a program: the crates that were linked in, as zlib-compressed JSON in `.dep-v0`."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.sbom.images.tables import LIMIT, table, tables, text
from ci_guard.sbom.installed.sections import ReadAt, Section

_SECTION = ".dep-v0"
_MOST_PACKED = 1024 * 1024  # bytes; a thousand crates have some 20 KB
_MOST_CRATES = 20_000


@record
class Crate:
    """One crate; `kind` is `runtime` or `build`, `needs` are positions in the list."""

    name: str
    version: str
    source: str
    kind: str
    root: bool
    needs: tuple[int, ...]


def rust_crates(read: ReadAt, program: Sequence[Section]) -> tuple[Crate, ...]:
    """The crates of a program, () when it has no such section. Raises InputError for a broken one."""
    section = next((s for s in program if s.name == _SECTION), None)
    if section is None:
        return ()
    if section.size > _MOST_PACKED:
        raise InputError(f"a list of crates of {section.size} packed bytes")
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(read(section.offset, section.size), LIMIT)
    except zlib.error as error:
        raise InputError(f"a list of crates that cannot be unpacked: {error}") from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise InputError("a list of crates that is too large, or ends early")
    listed = tables(table("list of crates", data).get("packages"))
    if len(listed) > _MOST_CRATES:
        raise InputError(f"a list of {len(listed)} crates")
    return tuple(_crate(entry, len(listed)) for entry in listed)


def _crate(entry: dict[str, Any], count: int) -> Crate:
    name, version = text(entry, "name"), text(entry, "version")
    if not name or not version:
        raise InputError("a crate without name and version")
    given = entry.get("dependencies")
    needs = (n for n in (given if isinstance(given, list) else ()) if isinstance(n, int) and 0 <= n < count)
    kind = text(entry, "kind") or "runtime"
    return Crate(name, version, text(entry, "source"), kind, entry.get("root") is True, tuple(needs))
