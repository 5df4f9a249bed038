"""Bytes as text with a line table: the one place that turns offsets into lines and columns.

Lines end at LF, CR or CRLF only, as editors and code scanning count them (not at U+0085, U+2028 or U+2029,
where PyYAML and `str.splitlines` also break). Columns count code points from 1, ends are exclusive.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from functools import cached_property

from ci_guard.model.location import Location, Region

_BOMS = ((BOM_UTF8, "utf-8"), (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"))
_LINE_END = re.compile(r"\r\n|\r|\n")
SNIPPET_LIMIT = 4_000  # code points of a line that a location carries along


class SourceText:
    """The text of one file. `text` has no byte order mark; offsets are code point offsets in it.

    UTF-8, and UTF-16 with a byte order mark, are decoded. Other bytes never raise: they are replaced by U+FFFD
    and `problem` is `(offset, reason)` of the first of them (of a NUL too, which no consumer may be shown);
    a reader must refuse such a text.
    """

    __slots__ = ("__dict__", "bom", "data", "encoding", "path", "problem", "text")

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        mark, self.encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", "utf-8"))
        self.bom = mark
        while mark and data.startswith(mark, len(self.bom)):  # libyaml would skip a second one, and count from there
            self.bom += mark
        body = data[len(self.bom) :]
        self.problem: tuple[int, str] | None = None
        try:
            self.text = body.decode(self.encoding)
        except UnicodeDecodeError as error:
            self.text = body.decode(self.encoding, "replace")
            good = body[: error.start].decode(self.encoding, "replace")
            name = self.encoding.upper().removesuffix("-LE").removesuffix("-BE")
            self.problem = (len(good), f"not valid {name} ({error.reason})")
        if self.problem is None and "\0" in self.text:
            self.problem = (self.text.index("\0"), "contains a NUL character")

    @cached_property
    def _starts(self) -> list[int]:
        """Offset of the first character of every line."""
        return [0, *(m.end() for m in _LINE_END.finditer(self.text))]

    @property
    def line_count(self) -> int:
        """Number of lines; text after the last line end counts as a line even if it is empty."""
        return len(self._starts)

    def line(self, number: int, limit: int = sys.maxsize) -> str:
        """Line `number` (from 1) without its line end, of a longer one `limit` code points; "" outside the text."""
        if not 1 <= number <= len(self._starts):
            return ""
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start : min(end, start + limit)].removesuffix("\n").removesuffix("\r")

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of `offset`, which is clamped into the text."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column. Raises ValueError outside the text."""
        if 1 <= line <= len(self._starts):
            offset = self._starts[line - 1] + column - 1
            if 1 <= column <= len(self.line(line)) + 1:
                return offset
        raise ValueError(f"{self.path}: line {line} column {column} is outside the text")

    def region(self, start: int, end: int) -> Region:
        """The region from offset `start` up to, not including, `end`."""
        return Region(*self.position(start), *self.position(max(start, end)))

    def location(self, start: int, end: int) -> Location:
        """The same as a location, with the (first part of the) first line as its snippet."""
        region = self.region(start, end)
        return Location(self.path, region, self.line(region.start_line, SNIPPET_LIMIT))
