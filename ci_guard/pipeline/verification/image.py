"""Everything in a registry that speaks for an image, each piece examined: bundles as referrers, cosign's own tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ci_guard.attestation import cosign
from ci_guard.attestation.artifact import Artifact, DigestArtifact
from ci_guard.attestation.verdict import Verdict
from ci_guard.model.errors import InputError, VerificationError
from ci_guard.model.record import record
from ci_guard.services.registry import Descriptor, Repository, referrers_tag

Examine = Callable[[bytes, Artifact], Verdict]
"""Judges a bundle about an artifact by whoever is trusted; never raises VerificationError."""
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle"
CONTENT = "dev.sigstore.bundle.content"
PREDICATE = "dev.sigstore.bundle.predicateType"
_MAX_PIECES = 100
_SAYS_NOTHING = frozenset({"", "application/vnd.oci.empty.v1+json", "application/vnd.oci.image.config.v1+json"})


@record
class Piece:
    """One piece of evidence, examined. `name` says where it was found."""

    name: str
    verdict: Verdict

    @property
    def signs(self) -> bool:
        """Whether it says no more and no less than "this image is ours": an attestation could say anything."""
        statement = self.verdict.statement
        return self.verdict.verified and (statement is None or statement.predicate_type == cosign.SIGN_PREDICATE)

    def attests(self, predicate_type: str) -> bool:
        """Whether it is a good attestation of that type."""
        return self.verdict.verified and self.verdict.predicate_type == predicate_type


def sha256_of(digest: str) -> str:
    """The hex digits of an image's digest. Raises InputError for one by which nobody signs."""
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256":
        raise InputError(f"{digest[:100]}: signatures of images go by sha256")
    return value


def evidence(repository: Repository, digest: str, examine: Examine) -> tuple[Piece, ...]:
    """Every piece that there is for the image `digest`. Raises ServiceError, InputError when there are too many."""
    found: list[Piece] = []
    for piece in _pieces(repository, digest, examine):
        if len(found) == _MAX_PIECES:
            raise InputError(f"{repository.name}@{digest} has more than {_MAX_PIECES} pieces of evidence")
        found.append(piece)
    return tuple(found)


def _pieces(repository: Repository, digest: str, examine: Examine) -> Iterator[Piece]:
    image = DigestArtifact(sha256_of(digest), digest)
    for referrer in repository.referrers(digest):
        # Some registries list the type of the config, which says nothing; then the layers tell.
        if referrer.artifact_type.startswith(BUNDLE_TYPE) or referrer.artifact_type in _SAYS_NOTHING:
            for layer in repository.manifest(referrer.digest).descriptors("layers"):
                if layer.media_type.startswith(BUNDLE_TYPE):
                    yield Piece(f"referrer {referrer.digest}", examine(repository.blob(layer.digest), image))
    for layer, data in _layers(repository, referrers_tag(digest, ".sig"), cosign.SIMPLE_SIGNING):
        yield Piece(f".sig layer {layer.digest}", _signature(layer, data, digest, examine))
    for layer, data in _layers(repository, referrers_tag(digest, ".att"), cosign.DSSE):
        yield Piece(f".att layer {layer.digest}", _attestation(layer, data, image, examine))


def _signature(layer: Descriptor, data: bytes, digest: str, examine: Examine) -> Verdict:
    try:
        bundle = cosign.signature_bundle(layer.annotations)
    except VerificationError as refusal:
        return Verdict(False, (), reason=str(refusal))
    verdict = examine(bundle, cosign.PayloadArtifact("the signed text", data))
    return cosign.about_image(verdict, data, digest)


def _attestation(layer: Descriptor, data: bytes, image: Artifact, examine: Examine) -> Verdict:
    try:
        bundle = cosign.attestation_bundle(layer.annotations, data)
    except VerificationError as refusal:
        return Verdict(False, (), reason=str(refusal))
    return examine(bundle, image)


def _layers(repository: Repository, tag: str, media_type: str) -> Iterator[tuple[Descriptor, bytes]]:
    manifest = repository.find_manifest(tag)
    for layer in manifest.descriptors("layers") if manifest else ():
        if layer.media_type == media_type:
            yield layer, repository.blob(layer.digest)


def lacking(pieces: Sequence[Piece], predicate_type: str, min_signers: int) -> str:
    """Why the evidence does not suffice, "" when it does: a signature, or an attestation of the type asked for."""
    what = f"attestation of type {predicate_type}" if predicate_type else "signature"
    good = [piece for piece in pieces if (piece.attests(predicate_type) if predicate_type else piece.signs)]
    signers = {piece.verdict.identity for piece in good}
    if len(signers) >= max(min_signers, 1):
        return ""
    if signers:
        return f"{len(signers)} different signers of a good {what}, expected at least {min_signers}"
    if not pieces:
        return f"there is no {what}, and no other evidence"
    refused = [f"{piece.name}: {piece.verdict.reason}" for piece in pieces if not piece.verdict.verified]
    others = len(pieces) - len(refused)
    said = f"no good {what}" + (f" among {others} good attestations" if others else "")
    return "; ".join([said, *refused])
