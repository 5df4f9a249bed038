"""The Sigstore bundle, v0.1 to v0.3: one JSON file with a signature and all that a verifier needs beside trust.

Source: sigstore/protobuf-specs, `sigstore_bundle.proto`, in protobuf's JSON mapping. Reading takes the bundle
apart and judges only its shape; `verification` judges what it says. Log entries and timestamps are read whole,
so that whoever has a trust root can check them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_guard.attestation import protojson
from ci_guard.attestation.dsse import Envelope, read_envelope
from ci_guard.attestation.protojson import Fields, encode, quoted
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MEDIA_TYPES = frozenset(
    {MEDIA_TYPE, *(f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}" for minor in (1, 2, 3))}
)
LEGACY_COSIGN = "cosign's bundle of before Sigstore's"
"""What stands for a media type in a bundle that has none."""
LEGACY_MEDIA_TYPES = frozenset({LEGACY_COSIGN, "application/vnd.dev.sigstore.bundle+json;version=0.1"})
"""Formats of before inclusion proofs: a log's promise suffices there."""
MAX_BYTES = 48_000_000  # GitHub allows predicates of 16 MB, which base64 makes 22 MB
MAX_DEPTH = 16
_MAX_ITEMS = 64
HASHES: Mapping[str, str] = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
"""Protobuf's names of the hash algorithms a message digest may use -> `hashlib`'s."""


@record
class PublicKey:
    """The bundle was signed with a key that the verifier must already have; `hint` may say which."""

    hint: str


@record
class Certificates:
    """The bundle was signed with a certificate: DER, the signer's first."""

    chain: tuple[bytes, ...]


@record
class InclusionProof:
    """Merkle path of a log entry up to a signed checkpoint."""

    log_index: int
    root_hash: bytes
    tree_size: int
    hashes: tuple[bytes, ...]
    checkpoint: str


@record
class LogEntry:
    """One entry of a transparency log. `integrated_time` is seconds since 1970, 0 where the log gives none."""

    log_index: int
    log_id: bytes
    kind: str
    version: str
    integrated_time: int
    inclusion_promise: bytes
    inclusion_proof: InclusionProof | None
    canonicalized_body: bytes


@record
class MessageSignature:
    """A signature over an artifact itself. `algorithm` is `hashlib`'s name, "" when the bundle gives no digest."""

    algorithm: str
    digest: bytes
    signature: bytes


@record
class Bundle:
    """A bundle, taken apart."""

    media_type: str
    material: PublicKey | Certificates
    content: MessageSignature | Envelope
    log_entries: tuple[LogEntry, ...] = ()
    timestamps: tuple[bytes, ...] = ()


def write(material: Mapping[str, Any], content: MessageSignature | Envelope) -> bytes:
    """A v0.3 bundle; `material` is `Signer.verification_material()`."""
    return protojson.write({"mediaType": MEDIA_TYPE, "verificationMaterial": material, **_content_json(content)})


def read(data: bytes) -> Bundle:
    """Take a bundle apart. Raises VerificationError."""
    return read_parsed(protojson.parse(data, what="bundle", limit=MAX_BYTES, depth=MAX_DEPTH))


def read_parsed(value: Any) -> Bundle:
    """The same from JSON that `protojson.parse` read. Raises VerificationError."""
    fields = Fields(value, "bundle")
    media_type = fields.text("mediaType", require=True)
    if media_type not in MEDIA_TYPES:
        raise VerificationError(f"the bundle's media type {quoted(media_type)} is not one that this version reads")
    material = fields.fields("verificationMaterial", require=True)
    assert material is not None  # `require` raised
    entries = tuple(read_entry(item) for item in material.items("tlogEntries", most=_MAX_ITEMS))
    timestamps = _timestamps(material.fields("timestampVerificationData"))
    key = _material(material)
    material.done()
    content = _content(fields)
    fields.done()
    return Bundle(media_type, key, content, entries, timestamps)


def _content_json(content: MessageSignature | Envelope) -> Mapping[str, Any]:
    if isinstance(content, Envelope):
        return {"dsseEnvelope": content.to_json()}
    names = {ours: theirs for theirs, ours in HASHES.items()}
    digest = {"algorithm": names[content.algorithm], "digest": encode(content.digest)}
    return {"messageSignature": {"messageDigest": digest, "signature": encode(content.signature)}}


def _only_one(fields: Fields, names: tuple[str, ...]) -> str:
    """The one of `names` that is there: protobuf's oneof."""
    there = [name for name in names if fields.has(name)]
    if len(there) != 1:
        raise VerificationError(f"{fields.what} must have exactly one of {', '.join(names)}; it has {len(there)}")
    return there[0]


