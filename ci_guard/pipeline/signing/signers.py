"""From the command line to whoever signs: `--key K`, with one opener a URI scheme, or an identity without a key.

Only files are opened here. Keys behind any other scheme (`awskms://`, `pkcs11:` …) are used through a program that
the command line names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.attestation import keyfile
from ci_guard.attestation.keys import MAX_KEY_BYTES, KeySigner, VerifyingKey, read_public_key
from ci_guard.model.errors import SigningError, UsageError
from ci_guard.pipeline.signing.signer_options import SignerOptions
from ci_guard.pipeline.verification.artifact import read_named

if TYPE_CHECKING:
    from ci_guard.attestation.signatory import Signatory, SigningKey

PASSWORD_VARIABLES = ("CI_GUARD_KEY_PASSWORD", "COSIGN_PASSWORD")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(pkcs11):")
Opener = Callable[[str, keyfile.Password], "SigningKey"]


def open_signatory(
    options: SignerOptions, environ: Mapping[str, str], ask: keyfile.Password | None, *, terminal: bool
) -> Signatory:
    """Whoever signs. Raises UsageError, InputError, SigningError, ServiceError."""
    from ci_guard.attestation.signatory import KeySignatory
    from ci_guard.pipeline.signing.keyless import open_keyless, witnessed

    if not options.key:
        if options.program:
            raise UsageError("--signer-program uses a key: say which with --key URI")
        return open_keyless(options.keyless, environ, terminal=terminal)
    if options.keyless.identity_token:
        raise UsageError("--identity-token signs without a key: not with --key")
    key = open_signer(options.key, password_from(environ, ask), options.program)
    if options.keyless.asks_for_services:
        return witnessed(key, options.keyless, environ)
    if options.keyless.trusted_root:
        raise UsageError("with --key, --trusted-root checks what services say: add --signing-config F")
    return KeySignatory(key)


def open_signer(key: str, password: keyfile.Password, program: str = "") -> SigningKey:
    """The signer that `key` names: a path, a URI whose scheme is in `SIGNERS`, any other URI through `program`.

    Raises UsageError for an unknown scheme, InputError, SigningError.
    """
    scheme = _scheme(key)
    if program:
        from ci_guard.pipeline.signing.signer_program import ProgramSigner

        return ProgramSigner(program, key)
    if scheme not in SIGNERS:
        known = ", ".join(f"{name}://" if name else "a path to a key file" for name in SIGNERS)
        raise UsageError(
            f"no signer for {scheme}: keys; known: {known}; any other through a program of yours: --signer-program P"
        )
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
    return (match.group(1) or match.group(2)).lower() if match else ""


def _open_file(key: str, password: keyfile.Password) -> KeySigner:
    return keyfile.read_signer(read_named(Path(key), MAX_KEY_BYTES), password)


SIGNERS: dict[str, Opener] = {"": _open_file}
