"""cosign's evidence beside an image, as it stands in the layers of the tags `.sig` and `.att`.

A `.sig` layer is a small JSON payload that names the image's digest; its signature is an annotation. An `.att` layer
is a DSSE envelope. Certificate, log entry and timestamp are annotations too. Both are turned into Sigstore bundles, so
that one core verifies everything; and made from bundles, so that one core signs everything.
Source: sigstore/cosign, specs/SIGNATURE_SPEC.md and pkg/oci/static.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from ci_guard.attestation import legacy, protojson
from ci_guard.attestation.bundle import Bundle, Certificates, LogEntry, MessageSignature
from ci_guard.attestation.dsse import Envelope
from ci_guard.attestation.protojson import decode, encode, quoted
from ci_guard.attestation.statement import is_digest
from ci_guard.attestation.verdict import Result, Step, Verdict
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record, replace

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
"""The predicate type of a statement that says no more than a signature does."""
SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_CHAIN = "dev.sigstore.cosign/chain"
_BUNDLE = "dev.sigstore.cosign/bundle"
_TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"
_TYPE = "cosign container image signature"
_V0_1 = "application/vnd.dev.sigstore.bundle+json;version=0.1"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_MAX_BYTES = 1_000_000
_DEPTH = 16


@record
class PayloadArtifact:
    """The signed text of a `.sig` layer, as an artifact."""

    name: str
    data: bytes

    def digest(self, algorithm: str) -> bytes | None:
        """Its digest."""
        return hashlib.new(algorithm, self.data).digest()


def payload(reference: str, digest: str) -> bytes:
    """The text that a `.sig` signature is over; `reference` (HOST/REPOSITORY) is for people and binds nothing."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": digest},
        "type": _TYPE,
    }
    return json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()


def check_payload(data: bytes, digest: str) -> str:
    """That the signed text is about the image `digest`, in words. Raises VerificationError."""
    value = protojson.parse(data, what="signed text", limit=_MAX_BYTES, depth=_DEPTH)
    critical = value.get("critical") if isinstance(value, dict) else None
    image = critical.get("image") if isinstance(critical, dict) else None
    if not isinstance(critical, dict) or not isinstance(image, dict):
        raise VerificationError("the signed text is not about an image")
    if critical.get("type") != _TYPE:
        raise VerificationError(f"the signed text is of type {quoted(str(critical.get('type')))}, expected {_TYPE!r}")
    named = image.get("docker-manifest-digest")
    if named != digest:
        raise VerificationError(f"the signature is about the image {quoted(str(named))}, not {digest}")
    return f"{digest} is the image that the signed text names"


def about_image(verdict: Verdict, data: bytes, digest: str) -> Verdict:
    """A verdict on a `.sig` layer, with the step `subject`: the signature holds, but is it about this image?"""
    if not verdict.verified:
        return verdict
    try:
        detail, result, reason = check_payload(data, digest), Result.HELD, ""
    except VerificationError as refusal:
        detail = reason = str(refusal)
        result = Result.REFUSED
    steps = tuple(Step(s.number, s.name, result, detail) if s.name == "subject" else s for s in verdict.steps)
    if reason:
        return Verdict(False, steps, reason=reason)
    return replace(verdict, steps=steps)


def signature_bundle(annotations: Mapping[str, str]) -> bytes:
    """A `.sig` layer's annotations as a bundle over the layer's text. Raises VerificationError."""
    content = {"messageSignature": {"signature": annotations.get(SIGNATURE, "")}}
    return _bundle(annotations, content)


def attestation_bundle(annotations: Mapping[str, str], envelope: bytes) -> bytes:
    """An `.att` layer as a bundle. Raises VerificationError."""
    value = protojson.parse(envelope, what="envelope", limit=48_000_000, depth=_DEPTH)
    return _bundle(annotations, {"dsseEnvelope": value})


