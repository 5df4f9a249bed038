"""TOML files: values by `tomllib`, positions by a scanner of our own that runs when one is asked for.

Dates and times come as text (ISO 8601), because consumers know JSON's types only. A file is one document.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from ci_guard.source.document import Document, Grammar, Unreadable
from ci_guard.source.scalars import bounded
from ci_guard.source.text import SourceText
from ci_guard.source.toml_scanner import scan
from ci_guard.source.tree import DEPTH_LIMIT, Node, Refused, levels

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


# tomllib keeps every prefix of a dotted key: a key of 100,000 parts takes 40 GB.
SIZE_LIMIT = 16 * 1024 * 1024  # bytes
KEY_LIMIT = 16  # parts of a dotted key
_PART = r"(?:[A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*')"
_LONG_KEY = re.compile(rf"(?<![\w.\"'-]){_PART}(?:[ \t]*\.[ \t]*{_PART}){{{KEY_LIMIT},}}")


class TomlGrammar(Grammar):
    """TOML keys are the decoded text of the key nodes."""

    def parse(self, text: str) -> Node:
        """The tree of a document that `tomllib` has accepted."""
        return scan(text)[0]

    def comments(self, text: str, start: int, end: int, root: Node, base: int) -> Iterator[int]:  # noqa: ARG002
        """The comments that the scanner passes over."""
        return iter(scan(text)[1])


GRAMMAR = TomlGrammar()


def read_toml(text: SourceText) -> Iterator[Document | Unreadable]:
    """The one document of a TOML text. Never raises for what the text holds."""
    try:
        value = _values(text)
    except Refused as refused:
        yield Unreadable.at(text, refused.reason, refused.offset)
        return
    document = Document(text.path, 0, value, text, "toml", GRAMMAR, 0, (0, len(text.text)))
    yield document
    document.release()


def _refuse_long(text: SourceText) -> None:
    if len(text.data) > SIZE_LIMIT:
        raise Refused(f"larger than {SIZE_LIMIT} bytes", 0)
    at = 0
    for line in text.text.split("\n"):
        found = _LONG_KEY.search(line) if line.count(".") >= KEY_LIMIT else None
        if found:
            raise Refused(f"a key of more than {KEY_LIMIT} parts", at + found.start())
        at += len(line) + 1


def _values(text: SourceText) -> Any:
    _refuse_long(text)
    try:
        value = tomllib.loads(text.text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"not valid TOML: {_PLACE.sub('', str(error))}", _offset(text, str(error))) from None
    except RecursionError:
        raise Refused(f"nested more than {DEPTH_LIMIT} levels deep", 0) from None
    except ValueError as error:
        raise Refused(f"not valid TOML: {error}", 0) from None
    if levels(value) > DEPTH_LIMIT:
        raise Refused(f"nested more than {DEPTH_LIMIT} levels deep", 0)
    return _plain(value, text.text)


def _offset(text: SourceText, message: str) -> int:
    found = _PLACE.search(message)
    if not found or not found[1]:
        return len(text.text) if found else 0
    try:
        return text.offset(int(found[1]), int(found[2]))
    except ValueError:
        return 0


def _plain(value: Any, text: str) -> Any:
    """The value with JSON's types only. Raises Refused for a NUL, at the escape that makes it."""
    if isinstance(value, dict):
        return {_plain(key, text): _plain(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, text) for item in value]
    if isinstance(value, str):
        if "\0" in value:
            raise Refused("contains a NUL character", max(text.find("\\u0000"), text.find("\\U00000000"), 0))
        return value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return bounded(value) if isinstance(value, int) and not isinstance(value, bool) else value
