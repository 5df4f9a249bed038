"""The headers that an rpm database holds: `rpmdb.sqlite` by SQLite, `Packages.db` (ndb) by a reader of our own."""

from __future__ import annotations

import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ci_guard.model.errors import InputError
from ci_guard.sbom.installed.tree import FileTree

_LIMIT = 512 * 1024 * 1024  # bytes of a database; a desktop of 3,000 packages has 150 MB
_BLOB_LIMIT = 64 * 1024 * 1024
_STEPS = 200_000  # times a thousand instructions of SQLite's machine
_CHUNK = 1024 * 1024

_PAGE, _HEAD, _SLOT, _BLOCK = 4096, 32, 16, 16
_MOST_PAGES = 4096  # of slots: a million packages


def sqlite_headers(tree: FileTree, path: str) -> Iterator[bytes]:
    """The blobs of table `Packages`, in the order of their numbers. Raises InputError.

    SQLite works on a copy, with no schema that is not trusted, no views, and a bound on its work.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "rpmdb.sqlite"
        for suffix in ("", "-wal"):
            _copy(tree, path + suffix, copy.with_name(copy.name + suffix))
        try:
            with closing(sqlite3.connect(copy)) as connection:
                yield from _rows(connection)
        except sqlite3.Error as error:
            raise InputError(str(error)) from None
        except (OverflowError, UnicodeDecodeError) as error:
            raise InputError(f"is no rpm database: {error}") from None


def _copy(tree: FileTree, path: str, target: Path) -> None:
    found = tree.find(path)
    if found is None:
        return
    if found.size > _LIMIT:
        raise InputError(f"larger than {_LIMIT} bytes")
    with target.open("wb") as file:
        for offset in range(0, found.size, _CHUNK):
            file.write(tree.read(found.path, offset, min(_CHUNK, found.size - offset)))


def _rows(connection: sqlite3.Connection) -> Iterator[bytes]:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _BLOB_LIMIT)
    steps = iter(range(_STEPS))
    connection.set_progress_handler(lambda: next(steps, None) is None, 1000)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    query = "SELECT type FROM sqlite_master WHERE name = 'Packages'"
    if connection.execute(query).fetchone() != ("table",):
        raise InputError("there is no table of packages")
    for (blob,) in connection.execute("SELECT blob FROM Packages ORDER BY hnum"):
        if not isinstance(blob, bytes):
            raise InputError("a package that is no header")
        yield blob


def ndb_headers(tree: FileTree, path: str) -> Iterator[bytes]:
    """The blobs of an ndb database, in the order of their package numbers. Raises InputError."""
    head = tree.read(path, 0, _HEAD)
    if len(head) < _HEAD or head[:4] != b"RpmP":
        raise InputError("is no ndb database")
    version, _, pages = struct.unpack_from("<III", head, 4)
    if version != 0 or not 0 < pages <= _MOST_PAGES:
        raise InputError(f"an ndb database of version {version} with {pages} pages of slots")
    slots = tree.read(path, _HEAD, pages * _PAGE - _HEAD)
    used = [slot for slot in struct.iter_unpack("<4sIII", slots[: len(slots) // _SLOT * _SLOT]) if slot[1]]
    seen: set[int] = set()
    for magic, number, block, count in sorted(used, key=lambda slot: slot[1]):
        if magic != b"Slot" or number in seen:
            raise InputError("a broken table of slots")
        seen.add(number)
        yield _blob(tree, path, number, block * _BLOCK, count * _BLOCK)


def _blob(tree: FileTree, path: str, number: int, offset: int, room: int) -> bytes:
    if room > _BLOB_LIMIT:
        raise InputError(f"a package of {room} bytes")
    data = tree.read(path, offset, room)
    magic, own, _, length = struct.unpack("<4sIII", data[:16]) if len(data) >= 16 else (b"", 0, 0, 0)
    if magic != b"BlbS" or own != number or 16 + length > len(data):
        raise InputError(f"package {number} is broken")
    return data[16 : 16 + length]
