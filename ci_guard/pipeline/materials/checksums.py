"""Lists of checksums: written of what a bill of materials was made from, and held against the files that they name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from ci_guard.model.component import Inventory
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.location import Location, Region
from ci_guard.model.subject import SubjectId
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.source.checksum_file import Checksum, read_checksums, write_checksums
from ci_guard.source.files import SourceFile, open_file, walk

MISMATCH, MISSING, UNLISTED = "checksum-mismatch", "checksum-file-missing", "checksum-file-unlisted"
RULES: Final = frozenset({MISMATCH, MISSING, UNLISTED})
_CHUNK = 1 << 20  # bytes


def digest_of(root: Path, path: str, algorithm: str) -> str:
    """The digest of a regular file inside the root. Raises InputError as `open_file` does."""
    digest = hashlib.new(algorithm)
    with open_file(root, path) as stream:
        try:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
    return digest.hexdigest()


def sources(root: Path, inventory: Inventory) -> list[Path]:
    """The files below the root in which components of the inventory stand."""
    named = {place.path for component in inventory.components for place in component.locations}
    return [root / path for path in sorted(named) if (root / path).is_file()]


def listed(target: Path, files: Iterable[Path]) -> bytes:
    """The list that stands at `target`: SHA-512 if its name says 512, else SHA-256; names from its folder on.

    Raises UsageError for a file that is not in or below that folder, and when there is nothing to list.
    """
    folder = Path(os.path.normpath(target.absolute())).parent
    algorithm = "sha512" if "512" in target.name else "sha256"
    found = []
    for file in files:
        place = Path(os.path.normpath(file.absolute()))
        if not place.is_relative_to(folder):
            raise UsageError(f"--checksums {target}: {file} is not below its folder")
        name = place.relative_to(folder).as_posix()
        found.append(Checksum(algorithm, digest_of(folder, name, algorithm), name))
    if not found:
        raise UsageError("--checksums: there is no file to list; name the document by --output")
    return write_checksums(found)


def check(root: Path, path: str, data: bytes, rules: RulesInForce, into: Linted) -> None:
    """Judge the files that a list names, from its folder on; adds to `into`. Raises InputError for a broken list."""
    lines = read_checksums(path, data)
    wanted = RULES & rules.selection.rules.keys()
    into.judged.files["judged"] += 1
    into.judged.subjects += len(lines)
    into.judged.evaluated.update(dict.fromkeys(wanted, len(lines)))
    folder = root / PurePosixPath(path).parent
    for line in lines:
        _line(folder, path, line, rules, into)
    if UNLISTED in wanted:
        for name in _unlisted(folder, PurePosixPath(path).name, {line.name for line in lines}):
            _emit(UNLISTED, path, Checksum("", "", name, 1), {"name": name}, rules, into)


def _line(folder: Path, path: str, line: Checksum, rules: RulesInForce, into: Linted) -> None:
    try:
        found = digest_of(folder, line.name, line.algorithm)
    except InputError as error:
        reason = str(error).removeprefix(f"{line.name}: ")
        _emit(MISSING, path, line, {"name": line.name, "reason": reason}, rules, into)
        return
    if found != line.digest:
        values = {"name": line.name, "listed": line.digest[:16], "found": found[:16], "algorithm": line.algorithm}
        _emit(MISMATCH, path, line, values, rules, into)


def _unlisted(folder: Path, own: str, names: set[str]) -> Iterator[str]:
    plain = {str(PurePosixPath(name)) for name in names} | {own}
    for found in walk(folder):
        if isinstance(found, SourceFile) and found.path not in plain:
            yield found.path


def _emit(rule: str, path: str, line: Checksum, values: dict[str, str], rules: RulesInForce, into: Linted) -> None:
    place = Location(path, Region(line.line, 1, line.line, 1))
    subject = SubjectId("file", line.name)
    into.suppressions.observe(path, subject, (rule,))
    finding = rules.emit(rule, location=place, subject=subject, values=values)
    if finding is not None:
        into.judged.findings.append(finding)
