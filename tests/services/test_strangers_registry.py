"""Whatever a registry holds, reading evidence ends in verdicts or in an error of ours, never in anything else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_guard.attestation import cosign
from ci_guard.attestation.keys import KeySigner, VerifyingKey
from ci_guard.attestation.policy import Expectations
from ci_guard.attestation.verification import examine
from ci_guard.model.errors import InputError, ServiceError, VerificationError
from ci_guard.pipeline.verification.image import evidence
from ci_guard.services.registry import OCI_INDEX, OCI_MANIFEST, Repository, referrers_tag
from tests.services.loopback_registry import Registry, digest, own_registry
from tests.services.test_registry import KIND, repository

IMAGE = "sha256:" + "1" * 64
NAMES = ["mediaType", "digest", "size", "annotations", "artifactType", "layers", "manifests", "config", "subject"]
ANNOTATIONS = [cosign.SIGNATURE, "dev.sigstore.cosign/certificate", "dev.sigstore.cosign/bundle", "x"]
texts = st.sampled_from([KIND, cosign.SIMPLE_SIGNING, cosign.DSSE, OCI_MANIFEST, IMAGE, "", "AAAA", "{}"]) | st.text()
annotations = st.dictionaries(st.sampled_from(ANNOTATIONS), texts, max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with own_registry(referrers=False) as running:
        yield running


@pytest.fixture(scope="module")
def images(registry: Registry) -> Iterator[Repository]:
    opened = repository(registry.host)
    with opened.http:
        yield opened


@pytest.fixture(scope="module")
def key() -> VerifyingKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return KeySigner(ec.generate_private_key(ec.SECP256R1())).verifying_key


def read(images: Repository, key: VerifyingKey) -> None:
    try:
        pieces = evidence(images, IMAGE, lambda data, artifact: examine(data, artifact, key, Expectations(), ()))
    except (ServiceError, InputError):
        return
    assert not any(piece.verdict.verified for piece in pieces)
    assert all(piece.verdict.reason for piece in pieces)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(manifest=values, ending=st.sampled_from(["", ".sig", ".att"]))
def test_manifests(images: Repository, registry: Registry, key: VerifyingKey, manifest: Any, ending: str) -> None:
    data = json.dumps(manifest).encode()
    registry.manifests = {("team/app", referrers_tag(IMAGE, ending)): (OCI_INDEX, data)}
    read(images, key)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(blob=st.binary(max_size=60) | values.map(lambda v: json.dumps(v).encode()), noted=annotations)
def test_layers(images: Repository, registry: Registry, key: VerifyingKey, blob: bytes, noted: dict[str, str]) -> None:
    registry.blobs = {digest(blob): blob}
    registry.manifests = {}
    for ending, kind in ((".sig", cosign.SIMPLE_SIGNING), (".att", cosign.DSSE), ("", KIND)):
        layer = {"mediaType": kind, "digest": digest(blob), "size": len(blob), "annotations": noted}
        manifest = json.dumps({"layers": [layer]}).encode()
        if ending:
            registry.manifests["team/app", referrers_tag(IMAGE, ending)] = (OCI_MANIFEST, manifest)
        else:
            registry.manifests["team/app", digest(manifest)] = (OCI_MANIFEST, manifest)
            one = {"mediaType": OCI_MANIFEST, "digest": digest(manifest), "size": 1, "artifactType": KIND}
            index = json.dumps({"manifests": [one]}).encode()
            registry.manifests["team/app", referrers_tag(IMAGE)] = (OCI_INDEX, index)
    read(images, key)


@given(st.binary(max_size=200), annotations)
def test_the_text_of_a_signature(data: bytes, noted: dict[str, str]) -> None:
    for read_it in (
        lambda: cosign.check_payload(data, IMAGE),
        lambda: cosign.signature_bundle(noted),
        lambda: cosign.attestation_bundle(noted, data),
    ):
        try:
            read_it()
        except VerificationError:
            continue
