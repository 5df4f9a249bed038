"""`primaryLocationLineHash`, exactly as GitHub's uploader computes it, so that alerts keep their identity.

The file becomes UTF-16 code units without spaces and tabs, line ends are LF, and 65535 ends it. A line's hash is
the polynomial in 37 over the 100 units from its start (0 beyond the end), modulo 2^64, in hex without padding,
then `:N` for the N-th line with that hash.
"""

from __future__ import annotations

import sys
from array import array
from itertools import accumulate

from ci_guard.model.ports import ReadBytes

LINE_HASH = "primaryLocationLineHash"
"""The only fingerprint that code scanning reads."""

_BLOCK = 100
_BASE = 37
_MASK = (1 << 64) - 1
_DROP = _BASE**_BLOCK & _MASK
_END = 65535
_LF = 10
_UTF16 = f"utf-16-{sys.byteorder[0]}e"  # the byte order that array("H") reads
_BLANKS = {ord(" "): None, ord("\t"): None}


class LineHashes:
    """The hashes of the files that `read` gives; each file is read and hashed once."""

    def __init__(self, read: ReadBytes) -> None:
        self._read = read
        self._hashes: dict[str, list[str]] = {}

    def of(self, path: str, line: int) -> str:
        """The hash of a line (from 1), "" where there is none or the file cannot be read."""
        if path not in self._hashes:
            data = self._read(path)
            self._hashes[path] = [] if data is None else line_hashes(data)
        hashes = self._hashes[path]
        return hashes[line - 1] if 0 < line <= len(hashes) else ""


def line_hashes(data: bytes) -> list[str]:
    """The hash of every line, line 1 first; text that ends with a line end has one more, empty, line.

    Invalid UTF-8 counts as U+FFFD and a byte order mark as a character. Never raises; linear in `data`.
    """
    units = _units(data)
    # Prefix hashes make every window two multiplications away, however short the lines are.
    prefix = array("Q", accumulate(units, lambda value, unit: (value * _BASE + unit) & _MASK, initial=0))
    seen: dict[str, int] = {}
    hashes = []
    for start in _line_starts(units, len(units) - _BLOCK):
        value = f"{(prefix[start + _BLOCK] - prefix[start] * _DROP) & _MASK:x}"
        seen[value] = seen.get(value, 0) + 1
        hashes.append(f"{value}:{seen[value]}")
    return hashes


def _units(data: bytes) -> array[int]:
    """UTF-16 code units without blanks, the end mark, and enough zeros for the last windows."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").translate(_BLANKS)
    units = array("H", text.encode(_UTF16))
    units.append(_END)
    units.extend([0] * _BLOCK)
    return units


def _line_starts(units: array[int], length: int) -> list[int]:
    return [0, *(i + 1 for i, unit in enumerate(units[: length - 1]) if unit == _LF)]
