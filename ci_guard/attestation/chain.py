"""From a signing certificate up to an authority that the trusted root names, at the time of signing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ci_guard.attestation.certificate import MALFORMED, parsing
from ci_guard.attestation.paths import Issuing, key_hash, path
from ci_guard.attestation.trustedroot import Authority
from ci_guard.attestation.verdict import at
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record


@record
class Issuer:
    """An authority that issued a certificate: directly, then a path is proven but for the times, or somehow."""

    authority: Authority
    directly: Issuing | None


def read_intermediates(chain: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """What a bundle has above its signer's certificate: helpful, never trusted. Raises VerificationError."""
    if len(chain) == 1:
        return ()
    with parsing("the bundle's certificate chain"):
        return tuple(x509.load_der_x509_certificate(der) for der in chain[1:])


def issuers(
    certificate: x509.Certificate, intermediates: Sequence[x509.Certificate], authorities: Iterable[Authority]
) -> tuple[Issuer, ...]:
    """Which of `authorities` issued the certificate; an authority may be listed twice."""
    found = []
    for authority in authorities:
        directly = authority.issuing
        if directly is not None and _is_below(certificate, directly):
            found.append(Issuer(authority, directly))
        elif _signed_one((certificate, *intermediates), authority):
            found.append(Issuer(authority, None))
    return tuple(found)


def _is_below(certificate: x509.Certificate, issuing: Issuing) -> bool:
    """Whether a path of two leads from the certificate to the issuing one.

    It is asked for at the certificate's first second: when it was signed is not known yet, and `check_chain` holds the
    times of all certificates against that.
    """
    try:
        return len(path(certificate, (), issuing.certificate, certificate.not_valid_before_utc)) == 2
    except VerificationError:
        return False


def _signed_one(certificates: Iterable[x509.Certificate], authority: Authority) -> bool:
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
    found: Sequence[Issuer],
    moments: Sequence[datetime],
) -> tuple[bytes, str]:
    """The hash of the issuer's key and what held, in words: a path to one of the issuers at every one of `moments`.

    Both are not empty. Raises VerificationError.
    """
    for number, issuer in enumerate(found, 1):
        try:
            above = [_key_at(certificate, intermediates, issuer, moment) for moment in moments]
        except VerificationError:
            if number == len(found):
                raise
        else:
            authority = issuer.authority
            return above[0], f"{_validity(certificate)}; up to {authority.name}, in use {authority.valid}"
    raise VerificationError("no certificate authority issued the certificate")


def _validity(certificate: x509.Certificate) -> str:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return f"valid from {at(start)} to {at(end)}"


def _key_at(
    certificate: x509.Certificate, intermediates: Sequence[x509.Certificate], issuer: Issuer, moment: datetime
) -> bytes:
    """The hash of the key above the certificate in its path at `moment`."""
    authority = issuer.authority
    _check_times(certificate, authority, moment)
    if issuer.directly is not None:
        return issuer.directly.key_hash
    try:
        found = path(certificate, [*authority.chain[:-1], *intermediates], authority.chain[-1], moment)
    except VerificationError as problem:
        raise VerificationError(f"no path from the certificate to {authority.name} holds: {problem}") from None
    if len(found) < 2:
        raise VerificationError(f"the certificate is itself one of {authority.name}")
    with parsing("the issuer's certificate"):
        return key_hash(found[1])


def _check_times(certificate: x509.Certificate, authority: Authority, moment: datetime) -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= moment <= end:
        raise VerificationError(f"signed at {at(moment)}, the certificate is {_validity(certificate)}")
    if not authority.valid.covers(moment):
        raise VerificationError(f"signed at {at(moment)}, the trusted root has {authority.name} for {authority.valid}")
    check_valid_at(authority, moment)


def check_valid_at(authority: Authority, moment: datetime) -> None:
    """Raises VerificationError unless every certificate of the authority is valid at `moment`."""
    for certificate in authority.chain:
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            raise VerificationError(f"a certificate of {authority.name} is not valid at {at(moment)}")
