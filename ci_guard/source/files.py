"""Find and open files: regular ones inside the root, never through a symbolic link.

Paths are relative to the root, with `/`. A name that is not valid in the file system's encoding keeps Python's
surrogate escapes, so it can be opened; whoever prints it escapes it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from ci_guard.model.errors import InputError

SIZE_LIMIT = 32 * 1024 * 1024  # bytes of one file; 9 MB holds the largest corpus as a whole
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "node_modules", ".venv", "__pycache__"})

_O_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_O_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
# A FIFO blocks whoever opens it; O_NONBLOCK lets us open it, see what it is, and leave.
_OPEN_FLAGS = os.O_RDONLY | _O_NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_OPEN_FLAGS |= getattr(os, "O_BINARY", 0)
_HAS_DIR_FD = os.open in os.supports_dir_fd and bool(_O_NOFOLLOW) and bool(_O_DIRECTORY)


class SourceFile(NamedTuple):
    """A regular file: `path` from the root with `/`, `absolute` to open it by hand."""

    path: str
    absolute: Path


class SkippedPath(NamedTuple):
    """Something that was met and not opened, and why (`symbolic link`, `not a regular file` …)."""

    path: str
    reason: str


def walk(root: Path, targets: Sequence[str] = (".",)) -> Iterator[SourceFile | SkippedPath]:
    """Every regular file at or below `targets` (relative to `root`), sorted by path, each once.

    Symbolic links, special files and unreadable folders come as SkippedPath; `.git`, `node_modules`, `.venv`
    and the like are passed over in silence unless they are a target. Raises InputError for a target that is missing
    or outside.
    """
    seen: set[str] = set()
    found: list[SourceFile | SkippedPath] = []
    for target in targets:
        start = normalise(root, target)
        for entry in _below(root, start):
            if entry.path not in seen:
                seen.add(entry.path)
                found.append(entry)
    return iter(sorted(found, key=lambda e: e.path))


def normalise(root: Path, target: str) -> str:
    """`target` (relative to the root, or absolute inside it) as a path from the root; "" is the root itself.

    Raises InputError if it leaves the root. Links are not resolved: they are refused when opened.
    """
    base = os.path.normpath(root)
    full = os.path.normpath(os.path.join(base, target))  # noqa: PTH118 - pathlib would keep `..`
    relative = os.path.relpath(full, base) if _same_drive(full, base) else os.pardir
    if relative == os.pardir or relative.startswith(os.pardir + os.sep):
        raise InputError(f"{target}: outside of {root}")
    return "" if relative == os.curdir else relative.replace(os.sep, "/")


def _same_drive(one: str, other: str) -> bool:
    return os.path.splitdrive(one)[0].lower() == os.path.splitdrive(other)[0].lower()


def _below(root: Path, start: str) -> Iterator[SourceFile | SkippedPath]:
    absolute = root / start
    link = _linked_part(root, start)
    if link is not None:
        yield SkippedPath(link, "symbolic link")
        return
    try:
        mode = absolute.lstat().st_mode
    except (OSError, ValueError) as error:
        raise InputError(f"{start or root}: {_why(error)}") from None
    if stat.S_ISDIR(mode):
        yield from _folder(absolute, start)
    else:
        yield _entry(start, absolute, mode)


def _linked_part(root: Path, path: str) -> str | None:
    """The first component of `path` that is a symbolic link."""
    parts = PurePosixPath(path).parts
    for depth in range(1, len(parts) + 1):
        part = "/".join(parts[:depth])
        try:
            if stat.S_ISLNK((root / part).lstat().st_mode):
                return part
        except (OSError, ValueError):
            return None
    return None


def _entry(path: str, absolute: Path, mode: int) -> SourceFile | SkippedPath:
    if stat.S_ISREG(mode):
        return SourceFile(path, absolute)
    return SkippedPath(path, "symbolic link" if stat.S_ISLNK(mode) else "not a regular file")


def _folder(absolute: Path, path: str) -> Iterator[SourceFile | SkippedPath]:
    """Everything below one folder; a loop, because a hostile tree may be deeper than Python's stack."""
    pending = [(absolute, path)]
    while pending:
        folder, name = pending.pop()
        try:
            with os.scandir(folder) as entries:
                children = list(entries)
        except OSError as error:
            yield SkippedPath(name or ".", _why(error))
            continue
        for child in children:
            where = f"{name}/{child.name}" if name else child.name
            if child.is_dir(follow_symlinks=False):
                if child.name not in SKIPPED_FOLDERS:
                    pending.append((folder / child.name, where))
                continue
            yield _scanned(where, folder / child.name, child)


def _scanned(path: str, absolute: Path, child: os.DirEntry[str]) -> SourceFile | SkippedPath:
    if child.is_symlink():
        return SkippedPath(path, "symbolic link")
    if child.is_file(follow_symlinks=False):
        return SourceFile(path, absolute)
    return SkippedPath(path, "not a regular file")


def read_file(root: Path, path: str, limit: int = SIZE_LIMIT) -> bytes:
    """The bytes of the regular file at `path` from the root, through no symbolic link in any component below it.

    Raises InputError naming the path: missing, outside, a link, no regular file, more than `limit` bytes.
    """
    data = read_part(root, path, 0, limit + 1)
    if len(data) > limit:
        raise InputError(f"{path}: larger than {limit} bytes")
    return data


def read_part(root: Path, path: str, offset: int, length: int) -> bytes:
    """At most `length` bytes from `offset` of the same file. Raises InputError as `read_file` does."""
    with open_file(root, path) as stream:
        try:
            stream.seek(offset)
            return stream.read(length)
        except OSError as error:
            raise InputError(f"{path}: {_why(error)}") from None


def open_file(root: Path, path: str) -> BinaryIO:
    """The same file, opened for reading. Raises InputError as `read_file` does."""
    relative = normalise(root, path)
    if not relative:
        raise InputError(f"{path}: not a regular file")
    try:
        descriptor = _open(root, relative)
    except (OSError, ValueError) as error:
        why = "symbolic link" if _linked_part(root, relative) else _why(error)
        raise InputError(f"{path}: {why}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path}: not a regular file")
    return os.fdopen(descriptor, "rb")


def read_or_none(root: Path, path: str) -> bytes | None:
    """The same, or None where `read_file` raises; `functools.partial(read_or_none, root)` is a ports.ReadBytes."""
    try:
        return read_file(root, path)
    except InputError:
        return None


def _open(root: Path, relative: str) -> int:
    """A descriptor of the file; the kernel refuses links while it walks, so nobody can swap one in between."""
    if not _HAS_DIR_FD:
        return _open_checked(root, relative)
    *folders, name = relative.split("/")
    here = os.open(root, os.O_RDONLY | _O_DIRECTORY)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | _O_DIRECTORY | _O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        return os.open(name, _OPEN_FLAGS, dir_fd=here)
    finally:
        os.close(here)


def _open_checked(root: Path, relative: str) -> int:
    """Where the system has no openat: look first, open, and see that it is what was looked at."""
    if _linked_part(root, relative) is not None:
        raise OSError(errno.ELOOP, "symbolic link")
    absolute = root / relative
    before = absolute.lstat()
    descriptor = os.open(absolute, _OPEN_FLAGS)
    after = os.fstat(descriptor)
    if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino):
        os.close(descriptor)
        raise OSError(errno.ELOOP, "changed while it was opened")
    return descriptor


def _why(error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code == errno.ELOOP:
        return "symbolic link"
    if code == errno.ENOENT:
        return "no such file or directory"
    return getattr(error, "strerror", None) or str(error)
