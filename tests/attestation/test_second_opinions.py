"""Our bundles, judged by openssl and (where it is installed) by sigstore-js; other people's bundles, judged by us."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ci_guard.attestation import bundle, keyfile, keys, statement
from ci_guard.attestation.keys import KeySigner
from ci_guard.attestation.signing import sign_artifact, sign_statement
from ci_guard.attestation.verification import examine
from ci_guard.model.errors import InputError, VerificationError


@dataclass(frozen=True)
class Bytes:
    data: bytes
    name: str = "artifact"

    def digest(self, algorithm: str) -> bytes | None:
        return hashlib.new(algorithm, self.data).digest()


ARTIFACT = Bytes(b"apiVersion: v1\n" * 100)
SIGNERS = {
    "P-256": keyfile.generate(),
    "P-384": KeySigner(ec.generate_private_key(ec.SECP384R1())),
    "P-521": KeySigner(ec.generate_private_key(ec.SECP521R1())),
    "RSA": KeySigner(rsa.generate_private_key(65537, 2048)),
}
STATEMENT = statement.Statement(
    statement.subjects([("manifest.yaml", hashlib.sha256(ARTIFACT.data).hexdigest())]),
    "https://slsa.dev/provenance/v1",
    {"text": 'ä \u2028 \\ " / 😀', "number": 1.5},
)


def openssl_verifies(folder: Path, signer: KeySigner, signed: bytes, signature: bytes) -> bool:
    (folder / "key.pub").write_bytes(signer.verifying_key.pem())
    (folder / "signed").write_bytes(signed)
    (folder / "signature").write_bytes(signature)
    command = ["openssl", "dgst", f"-{signer.hash_name}", "-verify", "key.pub", "-signature", "signature", "signed"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0 or b"Verification failure" in done.stdout + done.stderr
    return done.returncode == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
@pytest.mark.parametrize("name", SIGNERS)
def test_openssl_verifies_what_we_signed(name: str, tmp_path: Path) -> None:
    signer = SIGNERS[name]
    content = json.loads(sign_artifact(ARTIFACT, signer))["messageSignature"]
    signature = base64.b64decode(content["signature"])
    assert openssl_verifies(tmp_path, signer, ARTIFACT.data, signature)
    assert not openssl_verifies(tmp_path, signer, ARTIFACT.data + b"x", signature)
    envelope = json.loads(sign_statement(STATEMENT, signer))["dsseEnvelope"]
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
    assert json.loads(payload)["predicate"] == STATEMENT.predicate
    encoded = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(payload)).encode(), payload])
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    assert openssl_verifies(tmp_path, signer, encoded, signature)
    assert not openssl_verifies(tmp_path, signer, payload, signature), "the type must be under the signature"


@pytest.mark.parametrize("name", SIGNERS)
def test_our_bundles_have_protobufs_json(name: str) -> None:
    """sigstore's generated models refuse unknown fields, wrong names and wrong base64."""
    from sigstore_models.bundle.v1 import Bundle

    signer = SIGNERS[name]
    for data in (sign_artifact(ARTIFACT, signer), sign_statement(STATEMENT, signer)):
        value = json.loads(data)
        value["verificationMaterial"]["tlogEntries"] = []  # these models demand what protobuf's JSON leaves out
        model = Bundle.from_json(json.dumps(value))
        assert model.media_type == bundle.MEDIA_TYPE
        assert model.verification_material.public_key is not None
        assert model.verification_material.public_key.hint == signer.verifying_key.hint


@pytest.mark.skipif(
    "CI_GUARD_NODE_SIGSTORE" not in os.environ,
    reason="sigstore-js was not asked: CI_GUARD_NODE_SIGSTORE names no folder with node_modules/@sigstore/verify",
)
@pytest.mark.parametrize(
    "name", ["P-256", "RSA"]
)  # for the larger curves sigstore-js 4 hashes with SHA-256 all the same
def test_sigstore_js_verifies_what_we_signed(name: str, tmp_path: Path) -> None:
    signer = SIGNERS[name]
    script = Path(__file__).parent / "sigstore_js_verify.cjs"
    (tmp_path / "key.pub").write_bytes(signer.verifying_key.pem())
    (tmp_path / "artifact").write_bytes(ARTIFACT.data)
    (tmp_path / "changed").write_bytes(ARTIFACT.data + b"x")
    cases = [("artifact", sign_artifact(ARTIFACT, signer), 0), ("changed", sign_artifact(ARTIFACT, signer), 1)]
    cases.append(("artifact", sign_statement(STATEMENT, signer), 0))
    tampered = bytearray(sign_statement(STATEMENT, signer))
    at = tampered.index(b'"payload":"') + 40
    tampered[at] = tampered[at] ^ 1 if chr(tampered[at] ^ 1).isalnum() else tampered[at] ^ 2
    cases.append(("artifact", bytes(tampered), 1))
    for artifact, data, code in cases:
        (tmp_path / "bundle.json").write_bytes(data)
        command = ["node", str(script), os.environ["CI_GUARD_NODE_SIGSTORE"], "bundle.json", "key.pub", artifact]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == code, done.stderr.decode()


