"""Checkpoints: a log's signed note that says how large its tree is and what its root is.

Source: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note. A note may carry signatures of others
(witnesses, a second key); those of keys that the trusted root does not know say nothing and are passed over.
"""

from __future__ import annotations

import re

from ci_guard.attestation import protojson
from ci_guard.attestation.protojson import decode
from ci_guard.attestation.trustedroot import Log
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record

_MAX_CHARACTERS = 20_000
_MAX_SIGNATURES = 64
_HINT_BYTES = 4
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SIGNATURE = re.compile(r"— (\S{1,300}) ([A-Za-z0-9+/=]{8,2000})")


@record
class Checkpoint:
    """A note taken apart; `signed` are the bytes that `signatures` (name, key hint, signature) are over."""

    origin: str
    size: int
    root_hash: bytes
    signed: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]


def read(text: str) -> Checkpoint:
    """The checkpoint in a signed note. Raises VerificationError."""
    if not text:
        raise VerificationError("the inclusion proof has no checkpoint")
    if len(text) > _MAX_CHARACTERS:
        raise VerificationError(f"the checkpoint has {len(text):,} characters")
    body, blank, block = text.partition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) < 3 or not lines[0]:
        raise VerificationError("the checkpoint is no signed note with origin, size and root hash")
    if _SIZE.fullmatch(lines[1]) is None or int(lines[1]) > protojson.INT64_MAX:
        raise VerificationError("the checkpoint has no tree size in its second line")
    root_hash = decode(lines[2], what="the checkpoint's root hash")
    if len(root_hash) != 32:
        raise VerificationError("the checkpoint has no root hash in its third line")
    try:
        signed = f"{body}\n".encode()
    except UnicodeEncodeError:
        raise VerificationError("the checkpoint is not UTF-8 text") from None
    return Checkpoint(lines[0], int(lines[1]), root_hash, signed, _signatures(block))


def _signatures(block: str) -> tuple[tuple[str, bytes, bytes], ...]:
    lines = block.split("\n")
    if lines.pop() != "" or not lines or len(lines) > _MAX_SIGNATURES:
        raise VerificationError("the checkpoint has no block of signatures, or not one a line")
    found = []
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise VerificationError("the checkpoint has a line that is no signature")
        data = decode(match.group(2), what="a signature of the checkpoint")
        found.append((match.group(1), data[:_HINT_BYTES], data[_HINT_BYTES:]))
    return tuple(found)


def check_signature(checkpoint: Checkpoint, log: Log) -> str:
    """What held, in words. Raises VerificationError unless the log itself signed."""
    own = [signature for _, hint, signature in checkpoint.signatures if hint == log.checkpoint_hint]
    if not own:
        raise VerificationError(f"the checkpoint is not signed with the key of {log.name}, others do not count")
    if not any(log.key.verifies(signature, checkpoint.signed) for signature in own):
        raise VerificationError(f"the checkpoint's signature is not one of {log.name} over it")
    return f"checkpoint of {log.name} at size {checkpoint.size:,} signed"
