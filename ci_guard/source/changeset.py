"""Several files written together: all of them, or none; nothing that is there is overwritten unseen."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.source.edit import replace_file


@record
class FileChange:
    """A file to create (`before` is None) or to replace, if it still holds `before`; `path` is relative to the root."""

    path: str
    after: bytes
    before: bytes | None = None


def write_all(root: Path, changes: Sequence[FileChange]) -> None:
    """Write every change, or leave everything as it was. Missing folders are made.

    Raises InputError naming the path: it exists already, it changed meanwhile, a link leads out of the root, the disk
    is full.
    """
    undo: list[tuple[FileChange, list[Path]]] = []
    try:
        for change in changes:
            _check(root, change)
            made: list[Path] = []
            undo.append((change, made))
            _write(root, change, made)
    except BaseException:
        for change, made in reversed(undo):
            _undo(root, change, made)
        raise


def patch(changes: Sequence[FileChange]) -> str:
    """What the changes do, as a unified diff that `git apply` takes."""
    return "".join(line for change in changes for line in _diff(change))


def _check(root: Path, change: FileChange) -> None:
    target = root / change.path
    if not _existing(target.parent).resolve().is_relative_to(root.resolve()):
        raise InputError(f"{change.path}: a link leads out of {root}")
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise InputError(f"{change.path}: not a regular file")
    if change.before is not None and (not target.is_file() or target.read_bytes() != change.before):
        raise InputError(f"{change.path}: changed while it was read")


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _write(root: Path, change: FileChange, made: list[Path]) -> None:
    """Write one change; `made` collects what was not there before, for the way back."""
    target = root / change.path
    if change.before is not None:
        replace_file(target, change.after)
        return
    try:
        for folder in reversed([target.parent, *target.parent.parents]):
            if not folder.exists():
                folder.mkdir()
                made.append(folder)
        with target.open("xb") as stream:  # exclusive: whoever was faster keeps their file
            made.append(target)
            stream.write(change.after)
    except FileExistsError:
        raise InputError(f"{change.path}: is there already") from None
    except OSError as error:
        raise InputError(f"{change.path}: {error.strerror or error}") from None


def _undo(root: Path, change: FileChange, made: Sequence[Path]) -> None:
    target = root / change.path
    with suppress(OSError, InputError):
        if change.before is not None and target.read_bytes() == change.after:
            replace_file(target, change.before)
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()


def _diff(change: FileChange) -> Iterator[str]:
    before = _lines(change.before or b"")
    old = f"a/{change.path}" if change.before is not None else "/dev/null"
    if change.before is None:
        yield f"diff --git a/{change.path} b/{change.path}\nnew file mode 100644\n"
    for line in difflib.unified_diff(before, _lines(change.after), old, f"b/{change.path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[str]:
    # Lines as diff tools count them, carriage returns kept; what is not UTF-8 survives through surrogate escapes.
    *whole, rest = data.decode("utf-8", "surrogateescape").split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])
