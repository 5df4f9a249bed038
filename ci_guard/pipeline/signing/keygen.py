"""Making a key pair on disk: both files or none, and never over an existing one."""

from __future__ import annotations

import os
from pathlib import Path

from ci_guard.attestation import keyfile
from ci_guard.model.errors import InputError, UsageError

_SECRET, _PUBLIC = 0o600, 0o644


def write_pair(private: Path, public: Path, password: keyfile.Password) -> str:
    """Write a fresh pair; returns the key's hint. Raises UsageError when a file exists, InputError, SigningError."""
    for path in (private, public):
        if os.path.lexists(path):
            raise _exists(path)
    signer = keyfile.generate()
    sealed = keyfile.seal(signer, password())
    _create(private, sealed, _SECRET)
    try:
        _create(public, signer.verifying_key.pem(), _PUBLIC)
    except BaseException:
        private.unlink()
        raise
    return signer.verifying_key.hint


def _create(path: Path, data: bytes, mode: int) -> None:
    """Write a new file; its mode holds from its first moment, and a link at its place is not followed."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise _exists(path) from None
    except (OSError, ValueError) as problem:
        raise InputError(f"{path}: {getattr(problem, 'strerror', '') or problem}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except BaseException:
        path.unlink()
        raise


def _exists(path: Path) -> UsageError:
    return UsageError(f"{path} exists already: keys are never overwritten; choose another --output-key-prefix")