SHARED = Path(os.environ.get("CI_GUARD_SHARED", "")) / "data" / "sigstore-conformance" / "bundle-verify"
NO_SUITE = "CI_GUARD_SHARED does not name the folder with data/sigstore-conformance"
MANAGED = {"managed-key-happy-path", "managed-key-and-trusted-root", "managed-key-wrong-key_fail"}


@pytest.mark.skipif(not SHARED.is_dir() or "CI_GUARD_SHARED" not in os.environ, reason=NO_SUITE)
def test_the_public_conformance_suite() -> None:
    """The key-based cases are judged; every keyless one is refused, the good ones for want of a trusted root only."""
    some_key = keyfile.generate().verifying_key
    judged = set()
    for folder in sorted(path for path in SHARED.iterdir() if path.is_dir()):
        data = (folder / "bundle.sigstore.json").read_bytes()
        own = folder / "artifact"
        artifact = Bytes((own if own.exists() else SHARED / "a.txt").read_bytes())
        if (folder / "key.pub").exists():
            judged.add(folder.name)
            assert accepted(data, artifact, folder / "key.pub") is not folder.name.endswith("_fail"), folder.name
            continue
        verdict = examine(data, artifact, some_key)
        assert not verdict.verified, folder.name
        if not folder.name.endswith("_fail"):
            assert verdict.steps[-1].name == "key", f"{folder.name}: its shape is good, {verdict.reason}"
            assert "no trusted root" in verdict.reason
    assert judged == MANAGED


def accepted(data: bytes, artifact: Bytes, key: Path) -> bool:
    try:
        return examine(data, artifact, keys.read_public_key(key.read_bytes(), str(key))).verified
    except InputError:  # the wrong key of the suite is no point on its curve
        return False


@pytest.mark.skipif(not SHARED.is_dir() or "CI_GUARD_SHARED" not in os.environ, reason=NO_SUITE)
def test_the_suites_good_key_bundle_is_refused_when_anything_changes() -> None:
    folder = SHARED / "managed-key-happy-path"
    data = (folder / "bundle.sigstore.json").read_bytes()
    key = keys.read_public_key((folder / "key.pub").read_bytes(), "key.pub")
    artifact = Bytes((SHARED / "a.txt").read_bytes())
    assert examine(data, artifact, key).verified
    assert not examine(data, Bytes(artifact.data + b"\n"), key).verified
    assert not examine(data, artifact, keyfile.generate().verifying_key).verified
    value = json.loads(data)
    value["messageSignature"]["signature"] = base64.b64encode(b"x" * 70).decode()
    assert examine(json.dumps(value).encode(), artifact, key).steps[-1].name == "signature"


@pytest.mark.skipif(not SHARED.is_dir() or "CI_GUARD_SHARED" not in os.environ, reason=NO_SUITE)
def test_every_bundle_of_the_suite_is_taken_apart_whole() -> None:
    """Shape only: the two that are refused here are broken in their shape."""
    refused = set()
    for path in sorted(SHARED.glob("*/bundle.sigstore.json")):
        try:
            parts = bundle.read(path.read_bytes())
        except VerificationError:
            refused.add(path.parent.name)
        else:
            assert len(parts.log_entries) == 1, path.parent.name
            assert parts.log_entries[0].canonicalized_body
    assert refused == {"bundle-empty-certificate-chain_fail", "rekor2-timestamp-with-incorrect-time_fail"}


@pytest.mark.parametrize("name", ["P-384", "P-521"])
def test_larger_curves_with_sha256_as_older_cosign_signed(name: str) -> None:
    """Accepted over the artifact (also by its sha256 alone) and over an envelope."""
    from cryptography.hazmat.primitives import hashes

    from ci_guard.attestation.artifact import DigestArtifact
    from ci_guard.attestation.bundle import MessageSignature
    from ci_guard.attestation.dsse import IN_TOTO, Envelope, Signature, pae

    private = ec.generate_private_key({"P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[name])
    signer = KeySigner(private)
    digest = hashlib.sha256(ARTIFACT.data).digest()
    algorithm = ec.ECDSA(hashes.SHA256())
    content = MessageSignature("sha256", digest, private.sign(ARTIFACT.data, algorithm))
    data = bundle.write(signer.verification_material(), content)
    assert examine(data, ARTIFACT, signer.verifying_key).verified
    assert examine(data, DigestArtifact(digest.hex(), "artifact"), signer.verifying_key).verified
    payload = statement.write(STATEMENT)
    envelope = Envelope(IN_TOTO, payload, (Signature(private.sign(pae(IN_TOTO, payload), algorithm)),))
    verdict = examine(bundle.write(signer.verification_material(), envelope), ARTIFACT, signer.verifying_key)
    assert verdict.verified
    assert "with sha256 holds" in verdict.steps[3].detail
    own = sign_artifact(ARTIFACT, signer)
    refused = examine(own, DigestArtifact(digest.hex(), "artifact"), signer.verifying_key)
    assert refused.reason == f"the signature is over a {signer.hash_name} digest: give the file, not its sha256"
