"""What `sign` and `attest` do: sign and verify everything first, then write, so that a failure writes nothing."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ci_guard.attestation import predicates
from ci_guard.attestation.artifact import Artifact
from ci_guard.attestation.dsse import PAE_START
from ci_guard.attestation.policy import PREDICATE_TYPES
from ci_guard.attestation.signing import Signer, sign_artifact, sign_statement
from ci_guard.attestation.statement import Statement, subjects
from ci_guard.model.errors import ConfigError, InputError, SigningError, UsageError
from ci_guard.pipeline.verification.artifact import FileArtifact, artifact, pull_request, read_named
from ci_guard.source.edit import replace_file

ENDING = ".sigstore.json"


def refuse_pull_request(environ: Mapping[str, str], *, allowed: bool) -> None:
    """Raises SigningError on a pull or merge request, unless that was allowed by hand."""
    event = pull_request(environ)
    if event and not allowed:
        raise SigningError(
            f"nothing was signed: this is a {event} run, where code under review could reach key or identity; "
            "sign in a job that runs none, or say --allow-pull-request"
        )


def targets(texts: Sequence[str], folder: Path | None) -> list[tuple[Artifact, Path]]:
    """Every artifact with the path of its bundle. Raises UsageError when two share one, InputError, SigningError."""
    found = [(one, _bundle_path(one, folder)) for one in map(artifact, texts)]
    for one, _ in found:
        _refuse_statement(one)
    paths = [os.path.normpath(path) for _, path in found]
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError(f"two artifacts would share the bundle {path}")
    return found


def sign_all(wanted: Sequence[tuple[Artifact, Path]], signer: Signer) -> list[Path]:
    """Sign all, then write all; returns the paths written. Raises SigningError, ServiceError, InputError."""
    bundles = [(path, sign_artifact(one, signer)) for one, path in wanted]
    for path, data in bundles:
        _write(path, data)
    return [path for path, _ in bundles]


def sign_one(statement: Statement, signer: Signer, output: Path) -> None:
    """Sign a statement and write its bundle. Raises SigningError, ServiceError, InputError."""
    _write(output, sign_statement(statement, signer))


def statement_about(
    about: Sequence[tuple[str, str]], kind: str, predicate: Path, environ: Mapping[str, str]
) -> Statement:
    """The statement that `attest` signs about (name, sha256). Raises UsageError, InputError, SigningError."""
    return Statement(subjects(about), *read_predicate(kind, predicate, environ))


def read_predicate(kind: str, predicate: Path, environ: Mapping[str, str]) -> tuple[str, Any]:
    """The predicate type's URI and the predicate in a file. Raises UsageError, InputError, SigningError."""
    data = read_named(predicate, predicates.MAX_BYTES)
    return predicates.read(kind, data, timestamp=timestamp(environ))


def attestation_path(texts: Sequence[str], kind: str) -> Path:
    """`ARTIFACT.TYPE.sigstore.json`, beside the bundle that `sign` writes. Raises UsageError for several artifacts."""
    if len(texts) != 1:
        raise UsageError("several artifacts go into one statement: say with --output where it goes")
    one = artifact(texts[0])
    label = kind if kind in PREDICATE_TYPES else "attestation"
    return _bundle_path(one, None, f".{label}")


def timestamp(environ: Mapping[str, str]) -> str:
    """RFC 3339, UTC: `SOURCE_DATE_EPOCH` where it is set, else now. Raises ConfigError."""
    epoch = environ.get("SOURCE_DATE_EPOCH", "")
    if epoch and not re.fullmatch(r"[0-9]{1,11}", epoch):
        raise ConfigError(f"SOURCE_DATE_EPOCH is {epoch[:40]!r}, not seconds since 1970")
    moment = datetime.fromtimestamp(int(epoch) if epoch else int(time.time()), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _refuse_statement(one: Artifact) -> None:
    """A signature over the bytes that an envelope signs *is* an attestation: nobody gets one by way of `sign`."""
    if isinstance(one, FileArtifact) and one.starts_with(PAE_START):
        raise SigningError(f"{one.name} is what an attestation's signature covers; signed, it would pass for one")


def _bundle_path(one: Artifact, folder: Path | None, label: str = "") -> Path:
    path = one.path if isinstance(one, FileArtifact) else Path(one.name.replace(":", "-"))
    name = path.name + label + ENDING
    return (folder or path.parent) / name


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as problem:
        raise InputError(f"{path}: {problem.strerror or problem}") from None
