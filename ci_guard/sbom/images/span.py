"""A range of bytes of an open file: a blob, a member of an archive, a layer laid out on disk."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import BinaryIO

from ci_guard.model.errors import InputError
from ci_guard.model.record import record

CHUNK = 1024 * 1024  # bytes read at once: memory stays small whatever the blob's size


@record
class Span:
    """`length` bytes from `start` of `file`, which stays open as long as the span lives; `name` is for messages."""

    file: BinaryIO
    start: int
    length: int
    name: str

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """At most `length` bytes (default: all) from `offset` of the span. Raises InputError if the file shrank."""
        rest = max(0, self.length - offset)
        wanted = rest if length is None else min(rest, length)
        parts: list[bytes] = []
        where = self.start + offset
        while wanted > 0:
            try:
                self.file.seek(where)
                part = self.file.read(min(wanted, CHUNK))
            except OSError as error:
                raise InputError(f"{self.name}: {error.strerror}") from None
            if not part:
                raise InputError(f"{self.name}: ends early")
            parts.append(part)
            where += len(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def part(self, offset: int, length: int, name: str) -> Span:
        """A range within this one, cut off at its end."""
        inside = min(offset, self.length)
        return Span(self.file, self.start + inside, max(0, min(length, self.length - inside)), name)

    def chunks(self) -> Iterator[bytes]:
        """All bytes, one bounded piece after the other. Raises InputError."""
        for offset in range(0, self.length, CHUNK):
            yield self.read(offset, CHUNK)

    def digest(self, algorithm: str) -> str:
        """`ALGORITHM:HEX` of the bytes; the algorithm is one of hashlib's. Raises InputError."""
        state = hashlib.new(algorithm)
        for chunk in self.chunks():
            state.update(chunk)
        return f"{algorithm}:{state.hexdigest()}"


class SpanReader(io.RawIOBase):
    """A span as a stream, for decompressors."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        self._span = span
        self._at = 0

    def readable(self) -> bool:
        """It is for reading only."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer, as RawIOBase asks."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._span.read(self._at, len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
