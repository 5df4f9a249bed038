"""Where the entries of a TOML lock stand, without building the document's tree.

The tree of a large lock takes longer than all the rest. Tools write `[[package]]` and `name = "…"` on two lines; where
there are as many of those as there are entries, and the names agree one by one, they say the same.
"""

from __future__ import annotations

import re
from typing import Any

from ci_guard.model.location import Location
from ci_guard.sbom.lockfiles.lock import text_of
from ci_guard.source.document import Document


class TomlPlaces:
    """The places of the tables of one `[[array]]`; each is the value of its `name`."""

    def __init__(self, document: Document, array: str, tables: list[Any]) -> None:
        self._document = document
        self._array = array
        self._tables = tables
        self._lines: list[tuple[str, tuple[int, int]]] | None = None

    def place(self, index: int) -> Location:
        """The name of the entry at `index`, from its lines, else from the document's tree."""
        if self._lines is None:
            self._lines = list(self._named_lines())
        if len(self._lines) == len(self._tables):  # else a text in the lock looks like a header
            name, (start, end) = self._lines[index]
            if name == text_of(self._tables[index], "name"):
                return self._document.text.location(start, end)
        return self._document.locate((self._array, index, "name"))

    def _named_lines(self) -> list[tuple[str, tuple[int, int]]]:
        line = rf'^\[\[{self._array}\]\]\r?\nname = (?P<value>"(?P<name>[^"\\\r\n]*)")'
        return [(m["name"], m.span("value")) for m in re.finditer(line, self._document.text.text, re.MULTILINE)]
