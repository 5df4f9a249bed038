"""Signed certificate timestamps: a certificate transparency log promised to publish the signing certificate.

Source: RFC 6962 section 3.2. The log signed the precertificate: the certificate without this very extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp, Version

from ci_guard.attestation.certificate import parsing
from ci_guard.attestation.trustedroot import Log
from ci_guard.attestation.verdict import at
from ci_guard.model.errors import VerificationError

_EPOCH = datetime(1970, 1, 1)


def check_scts(certificate: x509.Certificate, issuer_key: bytes, logs: Sequence[Log]) -> str:
    """What held, in words: at least one timestamp of a known log, and none of a known log that is wrong.

    `issuer_key` is the hash of the issuer's key (`paths.key_hash`). Raises VerificationError.
    """
    with parsing("the certificate's timestamp list"):
        known = [(log, sct) for sct in _embedded(certificate) for log in logs if log.key_id == sct.log_id]
        if not known:
            raise VerificationError("no certificate transparency log of the trusted root vouches for the certificate")
        return "; ".join(_check(certificate, issuer_key, log, sct) for log, sct in known)


def _embedded(certificate: x509.Certificate) -> Sequence[SignedCertificateTimestamp]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps)
    except x509.ExtensionNotFound:
        raise VerificationError("the certificate has no signed certificate timestamp embedded") from None
    return list(found.value)


def _check(certificate: x509.Certificate, issuer_key: bytes, log: Log, sct: SignedCertificateTimestamp) -> str:
    if sct.version is not Version.v1 or sct.entry_type is not LogEntryType.PRE_CERTIFICATE:
        raise VerificationError("a signed certificate timestamp is not one of version 1 over a precertificate")
    if not isinstance(sct.signature_hash_algorithm, hashes.SHA256):
        raise VerificationError("a signed certificate timestamp is not signed with SHA-256")
    moment = sct.timestamp.replace(tzinfo=UTC)
    if not log.valid.covers(moment):
        raise VerificationError(
            f"{log.name} signed the certificate's timestamp at {at(moment)}, the trusted root has it for {log.valid}"
        )
    if not log.key.verifies(sct.signature, _signed(certificate, issuer_key, sct)):
        raise VerificationError(f"the certificate's timestamp is not signed by {log.name}")
    return f"{log.name} signed the precertificate at {at(moment)}"


def _signed(certificate: x509.Certificate, issuer_key: bytes, sct: SignedCertificateTimestamp) -> bytes:
    """`digitally-signed` of RFC 6962: version 0, type 0, time, entry type 1, issuer's key, precertificate."""
    precertificate = certificate.tbs_precertificate_bytes
    milliseconds = (sct.timestamp - _EPOCH) // timedelta(milliseconds=1)
    return b"".join(
        (
            b"\x00\x00",
            milliseconds.to_bytes(8),
            b"\x00\x01",
            issuer_key,
            len(precertificate).to_bytes(3),
            precertificate,
            len(sct.extension_bytes).to_bytes(2),
            sct.extension_bytes,
        )
    )
