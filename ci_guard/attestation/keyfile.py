"""Private keys in files: cosign's encrypted PEM, and plain PKCS#8, EC and RSA PEM.

cosign's format is PEM of type `ENCRYPTED SIGSTORE PRIVATE KEY` (older: `ENCRYPTED COSIGN PRIVATE KEY`) around
JSON: scrypt makes a key from the password, NaCl's secretbox seals the PKCS#8 DER. The file names its own scrypt
parameters, so only the three that go-securesystemslib writes are taken; any other could eat memory at will.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ci_guard.attestation import protojson
from ci_guard.attestation.keys import MAX_KEY_BYTES, KeySigner
from ci_guard.model.errors import SigningError

Password = Callable[[], bytes]
"""Asked only once it is needed, so that a plain key prompts nobody."""

_SIGSTORE = "ENCRYPTED SIGSTORE PRIVATE KEY"
_SEALED = frozenset({_SIGSTORE, "ENCRYPTED COSIGN PRIVATE KEY"})
_PLAIN = frozenset({"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"})
_SCRYPT = frozenset({(32768, 8, 1), (65536, 8, 1), (131072, 8, 1)})
_N, _R, _P = 65536, 8, 1  # cosign's default
_SALT_BYTES, _NONCE_BYTES = 32, 24
_SALT_RANGE = range(16, 65)
_PEM_LINE = 64
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END \1-----", re.DOTALL)
_BROKEN = "the private key file is damaged: "


def generate() -> KeySigner:
    """A fresh ECDSA P-256 key."""
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


def seal(signer: KeySigner, password: bytes) -> bytes:
    """The key as cosign's encrypted PEM. An empty password is legal there, and protects nothing."""
    from nacl.secret import SecretBox

    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    box = SecretBox(_derive(password, salt, _N, _R, _P))
    document = {
        "kdf": {"name": "scrypt", "params": {"N": _N, "r": _R, "p": _P}, "salt": protojson.encode(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": protojson.encode(nonce)},
        "ciphertext": protojson.encode(bytes(box.encrypt(signer.private_der(), nonce).ciphertext)),
    }
    return _pem(_SIGSTORE, protojson.write(document))


def read_signer(data: bytes, password: Password) -> KeySigner:
    """The private key in a PEM file. Raises SigningError; no message quotes the file or the password."""
    if len(data) > MAX_KEY_BYTES:
        raise SigningError(f"{len(data):,} bytes are too many for a private key file")
    kind, block = _block(data)
    if kind in _SEALED:
        return _plain(_open(_body(block), password()))
    if kind in _PLAIN:
        return _plain(block)
    if kind == "ENCRYPTED PRIVATE KEY":
        raise SigningError(
            "an encrypted PKCS#8 key is not read, its key derivation has no bound: "
            "make one with `ci-guard keygen`, or import it with `cosign import-key-pair`"
        )
    if kind == "OPENSSH PRIVATE KEY":
        raise SigningError("an OpenSSH private key is not read: use `ci-guard keygen`")
    raise SigningError(f"a PEM block of type {kind!r} is no private key")


def _block(data: bytes) -> tuple[str, bytes]:
    """Type and whole text of the first PEM block that is not `EC PARAMETERS`."""
    for match in _BLOCK.finditer(data):
        kind = match.group(1).decode("ascii")
        if kind != "EC PARAMETERS":  # openssl ecparam -genkey writes the curve in a block of its own
            return kind, match.group(0) + b"\n"
    raise SigningError("the key file holds no PEM block")


def _body(block: bytes) -> bytes:
    """What stands between the first and the last line, base64-decoded."""
    try:
        return base64.b64decode(b"".join(_BLOCK.sub(rb"\2", block).split()), validate=True)
    except binascii.Error:
        raise SigningError(_BROKEN + "its PEM text is not base64") from None


def _open(body: bytes, password: bytes) -> bytes:
    """The PKCS#8 DER in cosign's JSON."""
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    document = protojson.parse(body, what="private key file", limit=MAX_KEY_BYTES, depth=8, error=SigningError)
    kdf, cipher = _member(document, "kdf", dict), _member(document, "cipher", dict)
    if (kdf.get("name"), cipher.get("name")) != ("scrypt", "nacl/secretbox"):
        raise SigningError(_BROKEN + "it is not sealed with scrypt and nacl/secretbox")
    n, r, p = _scrypt_parameters(_member(kdf, "params", dict))
    salt, nonce, sealed = _bytes(kdf, "salt"), _bytes(cipher, "nonce"), _bytes(document, "ciphertext")
    if len(salt) not in _SALT_RANGE or len(nonce) != _NONCE_BYTES or not sealed:
        raise SigningError(_BROKEN + "its salt, nonce or ciphertext has the wrong length")
    try:
        return bytes(SecretBox(_derive(password, salt, n, r, p)).decrypt(sealed, nonce))
    except CryptoError:
        raise SigningError("wrong password, or a damaged private key file") from None


def _scrypt_parameters(params: dict[str, Any]) -> tuple[int, int, int]:
    given = (params.get("N"), params.get("r"), params.get("p"))
    for allowed in _SCRYPT:
        if given == allowed and not any(isinstance(value, (bool, float)) for value in given):
            return allowed
    raise SigningError("the private key file asks for scrypt parameters that cosign never writes: refused")


def _derive(password: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(password)


def _plain(encoded: bytes) -> KeySigner:
    """A signer from plain PEM or DER."""
    load = serialization.load_pem_private_key if b"-----BEGIN" in encoded else serialization.load_der_private_key
    try:
        key = load(encoded, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningError(_BROKEN + "it holds no private key that can be read") from None
    return KeySigner(key)


def _member(value: Any, name: str, kind: type) -> Any:
    member = value.get(name) if isinstance(value, dict) else None
    if not isinstance(member, kind):
        raise SigningError(_BROKEN + f"{name} is missing")
    return member


def _bytes(value: Any, name: str) -> bytes:
    try:
        return base64.b64decode(_member(value, name, str).encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise SigningError(_BROKEN + f"{name} is not base64") from None


def _pem(kind: str, body: bytes) -> bytes:
    text = protojson.encode(body)
    lines = [text[at : at + _PEM_LINE] for at in range(0, len(text), _PEM_LINE)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]).encode("ascii")
