"""Signing certificates: whose they are, what the identity provider claimed, and whether they are for signing code.

Source: Fulcio's `certificate-specification.md` and `oid-info.md` (arc 1.3.6.1.4.1.57264.1).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID

from ci_guard.attestation.keys import VerifyingKey
from ci_guard.attestation.protojson import quoted
from ci_guard.model.errors import InputError, VerificationError
from ci_guard.model.record import record


def _oid(number: int) -> x509.ObjectIdentifier:
    return x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}")


_OTHER_NAME = _oid(7)
_ISSUER, _ISSUER_V2 = _oid(1), _oid(8)
_RAW: Mapping[x509.ObjectIdentifier, str] = {
    _oid(2): "trigger",
    _oid(3): "commit",
    _oid(4): "workflow-name",
    _oid(5): "repository",
    _oid(6): "ref",
}
"""The old extensions: text as it is. `repository` is OWNER/NAME here, a URI in the new ones."""
_DER: Mapping[x509.ObjectIdentifier, str] = {
    _oid(9): "builder",
    _oid(10): "builder-digest",
    _oid(11): "runner",
    _oid(12): "repository-uri",
    _oid(13): "repository-commit",
    _oid(14): "repository-ref",
    _oid(18): "workflow",
    _oid(20): "build-trigger",
    _oid(21): "run",
}
_UTF8_STRING = 0x0C
MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,
)
"""What `cryptography` raises for certificates that are none; `parsing` raises its warnings too."""


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """Turn what is malformed into a VerificationError; also what `cryptography` only warns of, and still reads."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            yield
    except MALFORMED as problem:
        raise VerificationError(f"{what} cannot be read: {quoted(str(problem))}") from None


@record
class SigningCertificate:
    """A certificate taken apart. `identity` is its one subject alternative name, `issuer` who vouched for it.

    `claims` are the provider's further ones, by our names; nothing here is trusted before the chain held.
    """

    certificate: x509.Certificate
    der: bytes
    key: VerifyingKey
    identity: str
    issuer: str
    claims: Mapping[str, str]


def read(der: bytes) -> SigningCertificate:
    """Take a certificate apart. Raises VerificationError, also when it is not for signing code."""
    try:
        with parsing("the certificate"):
            certificate = x509.load_der_x509_certificate(der)
            extensions = certificate.extensions
            key = VerifyingKey(certificate.public_key())
            _check_usage(extensions)
            identity = _identity(extensions)
            issuer, claims = _claims(extensions)
    except InputError as problem:
        raise VerificationError(f"the certificate's key cannot be used: {problem}") from None
    except x509.ExtensionNotFound as problem:
        raise VerificationError(f"the certificate has no extension {problem.oid.dotted_string}") from None
    return SigningCertificate(certificate, der, key, identity, issuer, claims)


def _check_usage(extensions: x509.Extensions) -> None:
    if not extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
        raise VerificationError("the certificate's key usage is not digitalSignature")
    if ExtendedKeyUsageOID.CODE_SIGNING not in extensions.get_extension_for_class(x509.ExtendedKeyUsage).value:
        raise VerificationError("the certificate's extended key usage is not codeSigning")


def _identity(extensions: x509.Extensions) -> str:
    """Its one name: two would leave open which of them signed."""
    names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    if len(names) != 1:
        raise VerificationError(f"the certificate has {len(names)} subject alternative names, expected exactly one")
    (name,) = names
    if isinstance(name, (x509.UniformResourceIdentifier, x509.RFC822Name)):
        return name.value
    if isinstance(name, x509.OtherName) and name.type_id == _OTHER_NAME:
        return _utf8_string(name.value)
    raise VerificationError(f"the certificate's subject alternative name is a {type(name).__name__}")


def _claims(extensions: x509.Extensions) -> tuple[str, dict[str, str]]:
    unknown = x509.UnrecognizedExtension
    values = {one.oid: one.value.value for one in extensions if isinstance(one.value, unknown)}
    claims = {name: _text(values[oid]) for oid, name in _RAW.items() if oid in values}
    claims |= {name: _utf8_string(values[oid]) for oid, name in _DER.items() if oid in values}
    found = {_text(values[oid]) for oid in (_ISSUER,) if oid in values}
    found |= {_utf8_string(values[oid]) for oid in (_ISSUER_V2,) if oid in values}
    if len(found) != 1:
        what = "two different issuers" if found else "no issuer of the identity"
        raise VerificationError(f"the certificate names {what}")
    return found.pop(), claims


def _text(data: bytes) -> str:
    return data.decode("utf-8")  # UnicodeDecodeError is a ValueError


def _utf8_string(data: bytes) -> str:
    """The text in a DER UTF8String. Raises ValueError."""
    if len(data) < 2 or data[0] != _UTF8_STRING:
        raise ValueError("an extension is no UTF8String")
    octets = data[1] & 0x7F if data[1] & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + octets]) if octets else data[1]
    if octets > 2 or length != len(data) - 2 - octets:
        raise ValueError("an extension is a UTF8String of the wrong length")
    return _text(data[2 + octets :])
