"""From `--key K` to a signer: one opener a URI scheme, so that a key service is one more entry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from ci_guard.attestation import keyfile
from ci_guard.attestation.keys import MAX_KEY_BYTES, KeySigner, VerifyingKey, read_public_key
from ci_guard.model.errors import SigningError, UsageError
from ci_guard.pipeline.artifact import read_named

PASSWORD_VARIABLES = ("CI_GUARD_KEY_PASSWORD", "COSIGN_PASSWORD")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
Opener = Callable[[str, keyfile.Password], KeySigner]


def open_signer(key: str, password: keyfile.Password) -> KeySigner:
    """The signer that `key` names: a path, or a URI whose scheme is in `SIGNERS`.

    Raises UsageError for an unknown scheme, InputError, SigningError.
    """
    scheme = _scheme(key)
    if scheme not in SIGNERS:
        known = ", ".join(f"{name}://" if name else "a path to a key file" for name in SIGNERS)
        raise UsageError(f"no signer for {scheme}:// keys; known: {known}")
    return SIGNERS[scheme](key, password)


def open_verifying_key(key: str) -> VerifyingKey:
    """The public key that `key` names: a path. Raises UsageError, InputError."""
    if _scheme(key):
        raise UsageError(f"{key}: a public key is a path to a PEM file")
    return read_public_key(read_named(Path(key), MAX_KEY_BYTES), key)


def password_from(environ: Mapping[str, str], ask: keyfile.Password | None) -> keyfile.Password:
    """Where the password comes from: the environment (set but empty is an empty password), else `ask`.

    `ask` is None where nobody can be asked; then a key that needs a password raises SigningError.
    """

    def password() -> bytes:
        for name in PASSWORD_VARIABLES:
            if name in environ:
                return environ[name].encode("utf-8", "surrogateescape")
        if ask is None:
            raise SigningError(f"the key is encrypted and there is no password: set {' or '.join(PASSWORD_VARIABLES)}")
        return ask()

    return password


def _scheme(key: str) -> str:
    match = _SCHEME.match(key)
    return match.group(1).lower() if match else ""


def _open_file(key: str, password: keyfile.Password) -> KeySigner:
    return keyfile.read_signer(read_named(Path(key), MAX_KEY_BYTES), password)


SIGNERS: dict[str, Opener] = {"": _open_file}
