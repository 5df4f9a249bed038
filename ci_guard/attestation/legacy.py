"""cosign's own bundle of before Sigstore's: `cosign sign-blob --bundle` up to version 2, read only.

`base64Signature`, `cert` (base64 of PEM: a certificate, or the public key) and `rekorBundle` with the log's promise;
there is no proof and no digest of the artifact in it.
"""

from __future__ import annotations

import re
from typing import Any

from ci_guard.attestation import protojson
from ci_guard.attestation.bundle import (
    LEGACY_COSIGN,
    MAX_BYTES,
    MAX_DEPTH,
    Bundle,
    Certificates,
    LogEntry,
    MessageSignature,
    PublicKey,
    read_parsed,
)
from ci_guard.attestation.protojson import Fields, decode
from ci_guard.model.errors import VerificationError

_PEM = re.compile(r"-----BEGIN (CERTIFICATE|PUBLIC KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----")
_HEX = re.compile(r"([0-9a-f]{2}){1,64}")
_MAX_CERTIFICATES = 8


def read(data: bytes) -> Bundle:
    """A bundle in either format. Raises VerificationError."""
    value = protojson.parse(data, what="bundle", limit=MAX_BYTES, depth=MAX_DEPTH)
    if isinstance(value, dict) and "base64Signature" in value and "mediaType" not in value:
        return _read(value)
    return read_parsed(value)


def _read(value: Any) -> Bundle:
    fields = Fields(value, "bundle")
    signature = fields.data("base64Signature", require=True)
    material = _material(fields.text("cert"))
    entry = fields.fields("rekorBundle")
    entries = (_entry(entry),) if entry else ()
    fields.done()
    return Bundle(LEGACY_COSIGN, material, MessageSignature("", b"", signature), entries)


def _material(text: str) -> PublicKey | Certificates:
    if not text:
        return PublicKey("")
    pem = text if text.startswith("-----") else decode(text, what="bundle.cert").decode("latin-1")
    blocks = _PEM.findall(pem)
    if not 0 < len(blocks) <= _MAX_CERTIFICATES:
        raise VerificationError("bundle.cert holds neither certificates nor a public key in PEM")
    if blocks[0][0] == "PUBLIC KEY":
        return PublicKey("")
    return Certificates(tuple(decode("".join(body.split()), what="bundle.cert") for _, body in blocks))


def _entry(fields: Fields) -> LogEntry:
    promise = fields.data("SignedEntryTimestamp", require=True)
    payload = fields.fields("Payload", require=True)
    assert payload is not None  # `require` raised
    log_id = payload.text("logID", require=True)
    if _HEX.fullmatch(log_id) is None:
        raise VerificationError(f"{payload.what}.logID is not hexadecimal")
    entry = LogEntry(
        log_index=payload.int64("logIndex"),
        log_id=bytes.fromhex(log_id),
        kind="",
        version="",
        integrated_time=payload.int64("integratedTime"),
        inclusion_promise=promise,
        inclusion_proof=None,
        canonicalized_body=payload.data("body", require=True),
    )
    payload.done()
    fields.done()
    return entry
