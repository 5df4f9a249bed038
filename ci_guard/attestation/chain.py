"""From a signing certificate up to an authority that the trusted root names, at the time of signing.

The path itself (names, signatures, basic constraints, key usage, path lengths, name constraints, critical
extensions) is built by `cryptography`'s verifier, after RFC 5280 and the web's profile of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import verification

from ci_guard.attestation.certificate import MALFORMED, parsing
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.trustedroot import Authority
from ci_guard.model.errors import VerificationError


def read_intermediates(chain: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """What a bundle has above its signer's certificate: helpful, never trusted. Raises VerificationError."""
    with parsing("the bundle's certificate chain"):
        return tuple(x509.load_der_x509_certificate(der) for der in chain[1:])


def issued_by(authority: Authority, certificates: Iterable[x509.Certificate]) -> bool:
    """Whether the authority signed one of these: name and signature, nothing more."""
    return any(_signed(certificate, issuer) for certificate in certificates for issuer in authority.chain)


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*MALFORMED, InvalidSignature):
        return False
    return True


def check_chain(
    certificate: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    authorities: Sequence[Authority],
    moments: Sequence[datetime],
) -> tuple[x509.Certificate, str]:
    """The certificate's issuer and what held, in words: a path to one of `authorities` at every one of `moments`.

    Both are not empty. Raises VerificationError.
    """
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    for number, authority in enumerate(authorities, 1):
        try:
            paths = [_path_at(certificate, intermediates, authority, moment) for moment in moments]
        except VerificationError:
            if number == len(authorities):
                raise
        else:
            valid = f"valid from {start:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}"
            return paths[0][1], f"{valid}; up to {authority.name}, in use {authority.valid}"
    raise VerificationError("no certificate authority issued the certificate")


def _path_at(
    certificate: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    authority: Authority,
    moment: datetime,
) -> Sequence[x509.Certificate]:
    _check_times(certificate, authority, moment)
    return _path(certificate, intermediates, authority, moment)


def _check_times(certificate: x509.Certificate, authority: Authority, moment: datetime) -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= moment <= end:
        raise VerificationError(
            f"signed at {moment:%Y-%m-%dT%H:%M:%SZ}, the certificate is valid from {start:%Y-%m-%dT%H:%M:%SZ} "
            f"to {end:%Y-%m-%dT%H:%M:%SZ}"
        )
    if not authority.valid.covers(moment):
        raise VerificationError(
            f"signed at {moment:%Y-%m-%dT%H:%M:%SZ}, the trusted root has {authority.name} for {authority.valid}"
        )
    check_valid_at(authority, moment)


def check_valid_at(authority: Authority, moment: datetime) -> None:
    """Raises VerificationError unless every certificate of the authority is valid at `moment`."""
    for certificate in authority.chain:
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            raise VerificationError(f"a certificate of {authority.name} is not valid at {moment:%Y-%m-%dT%H:%M:%SZ}")


def _path(
    certificate: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    authority: Authority,
    moment: datetime,
) -> Sequence[x509.Certificate]:
    # The web's profile demands a usage for TLS; ours, codeSigning, was checked when the certificate was read.
    anything = verification.Criticality.NON_CRITICAL
    leaf = verification.ExtensionPolicy.webpki_defaults_ee().may_be_present(x509.ExtendedKeyUsage, anything, None)
    issuers = verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(x509.ExtendedKeyUsage, anything, None)
    builder = verification.PolicyBuilder().store(verification.Store([authority.chain[-1]])).time(moment)
    verifier = builder.extension_policies(ca_policy=issuers, ee_policy=leaf).build_client_verifier()
    try:
        with parsing("the certificate's path"):
            path = verifier.verify(certificate, [*authority.chain[:-1], *intermediates]).chain
    except verification.VerificationError as problem:
        raise VerificationError(
            f"no path from the certificate to {authority.name} holds: {quoted(str(problem))}"
        ) from None
    if len(path) < 2:
        raise VerificationError(f"the certificate is itself one of {authority.name}")
    return path
