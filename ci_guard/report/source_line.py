"""One source line as a terminal shows it, with the flaw underlined by carets."""

from __future__ import annotations

import unicodedata

from ci_guard.model.location import Region
from ci_guard.report.escape import terminal

_TAB = "    "


def cells(text: str) -> int:
    """How many terminal cells printable `text` takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(map(_cell_width, text))


def underlined(line: str, region: Region, width: int) -> tuple[str, str]:
    """The line and its carets, both at most `width` cells; a longer line is cropped around the flaw.

    Never raises: a region that points past the line gets one caret at its end.
    """
    start = min(region.start_column - 1, len(line))
    end = region.end_column - 1 if region.end_line == region.start_line else len(line.rstrip())
    end = max(min(end, len(line)), start)
    begin, stop = _window(line, start, width)
    before, flaw, after = (_shown(part) for part in (line[begin:start], line[start : min(end, stop)], line[end:stop]))
    lead = "…" if begin else ""
    tail = "…" if stop < len(line) else ""
    carets = "^" * max(cells(flaw), 1)
    return f"{lead}{before}{flaw}{after}{tail}", " " * cells(lead + before) + carets


def _window(line: str, start: int, width: int) -> tuple[int, int]:
    """The slice of `line` that fits `width` cells, with the flaw's beginning in it."""
    room = max(width - 2, 8)  # two cells for the ellipses
    if len(line) <= room and cells(_shown(line)) <= width:
        return 0, len(line)
    begin = start
    used = cells(_shown(line[start : start + 1]))
    stop = start + 1
    # Two thirds of the room go to what follows the flaw's beginning, the rest to what leads up to it.
    while stop < len(line) and used < room * 2 // 3:
        used += cells(_shown(line[stop]))
        stop += 1
    while begin > 0 and used < room:
        begin -= 1
        used += cells(_shown(line[begin]))
    while stop < len(line) and used < room:
        used += cells(_shown(line[stop]))
        stop += 1
    return begin, min(stop, len(line))


def _shown(text: str) -> str:
    return terminal(text.replace("\t", _TAB))


def _cell_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
