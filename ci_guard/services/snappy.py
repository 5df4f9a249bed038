"""Snappy's block format, unpacked with a bound: GitHub keeps bundles that way.

Source: github.com/google/snappy, format_description.txt.
"""

from __future__ import annotations

_SHORT_LITERAL = 60


class NoSnappyError(Exception):
    """The bytes are not what they say they are; the text says why."""


def unpack(data: bytes, limit: int) -> bytes:
    """The bytes that `data` holds, at most `limit`. Raises NoSnappyError."""
    length, at = _length(data)
    if length > limit:
        raise NoSnappyError(f"{length:,} bytes unpacked, the limit is {limit:,}")
    out = bytearray()
    while at < len(data) and len(out) <= length:
        tag = data[at]
        at = _literal(data, at, out) if tag & 3 == 0 else _copy(data, at, out, length)
    if len(out) != length or at != len(data):
        raise NoSnappyError("the packed bytes do not add up")
    return bytes(out)


def _length(data: bytes) -> tuple[int, int]:
    """The length at the start, as a varint of at most five bytes, and where it ends."""
    length = 0
    for at, byte in enumerate(data[:5]):
        length |= (byte & 0x7F) << (7 * at)
        if byte < 0x80:
            return length, at + 1
    raise NoSnappyError("no length at the start")


def _literal(data: bytes, at: int, out: bytearray) -> int:
    size, at = data[at] >> 2, at + 1
    if size >= _SHORT_LITERAL:
        extra = size - _SHORT_LITERAL + 1
        size = int.from_bytes(data[at : at + extra], "little")
        at += extra
    size += 1
    if at + size > len(data):
        raise NoSnappyError("a literal ends early")
    out += data[at : at + size]
    return at + size


def _copy(data: bytes, at: int, out: bytearray, limit: int) -> int:
    tag = data[at]
    width = (1, 2, 4)[(tag & 3) - 1]
    number = data[at + 1 : at + 1 + width]
    if len(number) != width:
        raise NoSnappyError("a copy ends early")
    offset, size = int.from_bytes(number, "little"), (tag >> 2) + 1
    if width == 1:
        offset, size = offset | (tag >> 5) << 8, ((tag >> 2) & 7) + 4
    if not 0 < offset <= len(out) or len(out) + size > limit:
        raise NoSnappyError("a copy of what is not there")
    start = len(out) - offset
    pattern = out[start : start + size]  # shorter than `size` where the copy overlaps itself
    out += (pattern * (size // len(pattern) + 1))[:size]
    return at + 1 + width
