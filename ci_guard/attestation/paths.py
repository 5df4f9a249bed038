"""Paths from a certificate up to an anchor, after RFC 5280 and the web's profile of it.

Names, signatures, basic constraints, key usage, path lengths, name constraints and critical extensions are checked by
`cryptography`'s verifier. It proves every signature anew in each path; those of an authority's own certificates need
that once (`issuing`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import verification
from cryptography.x509.verification import Criticality, ExtensionPolicy

from ci_guard.attestation.certificate import parsing
from ci_guard.attestation.protojson import quoted
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record

# The web's profile demands a usage for TLS; ours, codeSigning, is checked when a signer's certificate is read.
_AUTHORITIES = ExtensionPolicy.webpki_defaults_ca().may_be_present(
    x509.ExtendedKeyUsage, Criticality.NON_CRITICAL, None
)
_SIGNERS = ExtensionPolicy.webpki_defaults_ee().may_be_present(x509.ExtendedKeyUsage, Criticality.NON_CRITICAL, None)


def path(
    certificate: x509.Certificate, intermediates: Sequence[x509.Certificate], anchor: x509.Certificate, moment: datetime
) -> Sequence[x509.Certificate]:
    """A path from a signer's `certificate` to `anchor`, both included, valid at `moment`. Raises VerificationError."""
    return _path(certificate, intermediates, anchor, moment, _SIGNERS)


@record
class Issuing:
    """The lowest certificate of an authority, to which a path of two suffices: from there it goes on to the anchor."""

    certificate: x509.Certificate
    key_hash: bytes


def issuing(chain: Sequence[x509.Certificate]) -> Issuing | None:
    """The lowest of `chain`, if a path to it goes on to the last, the anchor; None where only a whole path tells.

    It does at every time at which all of `chain` are valid, if there is a path from the lowest to the anchor, and none
    above the lowest limits the names or the number of those below.
    """
    lowest, *above = chain
    try:
        with parsing("the authority's chain"):
            if any(_limits(upper, below) for below, upper in enumerate(above, 1)):
                return None
            found = Issuing(lowest, key_hash(lowest))
        if above:
            _path(lowest, above[:-1], above[-1], max(one.not_valid_before_utc for one in chain), _AUTHORITIES)
    except VerificationError:
        return None
    return found


def key_hash(issuer: x509.Certificate) -> bytes:
    """The sha256 of its SubjectPublicKeyInfo, as certificate transparency names an issuer (RFC 6962)."""
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(issuer.public_key().public_bytes(serialization.Encoding.DER, kind)).digest()


def _limits(upper: x509.Certificate, below: int) -> bool:
    """Whether it has a say in a signer's certificate with `below` authorities between the two."""
    values = [extension.value for extension in upper.extensions]
    lengths = [value.path_length for value in values if isinstance(value, x509.BasicConstraints)]
    named = any(isinstance(value, x509.NameConstraints) for value in values)
    return named or any(length is not None and length < below for length in lengths)


def _path(
    certificate: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchor: x509.Certificate,
    moment: datetime,
    lowest: ExtensionPolicy,
) -> Sequence[x509.Certificate]:
    builder = verification.PolicyBuilder().store(verification.Store([anchor])).time(moment)
    verifier = builder.extension_policies(ca_policy=_AUTHORITIES, ee_policy=lowest).build_client_verifier()
    try:
        with parsing("the certificate's path"):
            return verifier.verify(certificate, list(intermediates)).chain
    except verification.VerificationError as problem:
        raise VerificationError(quoted(str(problem))) from None
