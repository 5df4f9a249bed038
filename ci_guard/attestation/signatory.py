"""Who signs: a key and what goes beside its signature, so that others can tell whose it is and when it was made.

With a key of one's own that is the key's hint, and log entries and timestamps only if they were asked for. Keyless
it is a certificate for a key that is thrown away, and log entries or timestamps, without which nobody could tell
that the certificate was valid. The order is fixed: timestamp first, then log. A timestamp leaves no trace if what
follows fails; an entry in a log stays for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ci_guard.attestation import verification
from ci_guard.attestation.bundle import entry_json
from ci_guard.attestation.content import Signed
from ci_guard.attestation.policy import Expectations
from ci_guard.attestation.protojson import encode
from ci_guard.attestation.verdict import Verdict
from ci_guard.model.record import record

if TYPE_CHECKING:
    from ci_guard.attestation.artifact import Artifact
    from ci_guard.attestation.bundle import LogEntry
    from ci_guard.attestation.certificate import SigningCertificate
    from ci_guard.attestation.entries import SignerMaterial
    from ci_guard.attestation.keyless import Trust
    from ci_guard.attestation.keys import KeySigner, VerifyingKey
    from ci_guard.attestation.trustedroot import TrustedRoot


class SigningKey(Protocol):
    """What signs a digest: a key in memory (`keys.KeySigner`), or one that somebody else keeps."""

    name: str
    hash_name: str
    verifying_key: VerifyingKey

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over data whose `hash_name` digest is `digest`. Raises SigningError."""


class Witnesses(Protocol):
    """Services that see a signature and say so."""

    def stamp(self, signature: bytes) -> Sequence[bytes]:
        """RFC 3161 responses about `signature`. Raises ServiceError."""

    def record(self, signed: Signed, signer: SignerMaterial) -> Sequence[LogEntry]:
        """Entries of transparency logs about it. Raises ServiceError."""


class Signatory(Protocol):
    """Whoever signs, for `signing`."""

    @property
    def key(self) -> SigningKey:
        """What signs."""

    @property
    def identity(self) -> str:
        """Who signs, in words, as verifying says it."""

    @property
    def builder(self) -> str:
        """The workflow that the certificate names as the signer; "" without a certificate, or where it names none."""

    def material(self, signed: Signed) -> Mapping[str, Any]:
        """`verificationMaterial` for a signature. Raises ServiceError."""

    def examine(self, data: bytes, artifact: Artifact, expected: Expectations) -> Verdict:
        """A new bundle, examined as its readers will."""

    def authenticate(self, data: bytes) -> Verdict:
        """The verdict with the statement of an attestation, whatever it is about. Raises VerificationError."""


@record
class KeySignatory:
    """Somebody with a key, and `witnesses` if they were asked for; `roots` are what their evidence is checked with."""

    key: SigningKey
    witnesses: Witnesses | None = None
    roots: Sequence[TrustedRoot] = ()

    @property
    def identity(self) -> str:
        """The key's hint."""
        return f"key {self.key.verifying_key.hint}"

    @property
    def builder(self) -> str:
        """A key says nothing about workflows."""
        return ""

    def material(self, signed: Signed) -> Mapping[str, Any]:
        """The key's hint, and what the witnesses said."""
        material = {"publicKey": {"hint": self.key.verifying_key.hint}}
        if self.witnesses is None:
            return material
        from ci_guard.attestation.entries import SignerMaterial

        signer = SignerMaterial(self.key.verifying_key.der(), is_certificate=False)
        return {**material, **_witnessed(signed, signer, self.witnesses)}

    def examine(self, data: bytes, artifact: Artifact, expected: Expectations) -> Verdict:
        """Against the public key."""
        return verification.examine(data, artifact, self.key.verifying_key, expected, self.roots)

    def authenticate(self, data: bytes) -> Verdict:
        """Against the public key."""
        statement = verification.authenticate(data, self.key.verifying_key)
        return Verdict(True, (), identity=self.identity, statement=statement)


@record
class KeylessSignatory:
    """Somebody whom a provider knows: a fresh key, the certificate for it, and the trust that readers will have."""

    key: KeySigner
    certificate: SigningCertificate
    witnesses: Witnesses
    trust: Trust

    @property
    def identity(self) -> str:
        """Whom the certificate names, and who vouches for it."""
        return f"{self.certificate.identity} ({self.certificate.issuer})"

    @property
    def builder(self) -> str:
        """The certificate's build signer URI."""
        return self.certificate.claims.get("builder", "")

    def material(self, signed: Signed) -> Mapping[str, Any]:
        """The certificate, and what the witnesses said."""
        from ci_guard.attestation.entries import SignerMaterial

        der = self.certificate.der
        witnessed = _witnessed(signed, SignerMaterial(der, is_certificate=True), self.witnesses)
        return {"certificate": {"rawBytes": encode(der)}, **witnessed}

    def examine(self, data: bytes, artifact: Artifact, expected: Expectations) -> Verdict:
        """Against the trusted root and the identity of the certificate."""
        from ci_guard.attestation import keyless

        return keyless.examine(data, artifact, self.trust, expected)

    def authenticate(self, data: bytes) -> Verdict:
        """Against the trusted root and the identity of the certificate."""
        from ci_guard.attestation import keyless

        return keyless.authenticate(data, self.trust)


def _witnessed(signed: Signed, signer: SignerMaterial, witnesses: Witnesses) -> Mapping[str, Any]:
    """Timestamps, then log entries: see above why in this order."""
    stamps = [{"signedTimestamp": encode(stamp)} for stamp in witnesses.stamp(signed.signature)]
    material: dict[str, Any] = {}
    if stamps:
        material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    entries = witnesses.record(signed, signer)
    if entries:
        material["tlogEntries"] = [entry_json(entry) for entry in entries]
    return material
