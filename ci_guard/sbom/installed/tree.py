"""A tree of installed files, as catalogers see it: the merged layers of an image, or the folder of a root file system.

Paths have no leading `/`. Symbolic links are followed inside the tree only, as they would be in a container.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ci_guard.model.errors import InputError
from ci_guard.model.location import Location

METADATA_LIMIT = 64 * 1024 * 1024
"""Bytes of a file that a cataloger reads whole; the dpkg status of 3,000 packages has 4 MB."""


class TreeFile(NamedTuple):
    """A regular file of a tree (a hard link is one); `size` in bytes, `executable` if any execute bit is set."""

    path: str
    size: int
    executable: bool


class FileTree(Protocol):
    """What catalogers may ask of installed files. Nothing is ever executed, and nothing outside is reached."""

    def files(self, below: str = "") -> Sequence[TreeFile]:
        """Every regular file below the folder (default: all), sorted by path, under the path where it really is."""

    def find(self, path: str) -> TreeFile | None:
        """The regular file that `path` leads to, links followed inside the tree; None when there is none."""

    def read(self, path: str, offset: int = 0, length: int = METADATA_LIMIT) -> bytes:
        """At most `length` bytes from `offset` of the file at `path`. Raises InputError when there is none."""

    def place(self, path: str, line: int = 0) -> Location:
        """Where to point for a file of the tree; `line` from 1, 0 when it has none."""

    def layer(self, path: str) -> str:
        """The layer that brought the file (`sha256:HEX` of the uncompressed layer), "" when the tree has none."""


def read_whole(tree: FileTree, path: str, limit: int = METADATA_LIMIT) -> bytes:
    """The whole file. Raises InputError, naming the path, when it is not there or has more than `limit` bytes."""
    found = tree.find(path)
    if found is None:
        raise InputError(f"{path}: no such file")
    if found.size > limit:
        raise InputError(f"{path}: larger than {limit} bytes")
    return tree.read(found.path, 0, limit)
