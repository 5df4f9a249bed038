"""Core metadata of a Python package: the header fields, and what they say about licences and people."""

from __future__ import annotations

import re

from ci_guard.model.record import record

_FIELD = re.compile(r"(?P<name>[A-Za-z][A-Za-z-]*):[ \t]*(?P<value>.*)\Z")
_LONGEST_NAME = 120  # code points; a longer `License` is the licence's text, not its name
_CLASSIFIED = {
    "Apache Software License": "Apache-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}
"""Classifiers that name one licence of the SPDX list; the others (`BSD License`) stay the words that they are."""


@record
class Metadata:
    """The fields, by lower-case name, in order."""

    fields: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for key, value in self.fields if key == name]

    def one(self, name: str) -> str:
        """The first value of a field, "" without one. What only says UNKNOWN says nothing."""
        found = next(iter(self.all(name)), "")
        return "" if found == "UNKNOWN" else found

    def person(self) -> str:
        """Who maintains the package, or else wrote it."""
        fields = ("maintainer", "maintainer-email", "author", "author-email")
        return next((self.one(field) for field in fields if self.one(field)), "")

    def homepage(self) -> str:
        """The project's page among its `Project-URL`s."""
        pairs = [value.partition(",") for value in self.all("project-url")]
        named = {label.strip().lower(): url.strip() for label, _, url in pairs}
        return next((named[k] for k in ("homepage", "source", "repository", "source code") if k in named), "")


def parse_metadata(data: bytes) -> Metadata:
    """The header fields of METADATA or PKG-INFO; the description below them is left out."""
    fields: list[tuple[str, str]] = []
    for line in data.decode("utf-8", "replace").splitlines():
        if not line.strip():
            break
        match = _FIELD.match(line)
        if line[0] in " \t" and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value}\n{line.strip()}")
        elif match is not None:
            fields.append((match["name"].lower(), match["value"].strip()))
    return Metadata(tuple(fields))


def licences(metadata: Metadata) -> tuple[str, ...]:
    """The expression (PEP 639), else what a short `License` or the classifiers name."""
    expression = metadata.one("license-expression")
    if expression:
        return (expression,)
    classifiers = [c.rpartition(" :: ")[2] for c in metadata.all("classifier") if c.startswith("License ::")]
    named = tuple(sorted({_CLASSIFIED.get(c, c) for c in classifiers if c != "OSI Approved"}))
    stated = metadata.one("license")
    if named and all(name in _CLASSIFIED.values() for name in named):
        return named
    if stated and "\n" not in stated and len(stated) <= _LONGEST_NAME:
        return (_CLASSIFIED.get(stated, stated),)
    return named