def annotations_of(bundle: bytes) -> Mapping[str, str]:
    """What cosign writes beside a layer, from a bundle that was just signed."""
    read = legacy.read(bundle)
    message = isinstance(read.content, MessageSignature)
    found = {SIGNATURE: encode(read.content.signature) if isinstance(read.content, MessageSignature) else ""}
    if isinstance(read.material, Certificates):
        leaf, *chain = (_pem(der) for der in read.material.chain)
        found |= {_CERTIFICATE: leaf, _CHAIN: "".join(chain)} if chain else {_CERTIFICATE: leaf}
    promised = next((entry for entry in read.log_entries if entry.inclusion_promise), None)
    if promised is not None:
        found[_BUNDLE] = json.dumps(_entry_json(promised))
    if read.timestamps:
        found[_TIMESTAMP] = json.dumps({"SignedRFC3161Timestamp": encode(read.timestamps[0])})
    return found if message else {**found, "predicateType": _predicate_type(read)}


def fits_tags(bundle: bytes) -> bool:
    """Whether the annotations of a layer can carry what a bundle proves: of logs they know only promises."""
    entries = legacy.read(bundle).log_entries
    return not entries or any(entry.inclusion_promise for entry in entries)


def envelope_of(bundle: bytes) -> bytes:
    """The DSSE envelope in a bundle as JSON: an `.att` layer."""
    content = legacy.read(bundle).content
    assert isinstance(content, Envelope)  # the caller signed a statement
    return content.alone


def _predicate_type(bundle: Bundle) -> str:
    assert isinstance(bundle.content, Envelope)
    return str(json.loads(bundle.content.payload)["predicateType"])


def _bundle(annotations: Mapping[str, str], content: Mapping[str, Any]) -> bytes:
    material: dict[str, Any] = _signer(annotations)
    if annotations.get(_BUNDLE):
        material["tlogEntries"] = [_log_entry(annotations[_BUNDLE])]
    if annotations.get(_TIMESTAMP):
        stamp = _parse(annotations[_TIMESTAMP], "timestamp").get("SignedRFC3161Timestamp")
        material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": stamp}]}
    return protojson.write({"mediaType": _V0_1, "verificationMaterial": material, **content})


def _signer(annotations: Mapping[str, str]) -> dict[str, Any]:
    certificates = _PEM.findall(annotations.get(_CERTIFICATE, ""))[:1] + _PEM.findall(annotations.get(_CHAIN, ""))
    if not annotations.get(_CERTIFICATE):
        return {"publicKey": {"hint": ""}}
    if not certificates:
        raise VerificationError("the layer's certificate is not PEM")
    chain = [{"rawBytes": "".join(body.split())} for body in certificates[:8]]
    return {"x509CertificateChain": {"certificates": chain}}


def _log_entry(text: str) -> dict[str, Any]:
    value = _parse(text, "log entry")
    entry = value.get("Payload")
    log_id, body = (entry.get("logID"), entry.get("body")) if isinstance(entry, dict) else (None, None)
    if not isinstance(entry, dict) or not isinstance(log_id, str) or not isinstance(body, str):
        raise VerificationError("the layer's log entry has no payload")
    if not is_digest("sha256", log_id):
        raise VerificationError("the layer's log entry names no log")
    record = _parse(decode(body, what="log entry").decode("utf-8", "replace"), "log entry's body")
    return {
        "logIndex": str(entry.get("logIndex", 0)),
        "logId": {"keyId": encode(bytes.fromhex(log_id))},
        "kindVersion": {"kind": str(record.get("kind", "")), "version": str(record.get("apiVersion", ""))},
        "integratedTime": str(entry.get("integratedTime", 0)),
        "inclusionPromise": {"signedEntryTimestamp": value.get("SignedEntryTimestamp")},
        "canonicalizedBody": body,
    }


def _parse(text: str, what: str) -> Mapping[str, Any]:
    value = protojson.parse(text.encode("utf-8", "replace"), what=what, limit=48_000_000, depth=_DEPTH)
    if not isinstance(value, dict):
        raise VerificationError(f"the layer's {what} is not a JSON object")
    return value


def _entry_json(entry: LogEntry) -> Mapping[str, Any]:
    return {
        "SignedEntryTimestamp": encode(entry.inclusion_promise),
        "Payload": {
            "body": encode(entry.canonicalized_body),
            "integratedTime": entry.integrated_time,
            "logIndex": entry.log_index,
            "logID": entry.log_id.hex(),
        },
    }


def _pem(der: bytes) -> str:
    text = encode(der)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
