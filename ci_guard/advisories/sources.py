"""Advisory records from where a user has them: a folder, an `all.zip`, one file. Bounded, and nothing is extracted.

A zip is read member by member: names are only told in messages, never opened, so that a path in a hostile archive
leads nowhere; all the same one that climbs out of its archive is refused, because no honest database has it.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ci_guard.model.errors import InputError
from ci_guard.source.document import Unreadable
from ci_guard.source.reader import read

MAX_RECORD: Final = 8_000_000  # bytes of one record; the largest in public databases have below 2 MB
MAX_FILES: Final = 1_000_000
MAX_TOTAL: Final = 8_000_000_000  # bytes of all records unpacked
MAX_ARCHIVE: Final = 2_000_000_000
MAX_RATIO: Final = 200  # a member's size over its packed size; records of text stay below 40
_ENDINGS: Final = (".json", ".yaml", ".yml")

Named = tuple[str, bytes]


def is_record(name: str) -> bool:
    """Whether a file's name says that it may hold a record."""
    return name.lower().endswith(_ENDINGS)


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def read_files(path: Path) -> Iterator[Named]:
    """(name, bytes) of every record file at `path`, sorted by name. Raises InputError."""
    if path.is_symlink() or not path.exists():
        raise InputError(f"{path}: there is no advisory database here")
    if path.is_dir():
        return _folder(path)
    if is_record(path.name):
        return iter([(path.name, _bytes(path, MAX_RECORD))])
    return _archive(path)


def content_digest(path: Path) -> str:
    """sha256 of what `read_files` gives: of an archive its bytes, of a folder the names and bytes of its files."""
    digest = hashlib.sha256()
    if path.is_dir():
        for name, data in read_files(path):
            digest.update(f"{name}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data)
        return digest.hexdigest()
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{path}: there is no advisory database here ({error.strerror or error})") from None
    return digest.hexdigest()


def _folder(root: Path) -> Iterator[Named]:
    total = 0
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if is_record(p.name) or _is_zip(p.name))
    if len(names) > MAX_FILES:
        raise InputError(f"{root}: more than {MAX_FILES:,} files")
    for name in names:
        path = root / name
        if path.is_symlink() or not path.is_file():
            continue
        if _is_zip(name):  # <ecosystem>/all.zip, as the public buckets lay them out
            yield from ((f"{name}/{member}", data) for member, data in _archive(path))
            continue
        data = _bytes(path, MAX_RECORD)
        total += len(data)
        if total > MAX_TOTAL:
            raise InputError(f"{root}: more than {MAX_TOTAL:,} bytes of records")
        yield name, data


def _bytes(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if len(data) > limit:
        raise InputError(f"{path}: larger than {limit:,} bytes")
    return data


def _archive(path: Path) -> Iterator[Named]:
    try:
        if path.stat().st_size > MAX_ARCHIVE:
            raise InputError(f"{path}: larger than {MAX_ARCHIVE:,} bytes")
        with zipfile.ZipFile(path) as archive:
            yield from _members(path, archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise InputError(f"{path}: this is no whole zip archive: {error}") from None
    except (OSError, EOFError, zlib.error, NotImplementedError, RuntimeError, ValueError, UnicodeError) as error:
        raise InputError(f"{path}: cannot be unpacked: {error}") from None


def _members(path: Path, archive: zipfile.ZipFile) -> Iterator[Named]:
    members = sorted(archive.infolist(), key=lambda m: m.filename)
    if len(members) > MAX_FILES:
        raise InputError(f"{path}: more than {MAX_FILES:,} members")
    total = 0
    for member in members:
        if member.is_dir():
            continue
        _check(path, member)
        if not is_record(member.filename):
            continue
        with archive.open(member) as stream:
            data = stream.read(MAX_RECORD + 1)
        total += len(data)
        if len(data) > MAX_RECORD or total > MAX_TOTAL:
            raise InputError(f"{path}: {member.filename[:200]!r} unpacks to too many bytes")
        yield member.filename, data


def _check(path: Path, member: zipfile.ZipInfo) -> None:
    name = member.filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or ".." in parts or ":" in name.partition("/")[0]:
        raise InputError(f"{path}: a member points outside of the archive: {name[:200]!r}")
    if member.file_size > MAX_RECORD:
        raise InputError(f"{path}: {name[:200]!r} is larger than {MAX_RECORD:,} bytes")
    if member.file_size > 100_000 and member.file_size > MAX_RATIO * max(1, member.compress_size):
        raise InputError(f"{path}: {name[:200]!r} is packed more than {MAX_RATIO}-fold: a bomb")


def decode(name: str, data: bytes, where: str) -> Any:
    """JSON or YAML as plain data. Raises InputError."""
    if not name.lower().endswith(".json"):
        return _yaml(data, where)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: cannot be read: {error}") from None


def _yaml(data: bytes, where: str) -> Any:
    """By our own reader: it bounds depth and aliases, and is the faster one."""
    for document in read(where, data, "yaml-1.2"):
        if isinstance(document, Unreadable):
            region = document.location.region
            line = f":{region.start_line}" if region else ""
            raise InputError(f"{where}{line}: cannot be read: {document.reason}")
        return document.value
    raise InputError(f"{where}: the file is empty")
