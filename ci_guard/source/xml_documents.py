"""XML files as plain elements with positions: expat from the standard library, nothing outside the text.

A document type declaration is refused, and with it every entity but XML's own five: no entity bombs, no files or URLs
that a text could pull in. Depth and number of elements are bounded; names lose their namespace prefix.
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from ci_guard.model.record import field, record
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Refused

DEPTH_LIMIT = 200
ELEMENT_LIMIT = 2_000_000
_LATIN = re.compile(
    rb"""\A<\?xml[^>]{0,100}?encoding=["'](?:iso-8859-1|latin-?1|us-ascii|windows-1252)["']""", re.IGNORECASE
)


@record(frozen=False, eq=False)
class Element:
    """One element: `text` is its own character data, stripped; `start` and `end` are the offsets of its text.

    Where it has no text, they are those of its start tag's name.
    """

    name: str
    attributes: dict[str, str]
    start: int
    end: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((c for c in self.children if c.name == name), None)

    def all(self, *path: str) -> list[Element]:
        """All elements at a path of names below this one, in order."""
        found = [self]
        for name in path:
            found = [c for element in found for c in element.children if c.name == name]
        return found

    def value(self, name: str) -> str:
        """The text of the first child of that name, "" when there is none."""
        child = self.child(name)
        return child.text if child is not None else ""


def decoded(path: str, data: bytes) -> SourceText:
    """The text of an XML file; the Latin-1 that old build files declare is understood."""
    if _LATIN.match(data):
        return SourceText(path, data.decode("cp1252", "replace").encode())
    return SourceText(path, data)


def read_xml(text: SourceText) -> Element:
    """The root element. Raises Refused, with the offset, for what is no XML or does what is not allowed here."""
    return _Reading(text.text).root()


class _Reading:
    """One pass of expat over a text; `at` and `byte` go forward together, in code points and bytes of UTF-8.

    `floor` is the byte where the last start tag began.
    """

    def __init__(self, text: str) -> None:
        self.data = text.encode("utf-8", "replace")
        self.at = self.byte = self.count = self.floor = 0
        self.found: Element | None = None
        self.stack: list[Element] = []
        self.texts: list[list[str]] = []
        self.parser = expat.ParserCreate(encoding="utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def root(self) -> Element:
        try:
            self.parser.Parse(self.data, True)
        except expat.ExpatError as error:
            reason = expat.errors.messages.get(error.code, str(error))
            raise Refused(f"not valid XML: {reason}", self._offset(self.parser.ErrorByteIndex)) from None
        if self.found is None:
            raise Refused("not valid XML: no element", 0)
        return self.found

    def _offset(self, byte: int) -> int:
        """The code point offset of a byte; cheap as long as the bytes asked for only grow."""
        if byte < self.byte:
            return len(self.data[:byte].decode("utf-8", "replace"))
        self.at += len(self.data[self.byte : byte].decode("utf-8", "replace"))
        self.byte = byte
        return self.at

    def _doctype(self, *declared: Any) -> None:
        del declared
        offset = self._offset(self.parser.CurrentByteIndex)
        raise Refused("a document type declaration is not read: it can define entities", offset)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        offset = self._offset(self.parser.CurrentByteIndex)
        self.floor = self.byte
        self.count += 1
        if len(self.stack) >= DEPTH_LIMIT:
            raise Refused(f"nested more than {DEPTH_LIMIT} levels deep", offset)
        if self.count > ELEMENT_LIMIT:
            raise Refused(f"more than {ELEMENT_LIMIT} elements", offset)
        plain = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        element = Element(name.rpartition(":")[2], plain, offset + 1, offset + 1 + len(name))
        if self.stack:
            self.stack[-1].children.append(element)
        else:
            self.found = element
        self.stack.append(element)
        self.texts.append([])

    def _characters(self, text: str) -> None:
        if self.texts:
            self.texts[-1].append(text)

    def _end(self, name: str) -> None:
        del name
        element, texts = self.stack.pop(), self.texts.pop()
        element.text = "".join(texts).strip()
        if element.text and not element.children:
            # The text ends where the end tag begins; what is written between them is found from behind.
            end = self._offset(self.parser.CurrentByteIndex)
            self._place(element, end)

    def _place(self, element: Element, end: int) -> None:
        """Set where the text of a leaf stands: its last written characters before the end tag."""
        opened = self.data.rfind(b">", self.floor, self.byte) + 1
        between = self.data[opened : self.byte].decode("utf-8", "replace")
        body = between.strip()
        if body:
            start = end - len(between) + between.find(body)
            element.start, element.end = start, start + len(body)
