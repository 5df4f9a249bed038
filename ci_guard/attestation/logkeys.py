"""Public keys of logs: transparency logs and certificate transparency logs, as a trusted root lists them.

Beside what signers may use (`keys`), logs also sign with Ed25519: a Rekor v2 log signs its checkpoints so.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from ci_guard.model.errors import VerificationError

_ECDSA = {"PKIX_ECDSA_P256_SHA_256": "secp256r1", "PKIX_ECDSA_P384_SHA_384": "secp384r1"}
_HASHES: dict[str, hashes.HashAlgorithm] = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384()}
_RSA = frozenset({"PKCS1_RSA_PKCS1V5", *(f"PKIX_RSA_PKCS1V15_{bits}_SHA256" for bits in (2048, 3072, 4096))})
_RSA_BITS = range(2048, 8193)
_ED25519 = frozenset({"PKIX_ED25519"})


class LogKey:
    """A log's public key; `details` is the trusted root's name of its kind."""

    def __init__(self, details: str, encoded: bytes) -> None:
        self.details = details
        self._verify = _verifier(details, encoded)

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is this key's over `data`."""
        try:
            self._verify(signature, data)
        except InvalidSignature:
            return False
        return True


def _verifier(details: str, encoded: bytes) -> Callable[[bytes, bytes], None]:
    """What raises InvalidSignature for signature and data that do not fit the key.

    It is in DER: SubjectPublicKeyInfo, or PKCS#1 for one kind. Raises VerificationError.
    """
    try:
        key = serialization.load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm):
        raise VerificationError("it holds a log key that cannot be read") from None
    if isinstance(key, ec.EllipticCurvePublicKey) and _ECDSA.get(details) == key.curve.name:
        algorithm = ec.ECDSA(_HASHES[key.curve.name])
        return lambda signature, data: key.verify(signature, data, algorithm)
    if isinstance(key, rsa.RSAPublicKey) and details in _RSA and key.key_size in _RSA_BITS:
        return lambda signature, data: key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ed25519.Ed25519PublicKey) and details in _ED25519:
        return key.verify
    raise VerificationError(f"it holds a log key that is not of the kind {details[:80]!r}, or of one not supported")
