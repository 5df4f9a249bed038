"""How text for a person is to look: colours, width, and how much of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from ci_guard.model.finding import Severity
from ci_guard.model.record import record

_MIN_WIDTH = 40
_DEFAULT_WIDTH = 100
_MAX_WIDTH = 120  # longer lines of prose are hard to read

_CODES = {
    Severity.CRITICAL: "1;31",
    Severity.HIGH: "31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.NOTE: "2",
}


@record
class Style:
    """`width` in terminal cells. `compact` is the one-line form for hooks, `quiet` leaves out all but findings."""

    color: bool = False
    width: int = _DEFAULT_WIDTH
    compact: bool = False
    quiet: bool = False
    ascii_only: bool = False

    def paint(self, text: str, code: str) -> str:
        """`text` in an SGR code (`1` bold, `2` dim …) where colours are on."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    def severity(self, text: str, severity: Severity) -> str:
        """`text` in the colour of `severity`."""
        return self.paint(text, _CODES[severity])

    @property
    def bar(self) -> str:
        """What stands between line numbers and source."""
        return "|" if self.ascii_only else "│"


def style_for(
    stream: TextIO, environ: Mapping[str, str], *, no_color: bool | None = None, quiet: bool | None = None
) -> Style:
    """The style that fits `stream`: colours on a terminal unless NO_COLOR or `no_color`, compact under PRE_COMMIT."""
    terminal = stream.isatty()
    plain = bool(no_color or environ.get("NO_COLOR") or environ.get("TERM") == "dumb")
    forced = bool(environ.get("FORCE_COLOR")) and not plain
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    return Style(
        color=forced or (terminal and not plain),
        width=max(_MIN_WIDTH, min(_columns(stream, environ), _MAX_WIDTH)),
        compact=environ.get("PRE_COMMIT") == "1",
        quiet=bool(quiet),
        ascii_only=not encoding.startswith("utf"),
    )


def _columns(stream: TextIO, environ: Mapping[str, str]) -> int:
    """The stream's width in cells; COLUMNS wins, a pipe has 100. (`shutil` would cost the hooks its import.)"""
    if environ.get("COLUMNS", "").isdecimal():
        return int(environ["COLUMNS"][:6])
    try:
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_WIDTH
    except (OSError, ValueError, AttributeError):
        return _DEFAULT_WIDTH
