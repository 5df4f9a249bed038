"""Many subjects of one statement: files, digests, patterns of files, and lists of checksums."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from ci_guard.attestation.statement import MAX_SUBJECTS
from ci_guard.model.errors import InputError, UsageError
from ci_guard.pipeline.verification.artifact import named_subjects, read_named
from ci_guard.source.checksum_file import LIMIT, read_checksums


def gather(texts: Sequence[str], globs: Sequence[str] = (), checksums: Sequence[Path] = ()) -> list[tuple[str, str]]:
    """(name, sha256) of everything named, without repeats. Raises UsageError, InputError."""
    files = [path for pattern in globs for path in _matching(pattern)]
    found = named_subjects([*texts, *files])
    for file in checksums:
        found += _listed(file)
    unique = list(dict.fromkeys(found))
    if not unique:
        raise UsageError("nothing to attest: name an ARTIFACT, --glob or --checksums")
    if len(unique) > MAX_SUBJECTS:
        raise InputError(f"{len(unique):,} subjects are too many: at most {MAX_SUBJECTS:,}")
    return unique


def _matching(pattern: str) -> list[str]:
    """The regular files that a pattern names, no links; `**` is any number of folders. Raises InputError for none."""
    paths = glob.glob(pattern, recursive=True, include_hidden=True)  # noqa: PTH207, Path.glob takes no absolute ones
    found = sorted(path for path in paths if Path(path).is_file() and not Path(path).is_symlink())
    if not found:
        raise InputError(f"{pattern}: no file matches")
    return found


def _listed(file: Path) -> list[tuple[str, str]]:
    """(name, digest) of every line of what `sha256sum` prints. Raises InputError naming the line."""
    lines = read_checksums(str(file), read_named(file, LIMIT))
    other = next((line for line in lines if line.algorithm != "sha256"), None)
    if other is not None:
        raise InputError(f"{file}:{other.line}: statements name their subjects by SHA-256, not {other.algorithm}")
    return [(line.name, line.digest) for line in lines]
