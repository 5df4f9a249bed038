"""`verify --layout`: the files of an in-toto supply chain, and the commands of its inspections if they are allowed.

Links are read below one folder, each within bounds. An inspection is executed in the folder that the user named,
without a shell and without our secrets, and what it finds and leaves there is recorded as in-toto records it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.attestation.intoto import MAX_BYTES, read_key
from ci_guard.attestation.keys import MAX_KEY_BYTES
from ci_guard.attestation.layout import Chain, Inspected, examine
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.record import record
from ci_guard.pipeline.verification.artifact import open_regular, read_named

if TYPE_CHECKING:
    from ci_guard.attestation.artifact import Artifact
    from ci_guard.attestation.verdict import Verdict

_MAX_LINK_BYTES = 64_000_000
"""Of all links together."""
_SECONDS = 300.0
_MAX_FILES = 100_000
_EXCLUDED = ("*.link*", ".git", "*.pyc", "*~")
"""in-toto's own default: what it does not record."""
_HANDED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


@record
class Demand:
    """What the command line names: the layout, who must have signed it, where its links and its product are."""

    layout: Path
    keys: tuple[Path, ...]
    links: Path | None = None
    inspect_in: Path | None = None


def verify_layout(demand: Demand, artifact: Artifact | None, environ: Mapping[str, str]) -> Verdict:
    """The verdict on the layout. Raises UsageError, InputError."""
    if not demand.keys:
        raise UsageError("say who must have signed the layout: --layout-key K")
    data = read_named(demand.layout, MAX_BYTES)
    keys = [read_key(read_named(path, MAX_KEY_BYTES), str(path)) for path in demand.keys]
    by_id = {str(key["keyid"]): key for key in keys}
    if len(by_id) != len(keys):
        raise UsageError("the same --layout-key was given twice")
    folder = demand.links or demand.layout.parent
    if not folder.is_dir():
        raise InputError(f"{folder}: no folder with links")
    inspect = _Inspections(demand.inspect_in, environ) if demand.inspect_in else None
    return examine(data, Chain(by_id, _LinkFolder(folder), datetime.now(UTC), inspect), artifact)


class _LinkFolder:
    """Reads links by name; their names come from a layout whose names are no paths."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._left = _MAX_LINK_BYTES

    def __call__(self, folder: tuple[str, ...], name: str) -> bytes | None:
        path = self._folder.joinpath(*folder, name)
        if not path.exists():
            return None
        data = read_named(path, MAX_BYTES)
        self._left -= len(data)
        if self._left < 0:
            raise InputError(f"{self._folder}: links of more than {_MAX_LINK_BYTES:,} bytes in all")
        return data


class _Inspections:
    """Executes what an inspection says, in one folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder}: no folder to inspect")
        self._folder = folder
        self._environ = {name: environ[name] for name in _HANDED_ON if name in environ}

    def __call__(self, name: str, command: Sequence[str]) -> Inspected:
        before = _recorded(self._folder)
        ended = self._run(name, command) if command else 0
        return Inspected(before, _recorded(self._folder), ended)

    def _run(self, name: str, command: Sequence[str]) -> int:
        quiet = subprocess.DEVNULL
        try:
            done = subprocess.run(  # noqa: S603 - the user allowed it by hand
                list(command),
                cwd=self._folder,
                env=self._environ,
                stdin=quiet,
                stdout=quiet,
                stderr=quiet,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InputError(f"inspection {name!r} did not end within {_SECONDS:.0f} s") from None
        except (OSError, ValueError) as problem:
            words = getattr(problem, "strerror", "") or problem
            raise InputError(f"inspection {name!r} cannot run {command[0]!r}: {words}") from None
        return done.returncode


def _recorded(root: Path) -> dict[str, dict[str, str]]:
    """Every file below `root` with its sha256. Raises InputError: what cannot be recorded would escape the rules."""
    found: dict[str, dict[str, str]] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _excluded(name))
        for name in (*names, *folders):
            path = Path(folder, name)
            if path.is_symlink() and not _excluded(name):
                raise InputError(f"{path}: a link, and links are not followed: inspect a folder without")
            if name in names and not _excluded(name):
                found[path.relative_to(root).as_posix()] = {"sha256": _sha256(path)}
        if len(found) > _MAX_FILES:
            raise InputError(f"{root}: more than {_MAX_FILES:,} files")
    return found


def _excluded(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _EXCLUDED)


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
