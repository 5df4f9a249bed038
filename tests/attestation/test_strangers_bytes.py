"""Whatever bytes come in: only VerificationError, SigningError or InputError come out, never a bare exception."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.attestation import bundle, dsse, keyfile, keys, protojson, statement
from ci_guard.attestation.artifact import DigestArtifact
from ci_guard.attestation.verification import authenticate, examine
from ci_guard.model.errors import InputError, SigningError, UsageError, VerificationError

SIGNER = keyfile.generate()
ARTIFACT = DigestArtifact(hashlib.sha256(b"x").hexdigest(), "x")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NAMES = st.sampled_from(
    [
        "mediaType",
        "verificationMaterial",
        "publicKey",
        "hint",
        "certificate",
        "rawBytes",
        "x509CertificateChain",
        "certificates",
        "tlogEntries",
        "logIndex",
        "logId",
        "keyId",
        "kindVersion",
        "kind",
        "version",
        "integratedTime",
        "inclusionPromise",
        "signedEntryTimestamp",
        "inclusionProof",
        "rootHash",
        "treeSize",
        "hashes",
        "checkpoint",
        "envelope",
        "canonicalizedBody",
        "timestampVerificationData",
        "rfc3161Timestamps",
        "signedTimestamp",
        "messageSignature",
        "messageDigest",
        "algorithm",
        "digest",
        "signature",
        "dsseEnvelope",
        "payload",
        "payloadType",
        "signatures",
        "sig",
        "keyid",
        "_type",
        "subject",
        "predicateType",
        "predicate",
        "name",
        "sha256",
        "kdf",
        "params",
        "salt",
        "N",
        "r",
        "p",
        "cipher",
        "nonce",
        "ciphertext",
    ]
)
VALUES = (
    SCALARS
    | st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode())
    | st.sampled_from([bundle.MEDIA_TYPE, "SHA2_256", SIGNER.verifying_key.hint, statement.V1, "scrypt", "0" * 64])
)
JSON = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)
BUNDLE_SHAPED = st.fixed_dictionaries(
    {"mediaType": st.just(bundle.MEDIA_TYPE)},
    optional={
        "verificationMaterial": JSON | st.fixed_dictionaries({"publicKey": JSON}, optional={"tlogEntries": JSON}),
        "messageSignature": JSON,
        "dsseEnvelope": JSON | st.fixed_dictionaries({"payload": VALUES, "payloadType": VALUES, "signatures": JSON}),
    },
)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=400) | JSON.map(as_json) | BUNDLE_SHAPED.map(as_json))
def test_bundles(data: bytes) -> None:
    verdict = examine(data, ARTIFACT, SIGNER.verifying_key)
    assert not verdict.verified
    assert verdict.steps[-1].result == "refused"
    try:
        authenticate(data, SIGNER.verifying_key)
    except VerificationError as refusal:
        assert refusal.step
    else:
        raise AssertionError("nobody signed this")


@settings(max_examples=300, deadline=None)
@given(payload=st.binary(max_size=200) | JSON.map(as_json), kind=st.sampled_from([dsse.IN_TOTO]) | st.text(max_size=20))
def test_signed_payloads(payload: bytes, kind: str) -> None:
    """A good signature over anything at all."""
    signature = dsse.Signature(SIGNER.sign(dsse.pae(kind, payload)))
    data = bundle.write(SIGNER.verification_material(), dsse.Envelope(kind, payload, (signature,)))
    verdict = examine(data, ARTIFACT, SIGNER.verifying_key)
    assert not verdict.verified
    assert verdict.steps[-1].name in {"bundle", "content", "statement", "subject"}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | JSON.map(as_json))
def test_statements(payload: bytes) -> None:
    with contextlib.suppress(VerificationError):
        statement.read(payload)


def pem(kind: str, body: bytes) -> bytes:
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (kind.encode(), base64.b64encode(body), kind.encode())


KINDS = st.sampled_from(
    [
        "ENCRYPTED SIGSTORE PRIVATE KEY",
        "ENCRYPTED COSIGN PRIVATE KEY",
        "PRIVATE KEY",
        "EC PRIVATE KEY",
        "RSA PRIVATE KEY",
        "PUBLIC KEY",
        "CERTIFICATE",
        "ENCRYPTED PRIVATE KEY",
        "EC PARAMETERS",
        "OPENSSH PRIVATE KEY",
    ]
)
KEY_FILES = st.binary(max_size=200) | st.builds(pem, KINDS, st.binary(max_size=200) | JSON.map(as_json))


@settings(max_examples=400, deadline=None)
@given(KEY_FILES)
def test_private_key_files(data: bytes) -> None:
    try:
        keyfile.read_signer(data, lambda: b"password")
    except SigningError as refusal:
        assert "password" not in str(refusal).replace("wrong password", "")
        assert refusal.__cause__ is None


@settings(max_examples=300, deadline=None)
@given(KEY_FILES)
def test_public_key_files(data: bytes) -> None:
    with contextlib.suppress(InputError, UsageError):
        keys.read_public_key(data, "key.pub")


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, 2000), value=st.integers(1, 255))
def test_a_damaged_private_key_file_never_gives_another_key(position: int, value: int) -> None:
    damaged = bytearray(SEALED)
    damaged[position % len(damaged)] ^= value
    try:
        signer = keyfile.read_signer(bytes(damaged), lambda: b"password")
    except SigningError:
        return
    assert signer.verifying_key.hint == SIGNER.verifying_key.hint


SEALED = keyfile.seal(SIGNER, b"password")


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_what_we_write_we_read(value: Any) -> None:
    try:
        data = protojson.write(value)
    except ValueError:  # NaN, infinity, half a surrogate pair: JSON has no words for them
        return
    assert protojson.parse(data, what="value", limit=100_000, depth=50) == value
