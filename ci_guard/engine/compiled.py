"""Compiled programs, kept beside this package's own `.pyc` files and for the same reason.

To compile the rules for a pod takes 20 ms, to read what was compiled 3 ms, and a hook compiles them at every commit. A
program is found by its whole text, the variables it was compiled with and the build of the expression engine, all
of which stand in the file and are compared; what does not fit, is cut short or was changed is compiled again. Whoever
can write here can write Python's bytecode, too: nothing of the judged repository ever names or fills this folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from zlib import crc32

SHORTEST: Final = 1_000
"""Characters of a text that is worth a file."""
MOST: Final = 64
"""Files that are kept: parameters and selections make programs of their own."""
_PREFIX: Final = "program-"
_SUFFIX: Final = ".cel"


class Store:
    """Programs in a folder. `engine` is the file of the expression engine; of no use where that cannot be told."""

    def __init__(self, folder: Path, engine: str, variables: Sequence[str], *, writes: bool = True) -> None:
        self._folder, self._writes = folder, writes
        try:
            build = Path(engine).stat()
        except OSError:
            self._about = ""
        else:
            self._about = f"1 {build.st_size} {build.st_mtime_ns} {' '.join(variables)}\n"

    def read(self, text: str) -> bytes | None:
        """What `write` was given for `text`, None if there is nothing that fits."""
        if not self._about or len(text) < SHORTEST:
            return None
        key = self._key(text)
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        start = len(key) + 4
        program = data[start:]
        return program if data.startswith(key) and data[len(key) : start] == _sum(program) else None

    def write(self, text: str, program: bytes) -> None:
        """Keep a program, where that can be done; nobody is told that it cannot."""
        if not self._about or len(text) < SHORTEST or not self._writes:
            return
        key = self._key(text)
        path = self._path(key)
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(exist_ok=True)
            self._make_room()
            draft.write_bytes(key + _sum(program) + program)
            draft.replace(path)
        except OSError:
            with suppress(OSError):
                draft.unlink()

    def _make_room(self) -> None:
        kept = [entry for entry in os.scandir(self._folder) if entry.name.startswith(_PREFIX)]
        for entry in kept if len(kept) >= MOST else ():
            Path(entry.path).unlink(missing_ok=True)

    def _key(self, text: str) -> bytes:
        return (self._about + text).encode()

    def _path(self, key: bytes) -> Path:
        return self._folder / f"{_PREFIX}{crc32(key):08x}{_SUFFIX}"


def _sum(program: bytes) -> bytes:
    return crc32(program).to_bytes(4, "big")
