"""A compiled database: one read-only file from which a name's entries are read without reading the rest.

    magic, sha256 of the index | index: rows of (16 bytes of sha256(name), offset, length, 16 bytes of sha256(blob)),
    sorted | blobs: JSON, packed

The digest of the index is what the cache remembers; the index holds the digests of the blobs. So whatever is read is
verified, and nothing else has to be: opening costs the index, 44 bytes a name.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ci_guard.model.errors import InputError
from ci_guard.source.edit import replace_file

MAGIC: Final = b"ci-guard advisories 1\n"
_HEADER: Final = len(MAGIC) + 32 + 8
_ROW: Final = struct.Struct(">16sQI16s")
_SMALL: Final = 200  # bytes below which packing gains nothing
MAX_BLOB: Final = 64_000_000


def build(entries: Iterable[tuple[str, Any]]) -> tuple[bytes, str]:
    """The file for (name, plain data) pairs, and the digest to remember. The same entries give the same bytes."""
    rows, blobs, offset = [], [], 0
    for name, value in sorted(entries, key=lambda pair: pair[0]):
        blob = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        if len(blob) > _SMALL:
            blob = b"z" + zlib.compress(blob, 6)
        rows.append(_ROW.pack(_name(name), offset, len(blob), hashlib.sha256(blob).digest()[:16]))
        blobs.append(blob)
        offset += len(blob)
    index = b"".join(sorted(rows))
    digest = hashlib.sha256(index)
    return b"".join([MAGIC, digest.digest(), struct.pack(">Q", len(rows)), index, *blobs]), digest.hexdigest()


def write(path: Path, entries: Iterable[tuple[str, Any]]) -> str:
    """Write the file in one step; returns the digest to remember."""
    data, digest = build(entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)
    return digest


def _name(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:16]


class Table:
    """An open database file. Raises InputError when it is not what `digest` says."""

    def __init__(self, path: Path, digest: str) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                self._data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise self._broken(getattr(error, "strerror", "") or str(error)) from None
        if self._data[: len(MAGIC)] != MAGIC or len(self._data) < _HEADER:
            raise self._broken("it has another format")
        self.names: int = struct.unpack(">Q", self._data[_HEADER - 8 : _HEADER])[0]
        end = _HEADER + self.names * _ROW.size
        self._index = self._data[_HEADER:end]
        if len(self._index) != end - _HEADER or hashlib.sha256(self._index).hexdigest() != digest:
            raise self._broken("its content is not what was written")
        self._blobs = end

    def get(self, name: str) -> Any:
        """The data of a name, None when it has none. Raises InputError."""
        wanted = _name(name)
        row = bisect_left(range(self.names), wanted, key=self._key)
        if row == self.names or self._key(row) != wanted:
            return None
        _, offset, length, digest = _ROW.unpack_from(self._index, row * _ROW.size)
        start = self._blobs + offset
        blob = self._data[start : start + length]
        if hashlib.sha256(blob).digest()[:16] != digest:
            raise self._broken("its content is not what was written")
        return self._decoded(blob)

    def _key(self, row: int) -> bytes:
        at = row * _ROW.size
        return self._index[at : at + 16]

    def _decoded(self, blob: bytes) -> Any:
        try:
            if blob[:1] != b"z":
                return json.loads(blob)
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(blob[1:], MAX_BLOB)
            if unpacker.unconsumed_tail:
                raise self._broken("an entry unpacks to too many bytes")
            return json.loads(data)
        except (ValueError, zlib.error, RecursionError) as error:
            raise self._broken(str(error)) from None

    def _broken(self, why: str) -> InputError:
        return InputError(
            f"{self.path}: the compiled advisory database cannot be used ({why}); `ci-guard deps db update` writes it"
        )
