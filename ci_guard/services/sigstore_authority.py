"""Fulcio: a certificate for a fresh key, from whom the identity token names. Interface v2 over REST.

Source: sigstore/fulcio, `fulcio.proto` (`CreateSigningCertificate`).
"""

from __future__ import annotations

import re

from ci_guard.attestation import certificate as certificates
from ci_guard.attestation import protojson
from ci_guard.attestation.certificate import SigningCertificate
from ci_guard.attestation.identitytoken import IdentityToken
from ci_guard.attestation.keys import KeySigner
from ci_guard.attestation.protojson import Fields, quoted
from ci_guard.model.errors import VerificationError
from ci_guard.services.sigstore_calls import Calling, answered, calling, post_json, understanding

SERVICE = "certificate authority"
_CREATED = frozenset({200, 201})
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")
_MAX_CHAIN = 16


def certify(url: str, token: IdentityToken, key: KeySigner, how: Calling) -> SigningCertificate:
    """The certificate for `key` in the name that `token` proves. Raises ServiceError."""
    body = {
        "credentials": {"oidcIdentityToken": token.raw},
        "certificateSigningRequest": protojson.encode(key.certificate_request()),
    }
    with calling(SERVICE, url, how) as client:
        answer = post_json(client, f"{url}/api/v2/signingCert", body, _CREATED)
    return read_answer(answer.body, token, key)


def read_answer(body: bytes, token: IdentityToken, key: KeySigner) -> SigningCertificate:
    """The certificate in an answer, for this key and this token. Raises ServiceError."""
    with understanding(SERVICE):
        found = certificates.read(_leaf(answered(body)))
        _compare(found, token, key)
    return found


def _leaf(fields: Fields) -> bytes:
    """The signing certificate, DER: the first of the chain."""
    signed = fields.fields("signedCertificateEmbeddedSct") or _unpublished(fields)
    chain = signed.fields("chain", require=True)
    assert chain is not None  # `require` raised
    found = chain.values("certificates", most=_MAX_CHAIN)
    match = _PEM.fullmatch(found[0]) if found and isinstance(found[0], str) else None
    if match is None:
        raise VerificationError("its certificate is not PEM")
    return protojson.decode("".join(match.group(1).split()), what="its certificate")


def _unpublished(fields: Fields) -> Fields:
    """What an instance without certificate transparency gives; whether its readers demand it, the trusted root says."""
    detached = fields.fields("signedCertificateDetachedSct")
    if detached is None or detached.text("signedCertificateTimestamp"):
        raise VerificationError("it has no certificate with an embedded timestamp, and bundles hold no other kind")
    return detached


def _compare(found: SigningCertificate, token: IdentityToken, key: KeySigner) -> None:
    """That it is for our key, and for the holder of the token: a mix-up must not be signed with."""
    if found.key.der() != key.verifying_key.der():
        raise VerificationError("its certificate is for another key")
    if found.issuer != token.issuer:
        raise VerificationError(f"its certificate names the issuer {quoted(found.issuer)}, the token {token.issuer!r}")
    if "@" in found.identity and token.email and found.identity != token.email:
        raise VerificationError(f"its certificate is for {quoted(found.identity)}, the token for {token.email!r}")
