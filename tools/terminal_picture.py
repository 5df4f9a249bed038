"""A picture (SVG) of what ci-guard really prints on a terminal, for the README.

The command runs under a pseudo-terminal, so colours and widths are those a person sees; what it prints is text here,
escaped for XML, and nothing but colours survives of its control sequences.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

COLUMNS = 110
LINES = 54  # a picture, not a transcript
PROMPT = "ci-guard lint k8s/orders"
CELL, LINE = 8.43, 19  # pixels of one character at 14 px, and of one line
COLOURS = dict(
    zip(
        range(30, 38),
        ["#6b7280", "#f87171", "#4ade80", "#facc15", "#60a5fa", "#c084fc", "#22d3ee", "#e5e7eb"],
        strict=True,
    )
)
COLOURS |= {code + 60: colour for code, colour in COLOURS.items()}
_SEQUENCE = re.compile(
    r"\x1b\[([0-9;]*)m|\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[^\x1b]+", re.S
)


class Run(NamedTuple):
    """Characters that look alike."""

    text: str
    style: str


def picture(root: Path) -> str:
    """The SVG of `PROMPT` in examples/shop of the checkout `root`."""
    lines = shortened(printed(root))
    prompt = [Run("$ ", f"fill:{COLOURS[32]}"), Run(PROMPT, "font-weight:bold")]
    return svg([prompt, *styled(lines)])


def shortened(lines: list[str]) -> list[str]:
    """At most about `LINES` lines: whole paragraphs from the start, and the last one, which is the verdict."""
    if len(lines) <= LINES:
        return lines
    breaks = [number for number, line in enumerate(lines) if not line]
    last = breaks[-1]
    first = max((number for number in breaks if number <= LINES - (len(lines) - last)), default=LINES)
    return [*lines[:first], "", "…", *lines[last:]]


def printed(root: Path) -> list[str]:
    """What the command prints on a terminal that is `COLUMNS` wide, line by line."""
    reading, terminal = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", "COLUMNS": str(COLUMNS)}
    environ |= {"PYTHONPATH": str(root)}
    process = subprocess.Popen(
        [sys.executable, "-m", *PROMPT.replace("ci-guard", "ci_guard", 1).split()],
        cwd=root / "examples/shop", env=environ, stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(terminal)
    data = b"".join(iter(lambda: read(reading), b""))
    os.close(reading)
    status = process.wait()
    if status not in {0, 1}:
        raise RuntimeError(f"{PROMPT} ended with {status}")
    return data.decode("utf-8").replace("\r\n", "\n").rstrip("\n").split("\n")


def read(descriptor: int) -> bytes:
    """Some bytes of a terminal; empty at its end, which Linux reports as an error."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def styled(lines: list[str]) -> Iterator[list[Run]]:
    """Each line as runs; a style goes on over line ends."""
    codes: list[int] = []
    for line in lines:
        runs = []
        for match in _SEQUENCE.finditer(line):
            if match[1] is not None:
                codes = applied(codes, match[1])
            elif not match[0].startswith("\x1b"):
                runs.append(Run(match[0], style(codes)))
        yield runs


def applied(codes: list[int], parameters: str) -> list[int]:
    """The codes in force after one SGR sequence."""
    for code in [int(number or 0) for number in parameters.split(";")]:
        if code == 0:
            codes = []
        elif code == 39:
            codes = [c for c in codes if c not in COLOURS]
        elif code == 22:
            codes = [c for c in codes if c not in {1, 2}]
        else:
            codes = [*codes, code]
    return codes


def style(codes: list[int]) -> str:
    """CSS of the codes in force."""
    names = {1: "font-weight:bold", 2: "opacity:.65", 3: "font-style:italic", 4: "text-decoration:underline"}
    parts = [f"fill:{COLOURS[code]}" if code in COLOURS else names.get(code, "") for code in codes]
    return ";".join(part for part in parts if part)


def svg(lines: list[list[Run]]) -> str:
    """The picture. Every run has its own x, so that a font of another width cannot shift the columns."""
    width, height = COLUMNS * CELL + 32, (len(lines) + 1) * LINE + 36
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" role="img"'
        f' aria-label="Terminal: {escape(PROMPT)}">',
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#111827"/>',
        *(
            f'<circle cx="{20 + 18 * n}" cy="18" r="5" fill="{c}"/>'
            for n, c in enumerate(["#ef4444", "#eab308", "#22c55e"])
        ),
        '<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,\'DejaVu Sans Mono\',monospace" font-size="14"'
        ' fill="#e5e7eb" xml:space="preserve">',
    ]
    out += [element(line, 52 + number * LINE) for number, line in enumerate(lines) if line]
    return "\n".join([*out, "</g>", "</svg>", ""])


def element(line: list[Run], y: int) -> str:
    """One line of text."""
    spans, column = [], 0
    for text, css in line:
        clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        attribute = f' style="{css}"' if css else ""
        spans.append(f'<tspan x="{16 + column * CELL:.1f}"{attribute}>{escape(clean)}</tspan>')
        column += sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in clean)
    return f'<text y="{y}">{"".join(spans)}</text>'
