"""Signing and attesting images where they are: everything is signed and verified first, then attached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ci_guard.attestation import cosign
from ci_guard.attestation.bundle import MEDIA_TYPE
from ci_guard.attestation.signing import Signer, sign_artifact, sign_statement
from ci_guard.attestation.statement import Statement, subjects
from ci_guard.model.errors import SigningError, UsageError
from ci_guard.model.record import record
from ci_guard.pipeline.verification.image import CONTENT, PREDICATE
from ci_guard.pipeline.verification.image_reference import ImageReference
from ci_guard.pipeline.verification.registries import Network
from ci_guard.services.attaching import Attacher, Evidence
from ci_guard.services.registry import Descriptor, referrers_tag

FORMATS = ("both", "bundle", "tag")
"""As a Sigstore bundle that refers to the image (cosign 3, GitHub), at cosign's own tag (cosign 1 and 2), or both."""
_CREATED = "org.opencontainers.image.created"


@record
class _Signed:
    """One image with all that will be attached to it: bundles, and layers by the ending of their tag."""

    image: ImageReference
    descriptor: Descriptor
    bundles: tuple[Evidence, ...]
    layers: Mapping[str, Evidence]


def resolve(network: Network, images: Sequence[ImageReference]) -> list[tuple[ImageReference, Descriptor]]:
    """Each image with what it is today. Raises ServiceError; UsageError for a digest that statements cannot name."""
    found = []
    for image in images:
        with network.repository(image, push=True) as repository:
            descriptor = repository.resolve(image.wanted)
        if not descriptor.digest.startswith("sha256:"):
            raise UsageError(f"{image.at(descriptor.digest)}: only sha256 digests are signed")
        found.append((image, descriptor))
    return found


def sign_images(
    network: Network, images: Sequence[ImageReference], signer: Signer, attach: str, moment: str
) -> list[str]:
    """Sign images, attach when all are signed; returns them by digest. Raises SigningError, ServiceError."""
    signed = []
    for image, descriptor in resolve(network, images):
        bundles, layers = [], {}
        if attach != "tag":
            statement = _statement(descriptor, cosign.SIGN_PREDICATE, {})
            bundles.append(_bundle(sign_statement(statement, signer), statement.predicate_type, moment))
        if attach != "bundle" and all(cosign.fits_tags(one.data) for one in bundles):
            text = cosign.payload(image.name, descriptor.digest)
            bundle = sign_artifact(cosign.PayloadArtifact("the signed text", text), signer)
            _refuse_what_tags_lose(bundle)
            layers[".sig"] = Evidence(text, cosign.SIMPLE_SIGNING, cosign.annotations_of(bundle))
        signed.append(_Signed(image, descriptor, tuple(bundles), layers))
    return _attach(network, signed)


def attest_images(
    network: Network,
    images: Sequence[ImageReference],
    predicate: tuple[str, Any],
    signer: Signer,
    attach: str,
    moment: str,
) -> list[str]:
    """Attest a predicate (its type's URI and value) about each image; otherwise as `sign_images`."""
    signed = []
    for image, descriptor in resolve(network, images):
        bundle = sign_statement(_statement(descriptor, *predicate), signer)
        bundles = (_bundle(bundle, predicate[0], moment),) if attach != "tag" else ()
        layers = {}
        if attach == "tag":
            _refuse_what_tags_lose(bundle)
        if attach != "bundle" and cosign.fits_tags(bundle):
            layers[".att"] = Evidence(cosign.envelope_of(bundle), cosign.DSSE, cosign.annotations_of(bundle))
        signed.append(_Signed(image, descriptor, bundles, layers))
    return _attach(network, signed)


def _refuse_what_tags_lose(bundle: bytes) -> None:
    """With `both` the bundle carries it; alone, a layer would be evidence that nobody can verify."""
    if not cosign.fits_tags(bundle):
        words = "nothing was attached: cosign's tags cannot carry what a log of version 2 says; use --attach bundle"
        raise SigningError(words)


def _statement(descriptor: Descriptor, predicate_type: str, predicate: Any) -> Statement:
    about = subjects([("", descriptor.digest.removeprefix("sha256:"))])
    return Statement(about, predicate_type, predicate)


def _bundle(data: bytes, predicate_type: str, moment: str) -> Evidence:
    return Evidence(data, MEDIA_TYPE, {CONTENT: "dsse-envelope", PREDICATE: predicate_type, _CREATED: moment})


def _attach(network: Network, signed: Sequence[_Signed]) -> list[str]:
    done = []
    for one in signed:
        with network.repository(one.image, push=True) as repository:
            attacher = Attacher(repository)
            for bundle in one.bundles:
                attacher.refer(one.descriptor, bundle)
            for ending, layer in one.layers.items():
                attacher.add_layers(referrers_tag(one.descriptor.digest, ending), [layer])
        done.append(one.image.at(one.descriptor.digest))
    return done