def _material(fields: Fields) -> PublicKey | Certificates:
    name = _only_one(fields, ("publicKey", "certificate", "x509CertificateChain"))
    inner = fields.fields(name)
    assert inner is not None  # `_only_one` saw it
    if name == "publicKey":
        hint = inner.text("hint")
        inner.done()
        return PublicKey(hint)
    certificates = inner.items("certificates", most=_MAX_ITEMS) if name == "x509CertificateChain" else [inner]
    chain = tuple(item.data("rawBytes", require=True) for item in certificates)
    for item in (inner, *certificates):
        item.done()
    if not chain:
        raise VerificationError(f"{inner.what} has no certificate")
    return Certificates(chain)


def _content(fields: Fields) -> MessageSignature | Envelope:
    name = _only_one(fields, ("messageSignature", "dsseEnvelope"))
    inner = fields.fields(name)
    assert inner is not None  # `_only_one` saw it
    if name == "dsseEnvelope":
        return read_envelope(inner)
    algorithm, digest = "", b""
    given = inner.fields("messageDigest")
    if given is not None:
        algorithm = _hash_name(given.text("algorithm", require=True))
        digest = given.data("digest", require=True)
        given.done()
    signature = inner.data("signature", require=True)
    inner.done()
    return MessageSignature(algorithm, digest, signature)


def _hash_name(name: str) -> str:
    if name not in HASHES:
        raise VerificationError(f"the bundle's message digest is {quoted(name)}, not one of {', '.join(HASHES)}")
    return HASHES[name]


def _timestamps(fields: Fields | None) -> tuple[bytes, ...]:
    if fields is None:
        return ()
    items = fields.items("rfc3161Timestamps", most=_MAX_ITEMS)
    timestamps = tuple(item.data("signedTimestamp", require=True) for item in items)
    for item in (fields, *items):
        item.done()
    return timestamps


def entry_json(entry: LogEntry) -> Mapping[str, Any]:
    """The entry as a bundle has it. Zeros and empty lists are written out: not every reader has protobuf's defaults."""
    value: dict[str, Any] = {
        "logIndex": str(entry.log_index),
        "logId": {"keyId": encode(entry.log_id)},
        "kindVersion": {"kind": entry.kind, "version": entry.version},
        "integratedTime": str(entry.integrated_time),
    }
    if entry.inclusion_promise:
        value["inclusionPromise"] = {"signedEntryTimestamp": encode(entry.inclusion_promise)}
    proof = entry.inclusion_proof
    if proof is not None:
        value["inclusionProof"] = {
            "logIndex": str(proof.log_index),
            "rootHash": encode(proof.root_hash),
            "treeSize": str(proof.tree_size),
            "hashes": [encode(sister) for sister in proof.hashes],
            "checkpoint": {"envelope": proof.checkpoint},
        }
    return {**value, "canonicalizedBody": encode(entry.canonicalized_body)}


def read_entry(fields: Fields) -> LogEntry:
    """An entry of a log as a bundle has it, and as Rekor v2 answers. Raises VerificationError."""
    log_id, kind, promise = fields.fields("logId"), fields.fields("kindVersion"), fields.fields("inclusionPromise")
    proof = fields.fields("inclusionProof")
    entry = LogEntry(
        log_index=fields.int64("logIndex"),
        log_id=log_id.data("keyId") if log_id else b"",
        kind=kind.text("kind") if kind else "",
        version=kind.text("version") if kind else "",
        integrated_time=fields.int64("integratedTime"),
        inclusion_promise=promise.data("signedEntryTimestamp") if promise else b"",
        inclusion_proof=_proof(proof) if proof else None,
        canonicalized_body=fields.data("canonicalizedBody"),
    )
    for item in (fields, log_id, kind, promise):
        if item is not None:
            item.done()
    return entry


def _proof(fields: Fields) -> InclusionProof:
    checkpoint = fields.fields("checkpoint")
    hashes, named = fields.values("hashes", most=_MAX_ITEMS), f"{fields.what}.hashes"
    if not all(isinstance(item, str) for item in hashes):
        raise VerificationError(f"{named} holds something other than base64 text")
    proof = InclusionProof(
        log_index=fields.int64("logIndex"),
        root_hash=fields.data("rootHash"),
        tree_size=fields.int64("treeSize"),
        hashes=tuple(protojson.decode(item, what=named) for item in hashes),
        checkpoint=checkpoint.text("envelope") if checkpoint else "",
    )
    if checkpoint is not None:
        checkpoint.done()
    fields.done()
    return proof
