"""Whatever is changed in a good bundle: only verdicts come out, and none that is good for something else."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.attestation import certificate, checkpoint, entries, keyless, legacy, merkle, timestamps, trustedroot
from ci_guard.attestation.artifact import DigestArtifact
from ci_guard.attestation.bundle import LogEntry
from ci_guard.attestation.content import Signed
from ci_guard.attestation.identity import IdentityPolicy
from ci_guard.model.errors import InputError, VerificationError
from tests.attestation import loopback
from tests.attestation.loopback import ARTIFACT, IDENTITY, ISSUER, Recipe, Sigstore, make

OURS = Sigstore()
ROOT = json.dumps(OURS.trusted_root()).encode()
TRUST = keyless.Trust(trustedroot.read(ROOT, "loopback"), IdentityPolicy(ISSUER, IDENTITY))
THING = DigestArtifact(hashlib.sha256(ARTIFACT).hexdigest(), "pod.yaml")
RECIPES = (
    Recipe(timestamps=(2,)),
    Recipe(content="dsse", log="v2", timestamps=(2,)),
    Recipe(version="0.1", chain=True),
    Recipe(content="dsse", kind="intoto-2"),
)
BUNDLES = [make(OURS, recipe) for recipe in RECIPES]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.binary(max_size=60).map(loopback.b64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every node below the top."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in children for found in ((*path, key), *places(child, (*path, key)))]


def signed_content(bundle: dict[str, Any]) -> Any:
    """What the signature is over and the signature: what a good verdict rests on."""
    envelope = bundle.get("dsseEnvelope")
    message = bundle.get("messageSignature")
    return (envelope["payload"], envelope["signatures"][0]["sig"]) if envelope else message["signature"]


@st.composite
def changed(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A good bundle and the same with one node replaced, dropped, or (where it is base64) with bytes changed."""
    original = draw(st.sampled_from(BUNDLES))
    bundle = json.loads(json.dumps(original))
    path = draw(st.sampled_from(places(bundle)))
    parent = bundle
    for step in path[:-1]:
        parent = parent[step]
    old = parent[path[-1]]
    how = draw(st.sampled_from(["replace", "drop", "bytes"]))
    if how == "drop":
        del parent[path[-1]]
    elif how == "bytes" and isinstance(old, str) and old:
        with contextlib.suppress(ValueError):
            data = bytearray(base64.b64decode(old, validate=True)) or bytearray(b"x")
            at = draw(st.integers(0, len(data) - 1))
            data[at : at + draw(st.integers(1, 4))] = draw(st.binary(max_size=4))
            parent[path[-1]] = loopback.b64(bytes(data))
    else:
        parent[path[-1]] = draw(JSON)
    return original, bundle


@settings(max_examples=700, deadline=None)
@given(changed())
def test_changed_bundles(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    original, bundle = pair
    verdict = keyless.examine(json.dumps(bundle).encode(), THING, TRUST)
    if verdict.verified:
        assert verdict.identity == f"{IDENTITY} ({ISSUER})"
        assert signed_content(bundle) == signed_content(original)
    else:
        assert verdict.steps[-1].result == "refused"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(range(len(BUNDLES))), st.integers(0, 10**6), st.binary(min_size=1, max_size=6))
def test_changed_certificates(number: int, position: int, patch: bytes) -> None:
    der = OURS.certificate(loopback.ec.generate_private_key(loopback.ec.SECP256R1()), RECIPES[number])
    data = bytearray(der.public_bytes(loopback.Encoding.DER))
    position %= len(data)
    data[position : position + len(patch)] = patch
    with contextlib.suppress(VerificationError):
        certificate.read(bytes(data))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**6), st.binary(max_size=6), st.integers(0, 6))
def test_changed_timestamps(position: int, patch: bytes, removed: int) -> None:
    position %= len(TIMESTAMP)
    data = TIMESTAMP[:position] + patch + TIMESTAMP[position + removed :]
    with contextlib.suppress(VerificationError):
        when = timestamps.check_timestamp(data, b"signature", TRUST.roots[0].timestamp_authorities)
        assert when.moment == loopback.START


def version_of(der: bytes, number: int) -> bytes:
    """The certificate with another version, which is a parse error of its own kind."""
    return der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01" + bytes([number]), 1)


def test_versions_that_x509_does_not_have() -> None:
    """Found by changing bytes: cryptography raises something of its own for these."""
    bundle = json.loads(json.dumps(BUNDLES[2]))
    for number, step in ((0, "certificate"), (1, "trusted-root")):
        changed_one = json.loads(json.dumps(bundle))
        listed = changed_one["verificationMaterial"]["x509CertificateChain"]["certificates"]
        listed[number]["rawBytes"] = loopback.b64(version_of(base64.b64decode(listed[number]["rawBytes"]), 9))
        verdict = keyless.examine(json.dumps(changed_one).encode(), THING, TRUST)
        assert not verdict.verified
        assert verdict.steps[-1].name in {step, "certificate"}
    with contextlib.suppress(VerificationError):
        timestamps.check_timestamp(version_of(TIMESTAMP, 9), b"signature", TRUST.roots[0].timestamp_authorities)
        raise AssertionError("a certificate of version 10 is none")


TIMESTAMP = loopback.der.timestamp(b"signature", loopback.START, OURS.tsa, OURS.tsa_key)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="a\n0123456789—= AQ", max_size=120))
def test_checkpoints(text: str) -> None:
    with contextlib.suppress(VerificationError):
        checkpoint.read(text)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode("utf-8", "surrogatepass")))
def test_log_bodies_and_old_bundles_and_roots(data: bytes) -> None:
    entry = LogEntry(0, b"", "", "", 0, b"", None, data)
    material = entries.SignerMaterial(b"der", is_certificate=True)
    with contextlib.suppress(VerificationError):
        entries.check_entry(entry, Signed(b"s", "sha256", b"d" * 32), material)
    with contextlib.suppress(VerificationError):
        legacy.read(b'{"base64Signature":"AA==","cert":' + data + b"}")
    with contextlib.suppress(InputError):
        trustedroot.read(data, "noise")


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_every_leaf_of_every_tree_is_proven_and_no_other(size_and_index: tuple[int, int]) -> None:
    size, index = size_and_index
    leaves = [b"%d" % n for n in range(size)]
    tree = loopback.Tree(leaves)
    path = tree.path(index)
    assert merkle.root_of(merkle.leaf_hash(leaves[index]), index, size, path) == tree.root()
    for wrong in {(index + 1) % size, index ^ 1, size - 1} - {index}:
        with contextlib.suppress(VerificationError):
            assert merkle.root_of(merkle.leaf_hash(leaves[index]), wrong, size, path) != tree.root()
