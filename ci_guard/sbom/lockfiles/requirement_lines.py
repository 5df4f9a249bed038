"""The lines of a requirements file as pip joins and splits them, with the offset where each piece stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ci_guard.model.record import record, replace

_COMMENT = re.compile(r"(?:^|(?<=\s))#")
_COMMENT_LINE = re.compile(r"\s*#")


@record
class LogicalLine:
    """What pip takes for one line: continuations joined, comments gone.

    Every code point that was left out is a blank, so that `start + n` is the place in the file of `text[n]`.
    `comment` is what stands behind it and in the comment lines right below (pip-compile's `# via …`).
    """

    text: str
    start: int
    comment: str = ""


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """The lines of a requirements file that say something, in order."""
    pending: LogicalLine | None = None
    for line in map(_split_comment, _joined(text)):
        if line.text.strip():
            if pending is not None:
                yield pending
            pending = line
        elif pending is not None and line.comment:
            pending = replace(pending, comment=f"{pending.comment}\n{line.comment}")
        elif pending is not None:
            yield pending
            pending = None
    if pending is not None:
        yield pending


def _joined(text: str) -> Iterator[LogicalLine]:
    """Lines joined where they end in a backslash. Like pip, `splitlines` decides what a line is."""
    pieces: list[str] = []
    start = offset = 0
    for raw in text.splitlines(keepends=True):
        body = raw.splitlines()[0]
        kept = body.rstrip("\\")
        comment = _COMMENT_LINE.match(body) is not None
        pieces.append((body if comment else kept).ljust(len(raw)))
        offset += len(raw)
        if comment or kept == body:
            yield LogicalLine("".join(pieces), start)
            pieces, start = [], offset
    if pieces:
        yield LogicalLine("".join(pieces), start)


def _split_comment(line: LogicalLine) -> LogicalLine:
    found = _COMMENT.search(line.text)
    if found is None:
        return line
    at = found.start()
    return LogicalLine(line.text[:at], line.start, line.text[at + 1 :].strip())
