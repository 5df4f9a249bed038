"""Artifacts that a user names on the command line: a file, or its digest."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from ci_guard.attestation.artifact import Artifact, DigestArtifact, parse_digest
from ci_guard.model.errors import InputError, UsageError

_OCI = "oci://"


class FileArtifact:
    """A regular file; read in a stream, once per digest that somebody asks for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self._digests: dict[str, bytes] = {}

    def digest(self, algorithm: str) -> bytes | None:
        """Its digest. Raises InputError."""
        if algorithm not in self._digests:
            with open_regular(self.path) as file:
                self._digests[algorithm] = hashlib.file_digest(file, algorithm).digest()
        return self._digests[algorithm]

    def starts_with(self, prefix: bytes) -> bool:
        """Whether the file begins with `prefix`. Raises InputError."""
        with open_regular(self.path) as file:
            return file.read(len(prefix)) == prefix


def artifact(text: str) -> Artifact:
    """The artifact that an ARTIFACT argument names. Raises UsageError, InputError."""
    if text.startswith(_OCI):
        name, _, hashed = text.partition("@")
        found = parse_digest(hashed)
        if found is None:
            raise UsageError(f"{name}: only its digest tells what it is: oci://HOST/REPOSITORY@sha256:HEX")
        return DigestArtifact(found.sha256, text)
    digest = parse_digest(text)
    if digest is not None:
        return digest
    file = FileArtifact(Path(text))
    file.digest("sha256")  # now, so that a missing file is said before anything is signed or verified
    return file


def named_subjects(texts: Sequence[str]) -> list[tuple[str, str]]:
    """(name, sha256) of every ARTIFACT argument, for a statement. Raises UsageError, InputError."""
    found = []
    for text in texts:
        one = artifact(text)
        digest = one.digest("sha256")
        assert digest is not None  # every kind of artifact knows its sha256
        found.append((Path(one.name).name if isinstance(one, FileArtifact) else "", digest.hex()))
    return found


def read_named(path: Path, limit: int) -> bytes:
    """A file that the user named, wherever it is: at most `limit` bytes. Raises InputError."""
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{path}: more than {limit:,} bytes")
    return data


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading, never a pipe or device that would block. Raises InputError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as problem:
        raise InputError(f"{path}: {problem.strerror or problem}") from None
    except ValueError:  # a NUL in the name
        raise InputError(f"{str(path)!r} is no file name") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path}: not a regular file")
    return os.fdopen(descriptor, "rb")


def pull_request(environ: Mapping[str, str]) -> str:
    """The event that makes this a run on a pull or merge request, "" when it is none.

    There the job may run code of the change under review, next to whatever key is at hand.
    """
    event = environ.get("GITHUB_EVENT_NAME", "")
    if event.startswith("pull_request"):
        return event
    source = environ.get("CI_PIPELINE_SOURCE", "")
    return source if source in {"merge_request_event", "external_pull_request_event"} else ""
