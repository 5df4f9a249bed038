"""The folder of a root file system (or an environment) as a tree of installed files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from ci_guard.model.errors import InputError
from ci_guard.model.location import Location, Region
from ci_guard.sbom.installed.links import resolve
from ci_guard.sbom.installed.tree import METADATA_LIMIT, TreeFile
from ci_guard.source.files import read_part

_NOT_ON_DISK = frozenset({"dev", "proc", "sys"})
"""Folders at the root of a running system that show the kernel, not files."""


class FolderTree:
    """A folder; its links are followed inside it, as if it were the root. `only` is the part of it that is listed."""

    def __init__(self, root: Path, only: str = "") -> None:
        self._root = root
        self._only = only
        self._listed: dict[str, list[TreeFile]] = {}

    def files(self, below: str = "") -> Sequence[TreeFile]:
        """Every regular file below the folder, sorted by path; folders that may not be opened are passed over."""
        folder = resolve(below or self._only, self._link)
        if folder is None:
            return []
        if folder not in self._listed:
            self._listed[folder] = sorted(self._walk(folder))
        return self._listed[folder]

    def _walk(self, folder: str) -> Iterator[TreeFile]:
        pending = [folder]
        while pending:
            here = pending.pop()
            try:
                with os.scandir(self._root / here) as entries:
                    children = list(entries)
            except OSError:
                continue
            for child in children:
                path = f"{here}/{child.name}" if here else child.name
                if child.is_dir(follow_symlinks=False):
                    pending += [path] if path not in _NOT_ON_DISK else []
                elif child.is_file(follow_symlinks=False):
                    status = child.stat(follow_symlinks=False)
                    yield TreeFile(path, status.st_size, bool(status.st_mode & 0o111))

    def find(self, path: str) -> TreeFile | None:
        """The regular file that `path` leads to."""
        real = resolve(path, self._link)
        try:
            status = (self._root / real).lstat() if real else None
        except (OSError, ValueError):
            return None
        if real is None or status is None or not stat.S_ISREG(status.st_mode):
            return None
        return TreeFile(real, status.st_size, bool(status.st_mode & 0o111))

    def read(self, path: str, offset: int = 0, length: int = METADATA_LIMIT) -> bytes:
        """Bytes of the file at `path`. Raises InputError."""
        real = resolve(path, self._link)
        if not real:
            raise InputError(f"{path}: no such file")
        return read_part(self._root, real, offset, length)

    def place(self, path: str, line: int = 0) -> Location:
        """The path from the root of the tree."""
        return Location(path, Region(line, 1, line, 1) if line else None)

    def layer(self, path: str) -> str:
        """None: a folder has no layers."""
        del path
        return ""

    def _link(self, path: str) -> str | None:
        try:
            return str((self._root / path).readlink())
        except (OSError, ValueError):
            return None
