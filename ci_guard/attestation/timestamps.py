"""RFC 3161 timestamps: an authority of the trusted root says that the signature existed at a moment.

The token's CMS signature and its certificates are checked by `rfc3161-client`; which authority, when it was in
use, and that the imprint is of this signature are checked here or through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ci_guard.attestation.certificate import parsing
from ci_guard.attestation.chain import check_valid_at
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.trustedroot import Authority
from ci_guard.attestation.verdict import at
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

MAX_BYTES = 100_000


@record
class TrustedTime:
    """A moment at which the signature existed, and who says so."""

    moment: datetime
    source: str

    def __str__(self) -> str:
        return f"{at(self.moment)} by {self.source}"


def check_timestamp(data: bytes, signature: bytes, authorities: Sequence[Authority]) -> TrustedTime:
    """When `signature` existed, as one of `authorities` signed in `data`. Raises VerificationError."""
    if len(data) > MAX_BYTES:
        raise VerificationError(f"a timestamp has {len(data):,} bytes")
    response, moment = _decode(data)
    problems = []
    for authority in authorities:
        problem = _problem(response, moment, signature, authority)
        if not problem:
            return TrustedTime(moment, authority.name)
        problems.append(f"{authority.name}: {problem}")
    said = "; ".join(problems) or "the trusted root names no timestamp authority"
    raise VerificationError(f"a timestamp of {at(moment)} does not hold: {said}")


def _decode(data: bytes) -> tuple[TimeStampResponse, datetime]:
    from rfc3161_client import decode_timestamp_response

    with parsing("a timestamp"):
        response = decode_timestamp_response(data)
        return response, response.tst_info.gen_time.astimezone(UTC)


def _problem(response: TimeStampResponse, moment: datetime, signature: bytes, authority: Authority) -> str:
    """Why the timestamp is not this authority's over the signature, "" when it is."""
    from rfc3161_client import VerificationError as TimestampError
    from rfc3161_client import VerifierBuilder

    if len(authority.chain) < 2:
        return "its chain in the trusted root has no root certificate"
    if not authority.valid.covers(moment):
        return f"the trusted root has it for {authority.valid}"
    leaf, *between, anchor = authority.chain
    verifier = VerifierBuilder(tsa_certificate=leaf, intermediates=list(between), roots=[anchor]).build()
    try:
        check_valid_at(authority, moment)
        with parsing("it"):
            verifier.verify_message(response, signature)
    except VerificationError as problem:
        return str(problem)
    except (TimestampError, LookupError) as problem:
        return quoted(str(problem))
    return ""
