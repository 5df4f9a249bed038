"""Does a log entry speak of this very bundle? Its body is compared with the signature, the digest and the signer.

Without that an entry of somebody else's signature could lend its time (CVE-2022-36056). Bodies are the canonical
JSON that Rekor writes: `hashedrekord` 0.0.1 and 0.0.2, `dsse` 0.0.1, `intoto` 0.0.1 and 0.0.2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

from ci_guard.attestation import bundle as bundles
from ci_guard.attestation import protojson
from ci_guard.attestation.bundle import HASHES, LogEntry
from ci_guard.attestation.content import Signed
from ci_guard.attestation.dsse import Envelope
from ci_guard.attestation.protojson import Fields, decode, encode, quoted
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record

_PEM = re.compile(rb"\s*-----BEGIN (CERTIFICATE|PUBLIC KEY)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----\s*")
_MAX_SIGNATURES = 16


@record
class SignerMaterial:
    """Who signed, in DER: a certificate, or a public key (SubjectPublicKeyInfo)."""

    der: bytes
    is_certificate: bool

    @property
    def pem_kind(self) -> bytes:
        """The type of its PEM block."""
        return b"CERTIFICATE" if self.is_certificate else b"PUBLIC KEY"


def check_entry(entry: LogEntry, signed: Signed, signer: SignerMaterial) -> str:
    """What was compared, in words. Raises VerificationError where body and bundle differ."""
    body = Fields(
        protojson.parse(entry.canonicalized_body, what="log entry", limit=bundles.MAX_BYTES, depth=16), "log entry"
    )
    kind, version = body.text("kind", require=True), body.text("apiVersion", require=True)
    if (entry.kind, entry.version) not in ((kind, version), ("", "")):
        raise VerificationError(
            f"the bundle calls the log entry {quoted(entry.kind)} {quoted(entry.version)}, it is {kind!r} {version!r}"
        )
    compare = _KINDS.get((kind, version))
    if compare is None:
        raise VerificationError(f"a log entry of kind {quoted(kind)} {quoted(version)} is not one that can be compared")
    if signed.envelope is None and kind in ("dsse", "intoto"):
        raise VerificationError(f"a log entry of kind {kind!r} does not fit what the bundle holds")
    compared = compare(_inner(body, "spec"), signed, signer)
    body.done()
    return f"{kind} {version} has the same {compared}"


def _hashedrekord_1(spec: Fields, signed: Signed, signer: SignerMaterial) -> str:
    if signed.envelope is not None:
        raise VerificationError("a log entry of kind 'hashedrekord' 0.0.1 does not fit an envelope")
    data, signature = _inner(spec, "data"), _inner(spec, "signature")
    _same_hex(_inner(data, "hash"), signed.hash_name, signed.digest, "digest")
    _same(signature.data("content", require=True), signed.signature, "signature")
    _same_pem(_inner(signature, "publicKey").data("content", require=True), signer)
    return "digest, signature and signer"


def _hashedrekord_2(spec: Fields, signed: Signed, signer: SignerMaterial) -> str:
    inner = _inner(spec, "hashedRekordV002")
    data, signature = _inner(inner, "data"), _inner(inner, "signature")
    verifier = _inner(signature, "verifier")
    algorithm = data.text("algorithm", require=True)
    if HASHES.get(algorithm) != signed.hash_name:
        raise VerificationError(f"the log entry's digest is {quoted(algorithm)}, the signature's {signed.hash_name}")
    _same(data.data("digest", require=True), signed.digest, "digest")
    _same(signature.data("content", require=True), signed.signature, "signature")
    material = verifier.fields("x509Certificate" if signer.is_certificate else "publicKey")
    _same(material.data("rawBytes") if material else b"", signer.der, "signer")
    return "digest, signature and signer"


def _dsse_1(spec: Fields, signed: Signed, signer: SignerMaterial) -> str:
    envelope = _envelope(signed)
    # The hash of the envelope is of JSON as it was sent, which nobody has any more: not compared.
    _same_hex(_inner(spec, "payloadHash"), "sha256", hashlib.sha256(envelope.payload).digest(), "payload")
    (only,) = _exactly_one(spec)
    _same(only.data("signature", require=True), signed.signature, "signature")
    _same_pem(only.data("verifier", require=True), signer)
    return "payload, signature and signer"


def _intoto_1(spec: Fields, signed: Signed, signer: SignerMaterial) -> str:
    content = _inner(spec, "content")
    payload = hashlib.sha256(_envelope(signed).payload).digest()
    _same_hex(_inner(content, "payloadHash"), "sha256", payload, "payload")
    _same_pem(spec.data("publicKey", require=True), signer)
    return "payload and signer (this kind does not record the signature)"


def _intoto_2(spec: Fields, signed: Signed, signer: SignerMaterial) -> str:
    content = _inner(spec, "content")
    envelope = _envelope(signed)
    recorded = _inner(content, "envelope")
    kind = recorded.text("payloadType", require=True)
    if kind != envelope.payload_type:
        raise VerificationError(f"the log entry's payload type is {quoted(kind)}, not the bundle's")
    _same_hex(_inner(content, "payloadHash"), "sha256", hashlib.sha256(envelope.payload).digest(), "payload")
    (only,) = _exactly_one(recorded)
    encoded = only.data("sig", require=True)  # base64 of the base64 in the envelope
    _same(decode(encoded.decode("ascii", "replace"), what="the log entry's signature"), signed.signature, "signature")
    _same_pem(only.data("publicKey", require=True), signer)
    return "payload, signature and signer"


_KINDS: Mapping[tuple[str, str], Callable[[Fields, Signed, SignerMaterial], str]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_1,
    ("hashedrekord", "0.0.2"): _hashedrekord_2,
    ("dsse", "0.0.1"): _dsse_1,
    ("intoto", "0.0.1"): _intoto_1,
    ("intoto", "0.0.2"): _intoto_2,
}


def _envelope(signed: Signed) -> Envelope:
    assert signed.envelope is not None  # `check_entry` looked
    return signed.envelope


def _inner(fields: Fields, name: str) -> Fields:
    inner = fields.fields(name, require=True)
    assert inner is not None  # `require` raised
    return inner


def _exactly_one(fields: Fields) -> list[Fields]:
    found = fields.items("signatures", most=_MAX_SIGNATURES)
    if len(found) != 1:
        raise VerificationError(f"the log entry records {len(found)} signatures, expected exactly one")
    return found


def _same(recorded: bytes, ours: bytes, what: str) -> None:
    if recorded != ours:
        raise VerificationError(f"the log entry records another {what} than the bundle has")


def _same_hex(fields: Fields, hash_name: str, digest: bytes, what: str) -> None:
    algorithm, value = fields.text("algorithm", require=True), fields.text("value", require=True)
    if algorithm != hash_name:
        raise VerificationError(f"the log entry records a {quoted(algorithm)} of the {what}, expected {hash_name}")
    _same(value.encode(), digest.hex().encode(), what)


def _same_pem(recorded: bytes, signer: SignerMaterial) -> None:
    match = _PEM.fullmatch(recorded)
    if match is None:
        raise VerificationError("the log entry records a signer that is neither one certificate nor one public key")
    kind, body = match.groups()
    _same(kind + b"".join(body.split()), signer.pem_kind + encode(signer.der).encode("ascii"), "signer")
