"""Paths from a certificate up to an anchor, after RFC 5280 and the web's profile of it.

Names, signatures, basic constraints, key usage, path lengths, name constraints and critical extensions are checked by
`cryptography`'s verifier. It proves every signature anew in each path; those of an authority's own certificates need
that once (`lowest_suffices`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.verification import Criticality, ExtensionPolicy

from ci_guard.attestation.certificate import parsing
from ci_guard.attestation.protojson import quoted
from ci_guard.model.errors import VerificationError

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


def lowest_suffices(chain: Sequence[x509.Certificate]) -> bool:
    """Whether a path of two, from a signer's certificate to the lowest of `chain`, goes on to its last, the anchor.

    It does at every time at which all of `chain` are valid, if there is a path from the lowest to the anchor, and none
    above the lowest limits the names or the number of those below. If not, only a whole path tells.
    """
    lowest, *between = chain
    if not between:
        return True
    try:
        with parsing("the authority's chain"):
            if any(_limits(upper, below) for below, upper in enumerate(between, 1)):
                return False
        _path(lowest, between[:-1], between[-1], max(one.not_valid_before_utc for one in chain), _AUTHORITIES)
    except VerificationError:
        return False
    return True


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
