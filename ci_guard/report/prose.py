"""What rules say in `why` and `remedy`: paragraphs, and examples indented by four blanks, as in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from ci_guard.model.printable import visible
from ci_guard.model.record import record

_INDENT = "    "


@record
class Block:
    """A paragraph folded into one line, or the lines of an example without their indent; all made visible."""

    lines: tuple[str, ...]
    example: bool = False


def blocks(text: str) -> Iterator[Block]:
    """The blocks of `text`; a line that is indented within a paragraph belongs to the paragraph."""
    pending: list[str] = []
    example = False
    for line in [*text.expandtabs(4).split("\n"), ""]:
        indented = line.startswith(_INDENT)
        if example and (indented or not line.strip()):
            pending.append(line[len(_INDENT) :])
            continue
        if not line.strip() or example:
            yield from _closed(pending, example=example)
            pending, example = [], False
        if line.strip():
            example = indented and not pending
            pending.append(line[len(_INDENT) :] if example else line)
    yield from _closed(pending, example=example)


def _closed(lines: list[str], *, example: bool) -> Iterator[Block]:
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        return
    folded = lines if example else [" ".join(" ".join(lines).split())]
    yield Block(tuple(visible(line.rstrip()) for line in folded), example)
