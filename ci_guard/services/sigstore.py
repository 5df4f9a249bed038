"""The services of a signing config as `attestation` wants them: whoever certifies, and witnesses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ci_guard.attestation.bundle import LogEntry
from ci_guard.attestation.certificate import SigningCertificate
from ci_guard.attestation.content import Signed
from ci_guard.attestation.entries import SignerMaterial
from ci_guard.attestation.identitytoken import IdentityToken
from ci_guard.attestation.keys import KeySigner
from ci_guard.attestation.signingconfig import Chosen, Service, SigningConfig
from ci_guard.model.errors import SigningError
from ci_guard.model.record import record
from ci_guard.services import sigstore_authority, sigstore_log, sigstore_timestamp
from ci_guard.services.sigstore_calls import Calling


@record
class SigstoreWitnesses:
    """Timestamp authorities and logs, a `signatory.Witnesses`."""

    timestamps: tuple[Service, ...]
    logs: tuple[Service, ...]
    how: Calling

    def stamp(self, signature: bytes) -> Sequence[bytes]:
        """One response of each authority. Raises ServiceError."""
        return [sigstore_timestamp.stamp(service.url, signature, self.how) for service in self.timestamps]

    def record(self, signed: Signed, signer: SignerMaterial) -> Sequence[LogEntry]:
        """One entry of each log. Raises ServiceError."""
        return [sigstore_log.record(log.url, log.version, signed, signer, self.how) for log in self.logs]


def witnesses(config: SigningConfig, now: datetime, how: Calling) -> SigstoreWitnesses:
    """The witnesses that the config names for `now`. Raises SigningError where it names too few.

    A log of version 1 says itself when; beside version 2 or without a log there must be a timestamp authority.
    """
    found = SigstoreWitnesses(config.timestamps.at(now), config.logs.at(now), how)
    for what, chosen, given in (("logs", config.logs, found.logs), ("timestamps", config.timestamps, found.timestamps)):
        if chosen.services and len(given) < chosen.count:
            raise SigningError(f"{config.name} asks for {chosen.count} of its {what}, and {len(given)} are in use now")
    if not found.timestamps and not any(log.version == 1 for log in found.logs):
        raise SigningError(f"{config.name} names nobody who could say when it was signed")
    return found


def certify(
    config: SigningConfig, token: IdentityToken, key: KeySigner, now: datetime, how: Calling
) -> SigningCertificate:
    """A certificate for `key` from the config's authority. Raises ServiceError, SigningError."""
    return sigstore_authority.certify(
        only(config.authorities, now, f"certificate authority in {config.name}"), token, key, how
    )


def only(chosen: Chosen, now: datetime, what: str) -> str:
    """The URL of the one service to use. Raises SigningError where there is none."""
    found = chosen.at(now)
    if not found:
        raise SigningError(f"nothing was signed: there is no {what} that is in use now")
    return found[0].url
