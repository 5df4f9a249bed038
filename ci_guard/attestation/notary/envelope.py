"""The Notary Project's signature envelope in JWS: what is signed, and what stands beside it.

Source: notaryproject/specifications, `signature-envelope-jws.md` and `signing-scheme.md`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from ci_guard.attestation.certificate import parsing
from ci_guard.attestation.protojson import Fields, decode, parse, quoted
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record

JWS = "application/jose+json"
COSE = "application/cose"
PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
MAX_BYTES = 4_194_304
_MAX_CERTIFICATES = 20
_DEPTH = 16
_PREFIX = "io.cncf.notary."
SCHEME, TIME, AUTHENTIC_TIME, EXPIRY = (
    _PREFIX + name for name in ("signingScheme", "signingTime", "authenticSigningTime", "expiry")
)
X509, SIGNING_AUTHORITY = "notary.x509", "notary.x509.signingAuthority"
_UNDERSTOOD = frozenset({SCHEME, AUTHENTIC_TIME, EXPIRY})
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})\Z")


@record
class Envelope:
    """A signature taken apart; nothing here is trusted yet. `signed` are the bytes that the signature is over."""

    algorithm: str
    scheme: str
    signing_time: datetime
    expiry: datetime | None
    payload: bytes
    signed: bytes
    signature: bytes
    chain: tuple[x509.Certificate, ...]
    timestamp: bytes


@record
class Target:
    """The descriptor of what was signed."""

    media_type: str
    digest: str
    size: int


def read(data: bytes) -> Envelope:
    """Take an envelope apart. Raises VerificationError; also for what it demands and we do not understand."""
    outer = Fields(parse(data, what="envelope", limit=MAX_BYTES, depth=_DEPTH), "envelope")
    protected, payload, signature = (outer.text(name, require=True) for name in ("protected", "payload", "signature"))
    header = outer.fields("header", require=True)
    assert header is not None  # it was required
    outer.done()
    headers = parse(_raw(protected, "protected"), what="protected header", limit=MAX_BYTES, depth=_DEPTH)
    if not isinstance(headers, dict):
        raise VerificationError("the protected header is not an object")
    scheme = _check_headers(headers)
    with parsing("the certificate chain"):
        chain = tuple(x509.load_der_x509_certificate(der) for der in _certificates(header))
    expiry = headers.get(EXPIRY)
    return Envelope(
        str(headers.get("alg")),
        scheme,
        _moment(headers.get(TIME if scheme == X509 else AUTHENTIC_TIME), "signing time"),
        None if expiry is None else _moment(expiry, "expiry"),
        _raw(payload, "payload"),
        f"{protected}.{payload}".encode("ascii"),
        _raw(signature, "signature"),
        chain,
        header.data(_PREFIX + "timestampSignature"),
    )


def target(envelope: Envelope) -> Target:
    """What the payload names. Raises VerificationError."""
    value = Fields(parse(envelope.payload, what="payload", limit=MAX_BYTES, depth=_DEPTH), "payload")
    artifact = value.fields("targetArtifact", require=True)
    assert artifact is not None  # it was required
    return Target(
        artifact.text("mediaType", require=True), artifact.text("digest", require=True), artifact.int64("size")
    )


def _check_headers(headers: Mapping[str, Any]) -> str:
    """The scheme, when every header that must be understood is."""
    scheme = headers.get(SCHEME)
    if not isinstance(scheme, str) or scheme not in {X509, SIGNING_AUTHORITY}:
        raise VerificationError(f"the signing scheme {quoted(str(scheme))} is unknown")
    if headers.get("cty") != PAYLOAD_TYPE:
        raise VerificationError(f"the payload is of type {quoted(str(headers.get('cty')))}")
    critical = headers.get("crit")
    if not isinstance(critical, list) or not all(isinstance(name, str) for name in critical):
        raise VerificationError("the protected header has no list of critical headers")
    needed = {SCHEME} | ({EXPIRY} if EXPIRY in headers else set())
    needed |= {AUTHENTIC_TIME} if scheme == SIGNING_AUTHORITY else set()
    if missing := sorted(needed - set(critical)):
        raise VerificationError(f"{missing[0]} is not marked as critical")
    if unknown := sorted(set(critical) - _UNDERSTOOD):
        raise VerificationError(f"the critical header {quoted(unknown[0])} is not understood (plug-ins are not run)")
    return scheme


def _certificates(header: Fields) -> list[bytes]:
    values = header.values("x5c", most=_MAX_CERTIFICATES)
    if not values or not all(isinstance(value, str) for value in values):
        raise VerificationError("the envelope has no certificate chain")
    return [decode(value, what="a certificate") for value in values]


def _moment(value: Any, what: str) -> datetime:
    if not isinstance(value, str) or not _MOMENT.match(value):
        raise VerificationError(f"the {what} is not a moment as RFC 3339 has it")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise VerificationError(f"the {what} {quoted(value)} does not exist") from None


def _raw(text: str, what: str) -> bytes:
    """The bytes of base64url without padding, spelled in the one canonical way."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise VerificationError(f"the {what} is not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != text:
        raise VerificationError(f"the {what} is not canonical base64url")
    return data
