"""Rekor, version 1 and 2: an entry about a signature, as the log answers it, in the shape that bundles have.

Source: sigstore/rekor, `openapi.yaml`; sigstore/rekor-tiles, `rekor_service.proto`. A log that has the entry already
(a repeated call whose first answer was lost) says so, and the entry is asked for: nothing is logged twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from ci_guard.attestation import bundle as bundles
from ci_guard.attestation import certificate as certificates
from ci_guard.attestation import protojson
from ci_guard.attestation.bundle import InclusionProof, LogEntry
from ci_guard.attestation.content import Signed
from ci_guard.attestation.entries import SignerMaterial
from ci_guard.attestation.keys import VerifyingKey, key_details, read_public_key
from ci_guard.attestation.protojson import Fields, encode, quoted
from ci_guard.model.errors import ServiceError, VerificationError
from ci_guard.services.http import Answer, HttpClient, Request
from ci_guard.services.sigstore_calls import MAX_ANSWER, Calling, answered, calling, post_json, understanding

SERVICE = "transparency log"
_CREATED = frozenset({200, 201})
_CONFLICT = 409
_HEX = re.compile(r"([0-9a-f]{2})*")
_MAX_HASHES = 64
_PEM_LINE = 64


def record(url: str, version: int, signed: Signed, signer: SignerMaterial, how: Calling) -> LogEntry:
    """Have the signature logged. Raises ServiceError."""
    with calling(SERVICE, url, how) as client:
        if version == 1:
            return _record_1(client, url, signed, signer)
        return _record_2(client, url, signed, signer)


def _record_2(client: HttpClient, url: str, signed: Signed, signer: SignerMaterial) -> LogEntry:
    """Version 2 takes nothing but `hashedrekord`: of an attestation the digest of what was signed."""
    field, key = _verifier(signer)
    verifier = {field: {"rawBytes": encode(signer.der)}, "keyDetails": key_details(key)}
    request = {
        "signature": {"content": encode(signed.signature), "verifier": verifier},
        "digest": encode(signed.digest),
    }
    answer = post_json(client, f"{url}/api/v2/log/entries", {"hashedRekordRequestV002": request}, _CREATED)
    return read_answer_2(answer.body)


def _record_1(client: HttpClient, url: str, signed: Signed, signer: SignerMaterial) -> LogEntry:
    answer = post_json(client, f"{url}/api/v1/log/entries", _proposed(signed, signer), _CREATED | {_CONFLICT})
    if answer.status == _CONFLICT:
        answer = _existing(client, answer)
    return read_answer_1(answer.body)


def read_answer_1(body: bytes) -> LogEntry:
    """The entry in an answer of version 1. Raises ServiceError."""
    with understanding(SERVICE):
        return _entry_1(answered(body))


def read_answer_2(body: bytes) -> LogEntry:
    """The entry in an answer of version 2, which is in the shape of bundles. Raises ServiceError."""
    with understanding(SERVICE):
        return bundles.read_entry(answered(body))


def _existing(client: HttpClient, answer: Answer) -> Answer:
    """The entry that is there already; `Location` says where, on the same host or nowhere."""
    where = answer.headers.get("location", "")
    if not where:
        raise ServiceError(SERVICE, "it has such an entry already, and does not say which")
    return client.send(Request("GET", urljoin(answer.url, where), limit=MAX_ANSWER))


def _proposed(signed: Signed, signer: SignerMaterial) -> Mapping[str, Any]:
    verifier = encode(_pem(signer))
    if signed.envelope is not None:
        content = {"envelope": signed.envelope.alone.decode("utf-8"), "verifiers": [verifier]}
        return {"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": content}}
    signature = {"content": encode(signed.signature), "publicKey": {"content": verifier}}
    data = {"hash": {"algorithm": signed.hash_name, "value": signed.digest.hex()}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": data, "signature": signature}}


def _entry_1(fields: Fields) -> LogEntry:
    """Version 1 answers a map of the entry's id to the entry, hexadecimal where bundles have base64."""
    entries = fields.messages(most=1)
    if len(entries) != 1:
        raise VerificationError(f"it holds {len(entries)} entries, expected exactly one")
    entry = entries[0]
    body = entry.data("body", require=True)
    verification = entry.fields("verification", require=True)
    assert verification is not None  # `require` raised
    proof = verification.fields("inclusionProof", require=True)
    assert proof is not None  # `require` raised
    kind, version = _kind(body)
    return LogEntry(
        log_index=entry.int64("logIndex"),
        log_id=_hex(entry.text("logID", require=True)),
        kind=kind,
        version=version,
        integrated_time=entry.int64("integratedTime"),
        inclusion_promise=verification.data("signedEntryTimestamp"),
        inclusion_proof=_proof_1(proof),
        canonicalized_body=body,
    )


def _proof_1(proof: Fields) -> InclusionProof:
    hashes = proof.values("hashes", most=_MAX_HASHES)
    if not all(isinstance(item, str) for item in hashes):
        raise VerificationError("its proof holds something other than hashes")
    return InclusionProof(
        log_index=proof.int64("logIndex"),
        root_hash=_hex(proof.text("rootHash", require=True)),
        tree_size=proof.int64("treeSize"),
        hashes=tuple(_hex(item) for item in hashes),
        checkpoint=proof.text("checkpoint", require=True),
    )


def _kind(body: bytes) -> tuple[str, str]:
    fields = Fields(protojson.parse(body, what="entry", limit=MAX_ANSWER, depth=bundles.MAX_DEPTH), "entry")
    return fields.text("kind", require=True), fields.text("apiVersion", require=True)


def _hex(text: str) -> bytes:
    if _HEX.fullmatch(text) is None:
        raise VerificationError(f"{quoted(text)} is not hexadecimal")
    return bytes.fromhex(text)


def _verifier(signer: SignerMaterial) -> tuple[str, VerifyingKey]:
    """How version 2 calls what verifies, and the key in it."""
    if signer.is_certificate:
        return "x509Certificate", certificates.read(signer.der).key
    return "publicKey", read_public_key(_pem(signer), "the signer's key")


def _pem(signer: SignerMaterial) -> bytes:
    text, kind = encode(signer.der), signer.pem_kind.decode("ascii")
    lines = [text[at : at + _PEM_LINE] for at in range(0, len(text), _PEM_LINE)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]).encode("ascii")
