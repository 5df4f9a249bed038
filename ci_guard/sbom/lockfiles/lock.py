"""What every lock parser hands back, and how a broken lock is told."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from ci_guard.model.component import Inventory
from ci_guard.model.location import Location, NodePath, Region
from ci_guard.model.record import field, record
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read as read_documents
from ci_guard.source.text import SourceText

MAX_ENTRIES = 200_000
"""More packages than any real lock has; beyond it a lock is refused rather than judged for minutes."""


@record
class Drift:
    """A lock that does not fit its manifest: where it shows, the lock's file name, and how in words."""

    location: Location
    name: str
    reason: str


@record
class Lock(Inventory):
    """One lock as it stands: every entry is a component of its own, two entries of one package stay two.

    Refs are local to the lock until `inventory.merge` folds entries by purl. `path` is the lock's, `format` its
    parser's name. `broken` are entries that could not be read (the others still count); `includes` are files that
    the lock pulls in, relative to the root, as (path, line). `hashless` says in words why no entry can have a hash
    ("" where the format has room for one): then it is the lock that lacks them, and not each entry; `roomless` where
    no lock of the format can do better. `drift` says where the lock and its manifest disagree, `open` where a reference
    depends on names that only the caller of a build knows. `document` is there where people write comments that may
    accept findings.
    `default_index`: an entry without an address comes from the index that the tool takes by default. `exposed` are the
    refs whose address held a credential, `allowed` the hosts that the policy names, `scopes` those that the settings
    beside it name for scopes of npm.
    """

    path: str = ""
    format: str = ""
    broken: tuple[Unreadable, ...] = ()
    includes: tuple[tuple[str, int], ...] = ()
    hashless: str = ""
    roomless: bool = False
    drift: tuple[Drift, ...] = ()
    open: tuple[tuple[Location, tuple[str, ...]], ...] = ()
    document: Document | None = None
    default_index: bool = False
    exposed: frozenset[str] = frozenset()
    allowed: tuple[str, ...] = ()
    scopes: Mapping[str, str] = field(default_factory=dict)


class LockError(Exception):
    """The lock as a whole cannot be read; `unreadable` says where and why. `read_lock` turns it into the value."""

    def __init__(self, unreadable: Unreadable) -> None:
        self.unreadable = unreadable
        super().__init__(f"{unreadable.path}: {unreadable.reason}")


def only_table(path: str, data: bytes, dialect: str) -> tuple[Document, dict[str, Any]]:
    """The one document of a TOML or JSON lock and its top-level table. Raises LockError."""
    # Not exhausted on purpose: a document's positions are cheap until the next one is asked for.
    first = next(iter(read_documents(path, data, dialect)), None)
    if isinstance(first, Unreadable):
        raise LockError(first)
    if first is None or not isinstance(first.value, dict):
        raise LockError(_unreadable(path, "this is no table of packages"))
    if first.duplicates:
        _, where = first.duplicates[0]
        raise LockError(Unreadable(path, where, "a key stands here twice: readers disagree about which one counts"))
    return first, first.value


def source_text(path: str, data: bytes) -> SourceText:
    """The decoded text of a lock that is no TOML or JSON. Raises LockError."""
    text = SourceText(path, data)
    if text.problem is not None:
        offset, reason = text.problem
        raise LockError(Unreadable(path, text.location(offset, offset), reason))
    return text


def refuse(document: Document, node: NodePath, reason: str) -> LockError:
    """A LockError at a node of the document."""
    return LockError(Unreadable(document.path, document.locate(node), reason))


def _unreadable(path: str, reason: str) -> Unreadable:
    return Unreadable(path, Location(path, Region(1, 1, 1, 1)), reason)


def text_of(table: Mapping[str, Any], key: str) -> str:
    """The text at `key`, "" when it is absent or no text."""
    value = table.get(key)
    return value if isinstance(value, str) else ""


def table_of(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The table at `key`, empty when it is absent or no table."""
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def list_of(table: Mapping[str, Any], key: str) -> list[Any]:
    """The list at `key`, empty when it is absent or no list."""
    value = table.get(key)
    return value if isinstance(value, list) else []


def local_ref(ecosystem: str, lock_path: str, relative: str, name: str) -> str:
    """The ref of something that lives in the repository: where it lives, relative to the root, and its name."""
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(lock_path), relative))
    return f"local:{ecosystem.lower()}/{folder}#{name}"
