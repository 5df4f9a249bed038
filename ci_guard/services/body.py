"""Reading an answer's body: so many bytes and no more, unpacked by no more than a sane ratio."""

from __future__ import annotations

import zlib
from typing import Protocol

_CHUNK = 65_536
_GZIP = 31  # zlib's word for "with a gzip header"
_FREE = 1_000_000  # bytes that may come out of however few: small answers of zeros are no bombs
MAX_RATIO = 100


class Response(Protocol):
    """What of urllib3's response is read here."""

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        """What is there now, at most `amt` bytes; b"" at the end."""


class TooMuchError(Exception):
    """The body is larger than allowed, or packed in a way that we do not unpack; the text says which."""


def read_body(response: Response, encoding: str, limit: int) -> bytes:
    """The body, unpacked, at most `limit` bytes. Raises TooMuchError, and what the connection raises."""
    if encoding in {"", "identity"}:
        return _plain(response, limit)
    if encoding not in {"gzip", "x-gzip"}:
        raise TooMuchError("the body is packed in a way that was not asked for")
    return _gzip(response, limit)


def _plain(response: Response, limit: int) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > limit:
            raise TooMuchError(f"the body has more than {limit:,} bytes")
    return bytes(body)


def _gzip(response: Response, limit: int) -> bytes:
    body, packed = bytearray(), 0
    unpacker = zlib.decompressobj(_GZIP)
    while chunk := response.read1(_CHUNK, decode_content=False):
        packed += len(chunk)
        most = min(limit, max(_FREE, packed * MAX_RATIO))
        try:
            body += unpacker.decompress(chunk, most - len(body) + 1)
        except zlib.error:
            raise TooMuchError("the body is not the gzip that it says it is") from None
        if len(body) > most:
            raise TooMuchError(f"the body unpacks to more than {most:,} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise TooMuchError("the packed body ends early, or goes on after its end")
    return bytes(body)
