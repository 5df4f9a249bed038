"""Whoever else saw the signature: logs and timestamp authorities, checked against one trusted root.

Everything in a bundle must hold, also what would not be needed; and there must be one log entry if the root names
logs, one trusted time in any case.
"""

from __future__ import annotations

from datetime import datetime

from ci_guard.attestation.bundle import LEGACY_MEDIA_TYPES, Bundle
from ci_guard.attestation.content import Signed
from ci_guard.attestation.entries import SignerMaterial, check_entry
from ci_guard.attestation.log import Logged, check_inclusion
from ci_guard.attestation.timestamps import TrustedTime, check_timestamp
from ci_guard.attestation.trustedroot import TrustedRoot
from ci_guard.attestation.verdict import Trace, count
from ci_guard.model.errors import VerificationError


def check_logs(
    bundle: Bundle, signed: Signed, signer: SignerMaterial, root: TrustedRoot, trace: Trace
) -> tuple[Logged, ...]:
    """Step `log`. Raises VerificationError."""
    if not root.logs and not bundle.log_entries:
        trace.skip("log", "the trusted root names no transparency log, and the bundle has no entry")
        return ()
    with trace.step("log") as detail:
        if not bundle.log_entries:
            named = count(len(root.logs), "transparency log")
            raise VerificationError(f"the bundle has no log entry, and the trusted root names {named}")
        found = []
        for entry in bundle.log_entries:
            old = bundle.media_type in LEGACY_MEDIA_TYPES
            logged = check_inclusion(entry, root.logs, promise_suffices=old)
            detail.extend((logged.said, check_entry(entry, signed, signer)))
            found.append(logged)
    return tuple(found)


def check_times(
    bundle: Bundle, signed: Signed, logged: tuple[Logged, ...], root: TrustedRoot, trace: Trace, *, needed: bool
) -> tuple[datetime, ...]:
    """Step `time`: every moment at which the signature is known to have existed, at least one if `needed`.

    Raises VerificationError.
    """
    if not (needed or bundle.timestamps or any(entry.time for entry in logged)):
        trace.skip("time", "the bundle has no timestamp, and no log entry with a promised time")
        return ()
    with trace.step("time") as detail:
        times = [
            check_timestamp(timestamp, signed.signature, root.timestamp_authorities) for timestamp in bundle.timestamps
        ]
        times += [entry.time for entry in logged if entry.time is not None]
        if not times:
            raise VerificationError(
                "no timestamp, and no log entry with a promised time: nobody says when it was signed"
            )
        for entry in logged:
            _check_log_in_use(entry, times)
        detail.extend(map(str, times))
    return tuple(time.moment for time in times)


def _check_log_in_use(logged: Logged, times: list[TrustedTime]) -> None:
    """An entry without a time of its own: the log must have been in use when somebody else saw the signature."""
    if logged.time is None and not any(logged.log.valid.covers(time.moment) for time in times):
        raise VerificationError(f"signed when the trusted root did not have {logged.log.name} ({logged.log.valid})")
