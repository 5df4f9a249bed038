"""Signing as a transaction: sign, write the bundle, verify what was written, and only then hand it out."""

from __future__ import annotations

from ci_guard.attestation import bundle as bundles
from ci_guard.attestation import statement as statements
from ci_guard.attestation.artifact import Artifact, DigestArtifact
from ci_guard.attestation.bundle import MessageSignature
from ci_guard.attestation.dsse import IN_TOTO, Envelope, Signature, pae
from ci_guard.attestation.keys import KeySigner
from ci_guard.attestation.policy import Expectations
from ci_guard.attestation.statement import Statement
from ci_guard.attestation.verification import verify
from ci_guard.model.errors import SigningError, VerificationError


def sign_artifact(artifact: Artifact, signer: KeySigner) -> bytes:
    """A bundle with a signature over the artifact. Raises SigningError."""
    digest = artifact.digest(signer.hash_name)
    if digest is None:
        raise SigningError(f"a {signer.name} key signs {signer.hash_name} digests: give the file, not its sha256")
    content = MessageSignature(signer.hash_name, digest, signer.sign_digest(digest))
    data = bundles.write(signer.verification_material(), content)
    _self_verify(data, artifact, signer, Expectations())
    return data


def sign_statement(statement: Statement, signer: KeySigner) -> bytes:
    """A bundle with a signed statement. Raises SigningError."""
    payload = statements.write(statement)
    # For keys the envelope's keyid is the bundle's hint, as the bundle format asks.
    signature = Signature(signer.sign(pae(IN_TOTO, payload)), signer.verifying_key.hint)
    data = bundles.write(signer.verification_material(), Envelope(IN_TOTO, payload, (signature,)))
    first = statement.subject[0]
    witness = DigestArtifact(first.digest.get("sha256", ""), first.name)
    _self_verify(data, witness, signer, Expectations(predicate_type=statement.predicate_type))
    return data


def _self_verify(data: bytes, artifact: Artifact, signer: KeySigner, expected: Expectations) -> None:
    try:
        verify(data, artifact, signer.verifying_key, expected)
    except VerificationError as refusal:
        raise SigningError(f"the new bundle does not verify, nothing was written: {refusal}") from refusal
