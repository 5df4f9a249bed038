"""What stands in a `run:` text: downloads that are run, variables and paths that are set for later steps.

Read line by line as text, not as a shell would: continued lines are joined, comments left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_LONGEST = 8_000  # characters of a line that are looked at: no person writes more, and patterns stay quick
_CONTINUED = re.compile(r"\\\r?\n|`\r?\n(?=\s*-)")
_RAISED = r"(?:sudo\s+(?:-\S+\s+)*)?(?:/usr/bin/env\s+|env\s+(?:\S+=\S+\s+)*)?"
_SHELL = rf"{_RAISED}(?:\S*/)?(?:(?:ba|z|da|k)?sh|python3?|perl|ruby|node)\b"
_FETCH = r"(?:curl|wget)\b[^|;&\n]*"
_PIPED = re.compile(
    rf"""
    {_FETCH}\|\s*(?:tee\s+\S+\s*\|\s*)?{_SHELL}(?!\s+-m\s+json)(?!\s+-c)
    | (?:ba|z|da)?sh\s+(?:-\S+\s+)*<\(\s*{_FETCH}\)
    | (?:(?:ba|z|da)?sh\s+(?:-\S+\s+)*-c|eval)\s+["']?\$\(\s*{_FETCH}\)
    | (?:source|\.)\s+<\(\s*{_FETCH}\)
    | (?:iwr|irm|invoke-webrequest|invoke-restmethod|downloadstring\()[^|;\n]*\|\s*(?:iex|invoke-expression)\b
    | (?:iex|invoke-expression)\s+[^\n]*?(?:iwr|irm|invoke-webrequest|invoke-restmethod|downloadstring)\b[^\n]*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HARMLESS = re.compile(r"https?://(?:localhost|127\.0\.0\.1)\b|/[0-9a-f]{40}/", re.IGNORECASE)
_SETS = re.compile(
    r"(?:>>?\s*[\"']?|\b(?:tee|Out-File|Add-Content)\b.*)\$\{?(?:env:)?(GITHUB_ENV|GITHUB_PATH)\b", re.IGNORECASE
)
_FROM_FILE = re.compile(r"\bcat\s+[^|;&>]*\S|\$\(\s*<|<\s*[^<&\s(]|\bGet-Content\b|\bjq\b[^|]*\S+\.json|\bunzip\s+-p\b")
_FILLED = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]*)=[\"']?\$\(\s*(?:cat\s|<)")
_HEAD = re.compile(
    r"\bgh\s+pr\s+checkout\b|\bgit\s+(?:fetch|pull|checkout|clone|switch)\b[^\n;&|]*\bpull/\S*?/?(?:head|merge)\b"
)
_REMOTE_GIT = re.compile(
    r"\bgit\s+(?:-\S+\s+\S+\s+)*(?:push|fetch|pull|submodule|lfs|clone)\b|\bsemantic-release\b|\bgit-auto-commit\b"
)


class Line(NamedTuple):
    """One line as joined, and the first of its written lines without indentation: what to look for in the file."""

    text: str
    written: str


def lines(script: str) -> Iterator[Line]:
    """The lines of a script without comments."""
    joined = _CONTINUED.sub("\0", script)
    for line in joined.splitlines():
        text = line.strip()[:_LONGEST]
        if text and not text.startswith("#"):
            yield Line(text.replace("\0", " "), text.partition("\0")[0].strip())


def run_downloads(script: str) -> Iterator[Line]:
    """The lines that run what they fetch, unless the address names a commit or this machine."""
    return (line for line in lines(script) if _PIPED.search(line.text) and not _HARMLESS.search(line.text))


def settings(script: str) -> Iterator[tuple[str, Line]]:
    """(GITHUB_ENV or GITHUB_PATH, the line that adds to it)."""
    for line in lines(script):
        found = _SETS.search(line.text)
        if found is not None:
            yield found[1].upper(), line


def reads_file(line: Line) -> bool:
    """Whether what a line writes comes out of a file."""
    return _FROM_FILE.search(line.text) is not None


def filled_from_files(script: str) -> frozenset[str]:
    """The shell variables that a script fills from a file and never compares with a pattern."""
    filled = {m[1] for line in lines(script) for m in _FILLED.finditer(line.text)}
    return frozenset(v for v in filled if not re.search(rf"\$\{{?{v}\b[^\n]*=~", script))


def uses(line: Line, variables: Iterable[str]) -> str:
    """The first of the variables that a line reads, "" for none."""
    return next((v for v in variables if re.search(rf"\$(?:\{{)?(?:env:)?{re.escape(v)}\b", line.text)), "")


def checks_out_head(script: str) -> Line | None:
    """The line that gets the code of a pull request, None if there is none."""
    return next((line for line in lines(script) if _HEAD.search(line.text)), None)


def talks_to_remote(script: str) -> bool:
    """Whether a script needs the login that checkout leaves behind."""
    return any(_REMOTE_GIT.search(line.text) for line in lines(script))
