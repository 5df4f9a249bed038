"""Licences (of files written for machines, DEP 5) and copyright from the copyright files of Debian packages."""

from __future__ import annotations

import re

from ci_guard.model.errors import InputError
from ci_guard.sbom.installed.copyright_lines import fields, statements
from ci_guard.sbom.installed.tree import FileTree, read_whole

_LIMIT = 2 * 1024 * 1024  # bytes; the largest real ones have about one MB
_LICENSE = re.compile(r"^License:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_FORMAT = re.compile(r"\s*Format(?:-Specification)?:", re.IGNORECASE)
_SPDX = {
    **{
        f"{kind}-{n}{suffix}": f"{kind}-{n}.0-{how}"
        for kind in ("GPL", "LGPL", "AGPL")
        for n in (1, 2, 3)
        for suffix, how in (("", "only"), ("+", "or-later"))
    },
    **{
        f"{kind}-{n}{suffix}": f"{kind}-{n}-{how}"
        for kind in ("LGPL", "GFDL")
        for n in ("2.1", "1.1", "1.2", "1.3")
        for suffix, how in (("", "only"), ("+", "or-later"))
    },
    "Expat": "MIT",
    "BSD-3-clause": "BSD-3-Clause",
    "BSD-2-clause": "BSD-2-Clause",
    "BSD-4-clause": "BSD-4-Clause",
    "Apache-2": "Apache-2.0",
    "Artistic": "Artistic-1.0",
    "zlib": "Zlib",
}
"""Debian's short names -> SPDX ids, where both mean the same text."""


def copyright_file(tree: FileTree, package: str) -> str:
    """The copyright file of a package, "" where there is none that can be read."""
    try:
        return read_whole(tree, f"usr/share/doc/{package}/copyright", _LIMIT).decode("utf-8", "replace")
    except InputError:
        return ""


def licenses(text: str) -> tuple[str, ...]:
    """The short names of all licences, those that SPDX knows in its words; () of free text: nothing is guessed."""
    return tuple(sorted({_spdx(found) for found in _LICENSE.findall(text)})) if _FORMAT.match(text) else ()


def copyright_lines(text: str) -> str:
    """Who holds the copyright, a line each: the fields made for it, else the statements in free text."""
    return "\n".join(fields(text) if _FORMAT.match(text) else statements(text))


def _spdx(name: str) -> str:
    """`GPL-2+ or Artistic` becomes an expression of SPDX ids where every part is known, else it stays as it stands."""
    if name in _SPDX:
        return _SPDX[name]
    words = re.split(r"\s+(or|and)\s+", name)
    if len(words) == 1:
        return name
    parts = [_SPDX.get(word, word) if n % 2 == 0 else word.upper() for n, word in enumerate(words)]
    return name if any(" " in part for part in parts) else " ".join(parts)
