"""RFC 3161 timestamps beside a Notary signature: by an authority of which only the root is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ci_guard.attestation.certificate import parsing
from ci_guard.attestation.protojson import quoted
from ci_guard.model.errors import VerificationError

MAX_BYTES = 100_000
_SEQUENCE, _CERTIFICATES = 0x30, 0xA0
_GRANTED = bytes.fromhex("3003020100")
"""PKIStatusInfo: a token alone is wrapped into the response that it came in."""


def check(
    token: bytes, signature: bytes, algorithm: hashes.HashAlgorithm, anchors: Sequence[x509.Certificate]
) -> tuple[tuple[datetime, ...], tuple[x509.Certificate, ...]]:
    """The moment with its earliest and latest by its accuracy, and the authority's certificates, signer first.

    Raises VerificationError.
    """
    from rfc3161_client import VerificationError as TimestampError
    from rfc3161_client import VerifierBuilder, decode_timestamp_response

    if not token or len(token) > MAX_BYTES:
        raise VerificationError(f"a timestamp of {len(token):,} bytes" if token else "it has no timestamp")
    if not anchors:
        raise VerificationError("the stores for timestamps have no certificate")
    digest = hashes.Hash(algorithm)
    digest.update(signature)
    with parsing("the timestamp"):
        response = decode_timestamp_response(_tlv(_SEQUENCE, _GRANTED + _in_order(token)))
        info = response.tst_info
        embedded = [x509.load_der_x509_certificate(der) for der in response.signed_data.certificates]
        verifier = VerifierBuilder(roots=list(dict.fromkeys(anchors))).build()
        try:
            verifier.verify(response, digest.finalize())
        except (TimestampError, LookupError) as problem:
            raise VerificationError(f"the timestamp does not hold: {quoted(str(problem))}") from None
        moment = info.gen_time.astimezone(UTC)
        margin = _margin(info.accuracy)
    return (moment, moment - margin, moment + margin), _signer_first(embedded)


def _signer_first(embedded: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    signers = {certificate for certificate in embedded if not _is_authority(certificate)}
    return tuple(sorted(embedded, key=lambda certificate: certificate not in signers))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _margin(accuracy: object) -> timedelta:
    if accuracy is None:
        return timedelta()
    parts = (getattr(accuracy, name, None) or 0 for name in ("seconds", "millis", "micros"))
    seconds, millis, micros = parts
    return timedelta(seconds=seconds, milliseconds=millis, microseconds=micros)


def _in_order(token: bytes) -> bytes:
    """The token with its certificates in DER's order: CMS allows any, authorities write any, and nothing signs it.

    SEQUENCE { OID, [0] { SEQUENCE { version, digests, content, [0] { certificates }, … } } }
    """
    (_, outer), *rest = _elements(token)
    kind, (_, wrapped), *more = _elements(outer)
    (_, signed), *others = _elements(wrapped)
    if rest or more or others:
        raise ValueError("something stands behind the token")
    fields = [(tag, _sorted(value) if tag == _CERTIFICATES else value) for tag, value in _elements(signed)]
    inner = _tlv(_SEQUENCE, b"".join(_tlv(tag, value) for tag, value in fields))
    return _tlv(_SEQUENCE, _tlv(*kind) + _tlv(_CERTIFICATES, inner))


def _sorted(certificates: bytes) -> bytes:
    return b"".join(sorted(_tlv(tag, value) for tag, value in _elements(certificates)))


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """(tag, content) of each element, definite lengths only. Raises ValueError."""
    found = []
    while data:
        octets = data[1] & 0x7F if len(data) > 1 and data[1] & 0x80 else 0
        start = 2 + octets
        size = int.from_bytes(data[2:start]) if octets else data[1] if len(data) > 1 else 0
        if octets > 4 or len(data) < start + size or data[1:2] == b"\x80":
            raise ValueError("not DER")
        found.append((data[0], data[start : start + size]))
        data = data[start + size :]
    return found


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag]) + (bytes([size]) if size < 0x80 else bytes([0x80 | len(octets)]) + octets) + content
