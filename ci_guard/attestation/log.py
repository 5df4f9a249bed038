"""Transparency log entries: does a log of the trusted root say that it holds this one, and since when?

A log says so in two ways. A *promise* (signed entry timestamp, Rekor v1 only) is signed together with the time of
the entry: only with it that time counts. A *proof* leads from the entry to a checkpoint that the log signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ci_guard.attestation import checkpoint as checkpoints
from ci_guard.attestation import protojson
from ci_guard.attestation.bundle import InclusionProof, LogEntry
from ci_guard.attestation.merkle import leaf_hash, root_of
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.timestamps import TrustedTime
from ci_guard.attestation.trustedroot import Log
from ci_guard.attestation.verdict import at
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record


@record
class Logged:
    """An entry that held. `time` is None where the log gives none that counts."""

    log: Log
    said: str
    time: TrustedTime | None


def check_inclusion(entry: LogEntry, logs: Sequence[Log], *, promise_suffices: bool) -> Logged:
    """That a known log holds the entry: proof and promise, whichever is there, must hold. Raises VerificationError.

    `promise_suffices` is for formats older than proofs; all others must have one.
    """
    log = _log_of(entry, logs)
    said = []
    time = None
    if entry.inclusion_promise:
        time = _check_promise(entry, log)
        said.append(f"promise for {at(time.moment)}")
    if entry.inclusion_proof is not None and (entry.inclusion_proof.checkpoint or not promise_suffices):
        said.append(_check_proof(entry, entry.inclusion_proof, log))
    elif not (promise_suffices and entry.inclusion_promise):
        raise VerificationError("the log entry has no inclusion proof")
    return Logged(log, f"{log.name} entry {entry.log_index:,}: {', '.join(said)}", time)


def _log_of(entry: LogEntry, logs: Sequence[Log]) -> Log:
    found = next((log for log in logs if log.key_id == entry.log_id), None)
    if found is None:
        raise VerificationError(f"the trusted root knows no log {quoted(protojson.encode(entry.log_id[:64]))}")
    return found


def _check_promise(entry: LogEntry, log: Log) -> TrustedTime:
    body, log_id = protojson.encode(entry.canonicalized_body), entry.log_id.hex()
    signed = (  # canonical JSON (RFC 8785): nothing in it needs escaping
        f'{{"body":"{body}","integratedTime":{entry.integrated_time},"logID":"{log_id}","logIndex":{entry.log_index}}}'
    )
    if not log.key.verifies(entry.inclusion_promise, signed.encode("ascii")):
        raise VerificationError(f"the promise (signed entry timestamp) is not one of {log.name} for this entry")
    try:
        moment = datetime.fromtimestamp(entry.integrated_time, UTC)
    except (OverflowError, ValueError, OSError):
        raise VerificationError("the log entry's time is out of range") from None
    if not log.valid.covers(moment):
        raise VerificationError(f"logged at {at(moment)}, the trusted root has {log.name} for {log.valid}")
    return TrustedTime(moment, log.name)


def _check_proof(entry: LogEntry, proof: InclusionProof, log: Log) -> str:
    checkpoint = checkpoints.read(proof.checkpoint)
    said = checkpoints.check_signature(checkpoint, log)
    if (checkpoint.size, checkpoint.root_hash) != (proof.tree_size, proof.root_hash):
        raise VerificationError("the inclusion proof is for another tree than its checkpoint")
    root = root_of(leaf_hash(entry.canonicalized_body), proof.log_index, proof.tree_size, proof.hashes)
    if root != checkpoint.root_hash:
        raise VerificationError("the inclusion proof does not lead from the entry to the checkpoint's root")
    return f"{said}, leaf {proof.log_index:,} proven by {len(proof.hashes)} hashes"
