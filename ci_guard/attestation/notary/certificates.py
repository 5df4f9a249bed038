"""What the Notary Project demands of the certificates in an envelope, whoever trusts them; and signatures by them.

Source: notaryproject/specifications, `signature-specification.md`: "Certificate requirements", "Algorithm selection".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ci_guard.attestation.certificate import MALFORMED, parsing
from ci_guard.attestation.notary.names import described
from ci_guard.attestation.protojson import quoted
from ci_guard.model.errors import VerificationError

_RSA: Mapping[int, str] = {2048: "PS256", 3072: "PS384", 4096: "PS512"}
_EC: Mapping[str, str] = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_GOOD_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_OTHER_PURPOSES = frozenset(
    {
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
    }
)


def subject(certificate: x509.Certificate) -> str:
    """Its subject, for people."""
    return described(certificate.subject)


def check_chain(chain: Sequence[x509.Certificate], algorithm: str) -> None:
    """From the signer up to a root, in order, each for its purpose. Raises VerificationError."""
    with parsing("the certificate chain"):
        for position, certificate in enumerate(chain):
            issuer = chain[position + 1] if position + 1 < len(chain) else certificate
            _check_issued(certificate, issuer)
            if position + 1 < len(chain) and certificate.subject == certificate.issuer:
                raise VerificationError(f"{subject(certificate)} is self-issued, and not the end of the chain")
            if position:
                _check_authority(certificate, position - 1)
        _check_signer(chain[0])
        suited = algorithm_of(chain[0])
    if suited != algorithm:
        raise VerificationError(f"signed by {quoted(algorithm)}, and its certificate's key is for {suited}")


def algorithm_of(certificate: x509.Certificate) -> str:
    """The one algorithm for a key of its kind and size. Raises VerificationError for every other key."""
    key = certificate.public_key()
    name = ""
    if isinstance(key, rsa.RSAPublicKey):
        name = _RSA.get(key.key_size, "")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        name = _EC.get(key.curve.name, "")
    if not name:
        raise VerificationError(f"the key of {subject(certificate)} is not RSA 2048, 3072, 4096 or ECDSA P-256 … P-521")
    return name


def check_signature(certificate: x509.Certificate, signature: bytes, signed: bytes) -> None:
    """Raises VerificationError unless the certificate's key made `signature` over `signed`, as JWS has it."""
    digest = _HASHES[algorithm_of(certificate)[2:]]
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            key.verify(signature, signed, pss, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_der(signature, (key.curve.key_size + 7) // 8), signed, ec.ECDSA(digest))
    except (InvalidSignature, ValueError):
        raise VerificationError("the signature is not by the certificate's key over header and payload") from None


def names_revocation(certificate: x509.Certificate) -> bool:
    """Whether it says where one could ask if it was revoked."""
    extensions = certificate.extensions
    for extension in extensions:
        if isinstance(extension.value, x509.CRLDistributionPoints):
            return True
        if isinstance(extension.value, x509.AuthorityInformationAccess):
            return any(access.access_method == AuthorityInformationAccessOID.OCSP for access in extension.value)
    return False


def _der(signature: bytes, size: int) -> bytes:
    if len(signature) != 2 * size:
        raise ValueError("a signature of the wrong length")
    return encode_dss_signature(int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    if not isinstance(certificate.signature_hash_algorithm, _GOOD_HASHES):
        raise VerificationError(f"{subject(certificate)} is signed with a weak hash, or one unknown")
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*MALFORMED, InvalidSignature):
        end = "the chain does not end with a root" if issuer is certificate else f"not issued by {subject(issuer)}"
        raise VerificationError(f"{subject(certificate)}: {end}") from None


def _usage(certificate: x509.Certificate) -> x509.KeyUsage:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    except x509.ExtensionNotFound:
        raise VerificationError(f"{subject(certificate)} has no key usage") from None
    if not extension.critical:
        raise VerificationError(f"the key usage of {subject(certificate)} is not critical")
    return extension.value


def _constraints(certificate: x509.Certificate) -> x509.Extension[x509.BasicConstraints] | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return None


def _check_authority(certificate: x509.Certificate, below: int) -> None:
    """An authority with `below` other authorities between it and the signer."""
    constraints = _constraints(certificate)
    if constraints is None or not constraints.critical or not constraints.value.ca:
        raise VerificationError(f"{subject(certificate)} is no authority by its basic constraints")
    most = constraints.value.path_length
    if most is not None and most < below:
        raise VerificationError(f"{subject(certificate)} allows {most} authorities below it, there are {below}")
    if not _usage(certificate).key_cert_sign:
        raise VerificationError(f"{subject(certificate)} is not for signing certificates")


def _check_signer(certificate: x509.Certificate) -> None:
    constraints = _constraints(certificate)
    if constraints is not None and constraints.value.ca:
        raise VerificationError(f"{subject(certificate)} is an authority, and signed an image")
    usage = _usage(certificate)
    others = (
        usage.key_encipherment,
        usage.data_encipherment,
        usage.key_agreement,
        usage.key_cert_sign,
        usage.crl_sign,
    )
    if not usage.digital_signature or any(others):
        raise VerificationError(f"{subject(certificate)} is not for digital signatures alone")
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if wrong := [purpose for purpose in purposes if purpose in _OTHER_PURPOSES]:
        raise VerificationError(f"{subject(certificate)} is for {wrong[0].dotted_string} too")
