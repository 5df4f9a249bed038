"""The statements of copyright in the licence files of a package, as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ci_guard.model.errors import InputError
from ci_guard.sbom.installed.tree import FileTree, read_whole

LICENCE_FILE = re.compile(r"(?:LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|AUTHORS)(?:[.-][^/]*)?\Z", re.IGNORECASE)
"""Names of files that licences and notices stand in."""

_LIMIT = 512 * 1024  # bytes of one file
_MOST_LINES = 40
_LONGEST = 200  # code points of a line
_STATEMENT = re.compile(
    r"^[^\w\n]*((?:©|\(c\)|copyright\b[ :]*(?:\(c\)|©)?|portions copyright)[^\n]*?\b(?:19|20)\d\d\b[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_OF_THE_LICENCE = re.compile(r"free software foundation|<year>|\[yyyy\]|verbatim copies", re.IGNORECASE)
_FIELD = re.compile(r"^Copyright:[ \t]*((?:.*\n(?:[ \t]+\S.*\n?)*)?)", re.MULTILINE | re.IGNORECASE)
_BLANKS = re.compile(r"\s+")


def statements(text: str) -> list[str]:
    """The lines with a year that state a copyright, without those of the licence's own text; each once, in order."""
    found = (_BLANKS.sub(" ", line)[:_LONGEST].strip(" */#") for line in _STATEMENT.findall(text))
    return list(dict.fromkeys(line for line in found if not _OF_THE_LICENCE.search(line)))[:_MOST_LINES]


def fields(text: str) -> list[str]:
    """The `Copyright:` fields of a copyright file of Debian that is written for machines (DEP 5)."""
    lines = (line for field in _FIELD.findall(text) for line in field.splitlines())
    told = (_BLANKS.sub(" ", line).strip()[:_LONGEST] for line in lines)
    return list(dict.fromkeys(line for line in told if line and line != "."))[:_MOST_LINES]


def copyright_of(tree: FileTree, paths: Iterable[str]) -> str:
    """What the files state, a line each; "" when none does. A file that cannot be read states nothing."""
    lines: dict[str, None] = {}
    for path in sorted(paths):
        try:
            text = read_whole(tree, path, _LIMIT).decode("utf-8", "replace")
        except InputError:
            continue
        lines.update(dict.fromkeys(statements(text)))
    return "\n".join(list(lines)[:_MOST_LINES])
