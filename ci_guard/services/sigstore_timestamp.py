"""Timestamp authorities: RFC 3161 over HTTP."""

from __future__ import annotations

from ci_guard.attestation.certificate import parsing
from ci_guard.attestation.timestamps import MAX_BYTES
from ci_guard.model.errors import VerificationError
from ci_guard.services.http import Request
from ci_guard.services.sigstore_calls import Calling, calling, understanding

SERVICE = "timestamp authority"
_TYPES = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
_GRANTED = 0


def stamp(url: str, signature: bytes, how: Calling) -> bytes:
    """The authority's response about `signature`. Raises ServiceError."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(signature).hash_algorithm(HashAlgorithm.SHA256)
    asked = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    with calling(SERVICE, url, how) as client:
        expect = frozenset({200, 201})
        request = Request("POST", url, asked.as_bytes(), _TYPES, expect, MAX_BYTES, idempotent=True)
        data = client.send(request).body
    check_answer(data, asked.nonce)
    return data


def check_answer(data: bytes, nonce: int | None) -> None:
    """That it is an answer to this question; who signed it, and about what, is verified with the whole bundle.

    Raises ServiceError.
    """
    from rfc3161_client import decode_timestamp_response

    with understanding(SERVICE), parsing("it"):
        response = decode_timestamp_response(data)
        if response.status != _GRANTED:
            raise VerificationError(f"its status is {response.status}, not granted")
        if response.tst_info.nonce != nonce:
            raise VerificationError("it is the answer to another question: its nonce is not ours")
