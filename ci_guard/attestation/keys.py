"""Keys that sign and keys that verify: ECDSA on P-256, P-384, P-521 and RSA. Ed25519 is refused.

A key's hint is base64(SHA-256(SubjectPublicKeyInfo DER)), as cosign and the Sigstore bundle have it. Each kind
of key has the hash that Sigstore's algorithm registry gives it; SHA-256 is also accepted from the larger curves,
because older versions of cosign always used it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from ci_guard.attestation.protojson import encode
from ci_guard.model.errors import CiGuardError, InputError, SigningError, UsageError

PublicKeyTypes = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKeyTypes = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_CURVES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "secp256r1": ("ECDSA P-256", ("sha256",)),
    "secp384r1": ("ECDSA P-384", ("sha384", "sha256")),
    "secp521r1": ("ECDSA P-521", ("sha512", "sha256")),
}
_HASHES: Mapping[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA_BITS = range(2048, 8193)
MAX_KEY_BYTES = 20_000  # RSA 8192, sealed; the cost of checking a larger modulus is the attacker's choice


def describe(key: object, error: type[CiGuardError]) -> tuple[str, tuple[str, ...]]:
    """The kind of a key in words, and the hashes it signs with, its own first. Raises `error` for other kinds."""
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)) and key.key_size in _RSA_BITS:
        return f"RSA {key.key_size}", ("sha256",)
    if "Ed25519" in type(key).__name__:
        raise error("Ed25519 keys are not supported: the tools disagree on its pre-hashed form; use ECDSA P-256")
    detail = getattr(key, "key_size", "?")
    raise error(f"a key of this kind is not supported ({detail} bits): use ECDSA P-256, P-384, P-521 or RSA 2048+")


class VerifyingKey:
    """A public key. `name` is its kind in words, `hash_names` what it may be used with."""

    def __init__(self, key: object) -> None:
        self.name, self.hash_names = describe(key, InputError)
        assert isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey))  # `describe` refused the others
        self._key: PublicKeyTypes = key

    @property
    def hint(self) -> str:
        """What names it; made only when asked for, which most verifying does not."""
        return encode(hashlib.sha256(self.der()).digest())

    def __repr__(self) -> str:
        return f"VerifyingKey({self.name}, {self.hint})"

    def verifies(self, signature: bytes, digest: bytes, hash_name: str) -> bool:
        """Whether `signature` is this key's over data whose `hash_name` digest is `digest`."""
        algorithm = Prehashed(_HASHES[hash_name])
        try:
            if isinstance(self._key, rsa.RSAPublicKey):
                self._key.verify(signature, digest, padding.PKCS1v15(), algorithm)
            else:
                self._key.verify(signature, digest, ec.ECDSA(algorithm))
        except (InvalidSignature, ValueError):  # ValueError: a digest of the wrong length
            return False
        return True

    def pem(self) -> bytes:
        """The key as `-----BEGIN PUBLIC KEY-----`."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_bytes(serialization.Encoding.PEM, kind)

    def der(self) -> bytes:
        """The key as SubjectPublicKeyInfo DER."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_bytes(serialization.Encoding.DER, kind)


class KeySigner:
    """A `ports.Signer` with a private key in memory. Nothing it prints tells the key."""

    def __init__(self, key: object) -> None:
        self.name, names = describe(key, SigningError)
        assert isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey))  # `describe` refused the others
        self._key: PrivateKeyTypes = key
        self.hash_name = names[0]
        self.verifying_key = VerifyingKey(key.public_key())

    def __repr__(self) -> str:
        return f"KeySigner({self.name}, {self.verifying_key.hint})"

    def __reduce__(self) -> str:
        raise TypeError("a signer is not written down")

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`."""
        return self.sign_digest(hashlib.new(self.hash_name, data).digest())

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over data whose `hash_name` digest is `digest`. Raises SigningError."""
        algorithm = Prehashed(_HASHES[self.hash_name])
        try:
            if isinstance(self._key, rsa.RSAPrivateKey):
                return self._key.sign(digest, padding.PKCS1v15(), algorithm)
            return self._key.sign(digest, ec.ECDSA(algorithm))
        except (ValueError, UnsupportedAlgorithm):
            raise SigningError(f"a {self.name} key cannot sign this digest") from None

    def certificate_request(self) -> bytes:
        """A certificate signing request (PEM) without any name: it proves that whoever sends it has the key."""
        from cryptography import x509

        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        request = builder.sign(self._key, _HASHES[self.hash_name])
        return request.public_bytes(serialization.Encoding.PEM)

    def private_der(self) -> bytes:
        """The private key as PKCS#8 DER, for sealing; never to be printed."""
        kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self._key.private_bytes(serialization.Encoding.DER, kind, plain)

    def verification_material(self) -> Mapping[str, Any]:
        """`verificationMaterial` of a bundle signed with a key: only the hint, the verifier has the key."""
        return {"publicKey": {"hint": self.verifying_key.hint}}


_KEY_DETAILS: Mapping[str, str] = {
    "ECDSA P-256": "PKIX_ECDSA_P256_SHA_256",
    "ECDSA P-384": "PKIX_ECDSA_P384_SHA_384",
    "ECDSA P-521": "PKIX_ECDSA_P521_SHA_512",
    **{f"RSA {bits}": f"PKIX_RSA_PKCS1V15_{bits}_SHA256" for bits in (2048, 3072, 4096)},
}


def key_details(key: VerifyingKey) -> str:
    """Sigstore's name of a kind of key with its hash (`PublicKeyDetails`). Raises SigningError where it has none."""
    if key.name not in _KEY_DETAILS:
        raise SigningError(f"Sigstore has no name for {key.name} keys: use one of {', '.join(_KEY_DETAILS)}")
    return _KEY_DETAILS[key.name]


def read_public_key(pem: bytes, name: str) -> VerifyingKey:
    """The public key in PEM; `name` is said in errors. Raises InputError; UsageError when it is a private key."""
    if len(pem) > MAX_KEY_BYTES:
        raise InputError(f"{name}: {len(pem):,} bytes are too many for a key")
    if b"PRIVATE KEY-----" in pem:
        raise UsageError(f"{name} is a private key: verifying takes the public one (cosign.pub)")
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(f"{name} holds no public key in PEM (-----BEGIN PUBLIC KEY-----)") from None
    return VerifyingKey(key)
