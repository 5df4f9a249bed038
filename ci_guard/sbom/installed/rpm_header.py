"""One package header of an rpm database: an index of tags and the bytes that they point to, all big-endian."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ci_guard.model.errors import InputError

NAME, VERSION, RELEASE, EPOCH = 1000, 1001, 1002, 1003
VENDOR, LICENSE, URL, ARCH = 1011, 1014, 1020, 1022
SOURCE_RPM, PROVIDES, REQUIRES, REQUIRE_FLAGS = 1044, 1047, 1049, 1048
DIRECTORY_INDEXES, BASE_NAMES, DIRECTORIES = 1116, 1117, 1118
MODULARITY, SHA256_HEADER = 5096, 273

_INT32, _STRING, _STRING_ARRAY, _I18N = 4, 6, 8, 9
_MOST_TAGS = 0xFFFF
_MOST_BYTES = 64 * 1024 * 1024  # of one header; rpm itself stops at 256 MB
_MOST_ITEMS = 1_000_000  # of one array: files of the largest packages are some 100,000


class Header:
    """The tags of one header. Values are decoded when asked for."""

    def __init__(self, blob: bytes) -> None:
        if len(blob) < 8 or len(blob) > _MOST_BYTES:
            raise InputError("a header of impossible size")
        tags, length = struct.unpack_from(">II", blob)
        start = 8 + tags * 16
        if tags > _MOST_TAGS or start + length > len(blob):
            raise InputError("a header that is longer than its record")
        self._data = blob[start : start + length]
        entries = struct.iter_unpack(">IIII", blob[8:start])
        self._index = {tag: (kind, offset, count) for tag, kind, offset, count in entries}

    def text(self, tag: int) -> str:
        """The text of a tag, "" when it is absent or of another type. Raises InputError."""
        return next(self.texts(tag), "")

    def texts(self, tag: int) -> Iterator[str]:
        """The texts of an array (or of one text). Raises InputError for one that leaves the header."""
        kind, offset, count = self._index.get(tag, (0, 0, 0))
        if kind not in (_STRING, _STRING_ARRAY, _I18N):
            return
        if count > _MOST_ITEMS:
            raise InputError(f"tag {tag} of {count} texts")
        for _ in range(1 if kind == _STRING else count):
            end = self._data.find(b"\0", offset)
            if end < 0:
                raise InputError(f"tag {tag} leaves the header")
            yield self._data[offset:end].decode("utf-8", "replace")
            offset = end + 1

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The 32-bit numbers of a tag, empty when it is absent or of another type. Raises InputError."""
        kind, offset, count = self._index.get(tag, (0, 0, 0))
        if kind != _INT32:
            return ()
        if count > _MOST_ITEMS or offset + 4 * count > len(self._data):
            raise InputError(f"tag {tag} leaves the header")
        return struct.unpack_from(f">{count}I", self._data, offset)
