"""Tells a person what is going on: a redrawn line on a terminal, plain lines elsewhere. Implements `ports.Progress`."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_REDRAW_SECONDS = 0.1  # often enough to feel alive, rarely enough to cost nothing
_BAR_CELLS = 24


class Silent:
    """Says nothing: for `--quiet`, hooks and tests."""

    def stage(self, name: str, detail: str = "") -> None:
        """Ignored."""

    def advance(self, done: int, total: int) -> None:
        """Ignored."""

    def done(self, summary: str = "") -> None:
        """Ignored."""


class Lines:
    """One line when a stage is over: what a log wants."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._name = ""
        self._detail = ""
        self._started = 0.0

    def stage(self, name: str, detail: str = "") -> None:
        """Remember the stage; it is printed when it is over."""
        self._name, self._detail = name, detail
        self._started = time.monotonic()

    def advance(self, done: int, total: int) -> None:
        """Ignored: a log is read afterwards."""

    def done(self, summary: str = "") -> None:
        """Print `stage  summary  (seconds)`."""
        seconds = time.monotonic() - self._started
        self._stream.write(f"{self._name:<9} {summary or self._detail} ({seconds:.2f} s)\n")
        self._stream.flush()


class Terminal(Lines):
    """A bar that redraws itself while the stage runs, replaced by the stage's line."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._drawn = 0.0

    def stage(self, name: str, detail: str = "") -> None:
        """Show the stage at once."""
        super().stage(name, detail)
        self._draw(f"{name:<9} {detail} …")

    def advance(self, done: int, total: int) -> None:
        """Redraw the bar, at most ten times a second."""
        now = time.monotonic()
        if now - self._drawn < _REDRAW_SECONDS and done < total:
            return
        filled = _BAR_CELLS * done // max(total, 1)
        self._draw(f"{self._name:<9} [{'━' * filled}{' ' * (_BAR_CELLS - filled)}] {done}/{total}")

    def done(self, summary: str = "") -> None:
        """Wipe the bar and print the stage's line."""
        self._stream.write("\r\x1b[2K")
        super().done(summary)

    def _draw(self, text: str) -> None:
        self._drawn = time.monotonic()
        self._stream.write(f"\r\x1b[2K{text}")
        self._stream.flush()


def progress_for(stream: TextIO | None = None, *, quiet: bool = False) -> Silent | Lines:
    """The display that fits `stream` (default: standard error)."""
    target = sys.stderr if stream is None else stream
    if quiet:
        return Silent()
    return Terminal(target) if target.isatty() else Lines(target)
