"""VEX documents -> statements, whichever of the three formats they are in; each statement knows its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from ci_guard.advisories.vex import csaf, cyclonedx, openvex
from ci_guard.advisories.vex.fields import Reader
from ci_guard.advisories.vex.statement import Book, Statement
from ci_guard.model.errors import ConfigError
from ci_guard.model.ports import ReadBytes
from ci_guard.source.document import Unreadable
from ci_guard.source.reader import read

MAX_BYTES: Final = 20_000_000
MAX_STATEMENTS: Final = 200_000


def read_book(paths: Sequence[str], content: ReadBytes, ours: Iterable[str] = ()) -> Book:
    """The statements of all documents. Raises ConfigError: a document that is named and cannot be read is no policy."""
    statements: list[Statement] = []
    for path in paths:
        data = content(path)
        if data is None:
            raise ConfigError("no such VEX document (on a pull request: in the base commit)", path=path)
        statements += read_statements(path, data)
        if len(statements) > MAX_STATEMENTS:
            raise ConfigError(f"more than {MAX_STATEMENTS:,} VEX statements", path=path)
    return Book(tuple(statements), frozenset(ours))


def read_statements(path: str, data: bytes) -> list[Statement]:
    """The statements of one document. Raises ConfigError."""
    if len(data) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES:,} bytes", path=path)
    document = next(iter(read(path, data, "json")), None)
    if document is None:
        raise ConfigError("this VEX document is empty", path=path)
    if isinstance(document, Unreadable):
        region = document.location.region
        raise ConfigError(document.reason, path=path, line=region.start_line if region else 0)
    return list(_statements(Reader(document), document.value))


def _statements(reader: Reader, value: Any) -> Iterator[Statement]:
    top = reader.table(value, ())
    context = top.get("@context")
    if isinstance(context, str) and "openvex" in context:
        return openvex.statements(reader, top)
    if top.get("bomFormat") == "CycloneDX":
        return cyclonedx.statements(reader, top)
    if isinstance(top.get("document"), dict) and "csaf_version" in top["document"]:
        return csaf.statements(reader, top)
    raise reader.error((), "this is neither OpenVEX (`@context`), nor CycloneDX (`bomFormat`), nor CSAF (`document`)")
