"""Dead Simple Signing Envelope: what is signed is the type and the payload together, never the JSON around them.

Source: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md (DSSE v1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_guard.attestation.protojson import Fields, encode, write
from ci_guard.model.record import record

IN_TOTO = "application/vnd.in-toto+json"
PAE_START = b"DSSEv1 "
_MAX_SIGNATURES = 16


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: the bytes that a DSSE signature covers.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode("utf-8")
    return b"%b%d %b %d %b" % (PAE_START, len(kind), kind, len(payload), payload)


@record
class Signature:
    """One signature; `keyid` is a hint that nothing authenticates."""

    sig: bytes
    keyid: str = ""


@record
class Envelope:
    """A payload with its type and its signatures."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def signed(self) -> bytes:
        """What the signatures are over."""
        return pae(self.payload_type, self.payload)

    def to_json(self) -> Mapping[str, Any]:
        """The envelope as DSSE's (and protobuf's) JSON."""
        signatures = [{"sig": encode(s.sig), **({"keyid": s.keyid} if s.keyid else {})} for s in self.signatures]
        return {"payload": encode(self.payload), "payloadType": self.payload_type, "signatures": signatures}

    @property
    def alone(self) -> bytes:
        """The envelope outside of bundles, with every `keyid` written, as DSSE's own libraries do.

        Rekor v1 records the hash of the envelope as it was sent, and cosign compares it with the layer at its tag: so
        what is logged and what is attached must be these same bytes.
        """
        signatures = [{"keyid": s.keyid, "sig": encode(s.sig)} for s in self.signatures]
        return write({**self.to_json(), "signatures": signatures})


def read_envelope(fields: Fields) -> Envelope:
    """The envelope in `fields`; payload and type are not judged yet. Raises VerificationError."""
    signatures = []
    for item in fields.items("signatures", most=_MAX_SIGNATURES):
        signatures.append(Signature(item.data("sig", require=True), item.text("keyid")))
        item.done()
    envelope = Envelope(fields.text("payloadType", require=True), fields.data("payload"), tuple(signatures))
    fields.done()
    return envelope
