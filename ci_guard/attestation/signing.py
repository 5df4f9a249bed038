"""Signing as a transaction: sign, have it witnessed, write the bundle, verify what was written, then hand it out."""

from __future__ import annotations

import hashlib

from ci_guard.attestation import bundle as bundles
from ci_guard.attestation import statement as statements
from ci_guard.attestation.artifact import Artifact, DigestArtifact
from ci_guard.attestation.bundle import MessageSignature
from ci_guard.attestation.content import Signed
from ci_guard.attestation.dsse import IN_TOTO, Envelope, Signature, pae
from ci_guard.attestation.keys import KeySigner
from ci_guard.attestation.policy import Expectations
from ci_guard.attestation.signatory import KeySignatory, Signatory
from ci_guard.attestation.statement import Statement
from ci_guard.model.errors import SigningError

Signer = KeySigner | Signatory
"""Who signs; a bare key is somebody whose signature nobody else sees."""


def signatory(signer: Signer) -> Signatory:
    """`signer` as one that knows what goes beside the signature."""
    return KeySignatory(signer) if isinstance(signer, KeySigner) else signer


def sign_artifact(artifact: Artifact, signer: Signer) -> bytes:
    """A bundle with a signature over the artifact. Raises SigningError, ServiceError."""
    who = signatory(signer)
    key = who.key
    digest = artifact.digest(key.hash_name)
    if digest is None:
        raise SigningError(f"a {key.name} key signs {key.hash_name} digests: give the file, not its sha256")
    signed = Signed(key.sign_digest(digest), key.hash_name, digest)
    _check(signed, who)
    data = bundles.write(who.material(signed), MessageSignature(key.hash_name, digest, signed.signature))
    _self_verify(data, artifact, who, Expectations())
    return data


def sign_statement(statement: Statement, signer: Signer) -> bytes:
    """A bundle with a signed statement. Raises SigningError, ServiceError."""
    who = signatory(signer)
    payload = statements.write(statement)
    digest = hashlib.new(who.key.hash_name, pae(IN_TOTO, payload)).digest()
    signature = who.key.sign_digest(digest)
    # No keyid, as cosign has it: with one its verifier skips the signature, unless it is a hash of its own making.
    envelope = Envelope(IN_TOTO, payload, (Signature(signature),))
    signed = Signed(signature, who.key.hash_name, digest, envelope)
    _check(signed, who)
    data = bundles.write(who.material(signed), envelope)
    first = statement.subject[0]
    witness = DigestArtifact(first.digest.get("sha256", ""), first.name)
    _self_verify(data, witness, who, Expectations(predicate_type=statement.predicate_type))
    return data


def _check(signed: Signed, who: Signatory) -> None:
    """A signature that does not hold is shown to nobody: a log would keep it for ever."""
    if not who.key.verifying_key.verifies(signed.signature, signed.digest, signed.hash_name):
        raise SigningError("the new signature does not verify, nothing was written: the key is damaged")


def _self_verify(data: bytes, artifact: Artifact, who: Signatory, expected: Expectations) -> None:
    verdict = who.examine(data, artifact, expected)
    if not verdict.verified:
        raise SigningError(f"the new bundle does not verify, nothing was written: {verdict.reason}")
