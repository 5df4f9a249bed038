"""Bundles of our own Sigstore: good ones of every shape, and broken ones, each refused for its own reason.

All that is not named by a flaw is right, so a verifier that forgets one check accepts one of these.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ci_guard.attestation import keyless, trustedroot, verification
from ci_guard.attestation.artifact import DigestArtifact
from ci_guard.attestation.identity import IdentityPolicy, pattern
from ci_guard.attestation.keys import VerifyingKey
from ci_guard.attestation.policy import Expectations
from ci_guard.attestation.verdict import Result, Verdict
from ci_guard.model.errors import InputError, UsageError, VerificationError
from ci_guard.model.record import replace
from tests.attestation import loopback
from tests.attestation.loopback import ARTIFACT, IDENTITY, ISSUER, START, Recipe, Sigstore, b64, make

OURS, STRANGERS = Sigstore(), Sigstore()
POLICY = IdentityPolicy(ISSUER, IDENTITY)
THING = DigestArtifact(hashlib.sha256(ARTIFACT).hexdigest(), "pod.yaml")
Json = dict[str, Any]
CLAIMS = {
    "9": "https://github.com/acme/ci/.github/workflows/build.yml@refs/tags/v1",
    "12": "https://github.com/acme/app",
    "14": "refs/heads/main",
    "18": "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
    "20": "push",
    "2": "push",
    "5": "acme/app",
    "6": "refs/heads/main",
}


def roots(change: Callable[[Json], None] | None = None) -> tuple[trustedroot.TrustedRoot, ...]:
    document = OURS.trusted_root()
    if change:
        change(document)
    return trustedroot.read(json.dumps(document).encode(), "loopback")


ROOTS = roots()
TRUST = keyless.Trust(ROOTS, POLICY)


def examine(bundle: Json, trust: keyless.Trust = TRUST, expected: Expectations | None = None) -> Verdict:
    return keyless.examine(json.dumps(bundle).encode(), THING, trust, expected)


def refused_by(verdict: Verdict, step: str, says: str) -> None:
    assert not verdict.verified
    assert (verdict.statement, verdict.identity) == (None, "")
    last = verdict.steps[-1]
    assert (last.name, last.result, last.detail) == (step, Result.REFUSED, verdict.reason)
    assert says in verdict.reason
    assert all(taken.result is not Result.REFUSED for taken in verdict.steps[:-1])


GOOD = {
    "blob-rekor-v1": Recipe(),
    "blob-rekor-v1-without-promise-but-timestamp": Recipe(promise=False, timestamps=(1,)),
    "blob-rekor-v1-v0.1-promise-only": Recipe(version="0.1", proof=False, chain=True),
    "blob-rekor-v1-v0.2-chain": Recipe(version="0.2", chain=True),
    "blob-rekor-v1-and-timestamp": Recipe(timestamps=(2,)),
    "blob-rekor-v2": Recipe(log="v2", timestamps=(2,)),
    "blob-rekor-v2-two-timestamps": Recipe(log="v2", timestamps=(2, 3)),
    "blob-rekor-v2-timestamp-without-certificate": Recipe(log="v2", timestamps=(2,), embed=False),
    "dsse-rekor-v1": Recipe(content="dsse"),
    "dsse-rekor-v1-intoto-0.0.1": Recipe(content="dsse", kind="intoto-1"),
    "dsse-rekor-v1-intoto-0.0.2": Recipe(content="dsse", kind="intoto-2"),
    "dsse-rekor-v2": Recipe(content="dsse", log="v2", timestamps=(2,)),
    "first-entry-of-a-log": Recipe(neighbours=0),
    "large-log": Recipe(neighbours=200),
    "only-the-old-issuer-extension": Recipe(issuer=""),
    "only-the-new-issuer-extension": Recipe(issuer_v1=""),
    "at-the-first-second": Recipe(integrated=0),
    "at-the-last-second": Recipe(integrated=10),
}


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str) -> None:
    verdict = examine(make(OURS, GOOD[name]))
    assert verdict.verified, verdict.reason
    assert verdict.identity == f"{IDENTITY} ({ISSUER})"
    assert [step.number for step in verdict.steps] == list(range(1, len(keyless.STEPS) + 1))
    assert [step.name for step in verdict.steps] == list(keyless.STEPS)
    assert all(step.detail for step in verdict.steps)
    assert all(step.result is Result.HELD for step in verdict.steps[:10])


@pytest.mark.parametrize("name", GOOD)
def test_a_good_bundle_holds_for_nothing_else(name: str) -> None:
    other = DigestArtifact(hashlib.sha256(b"another").hexdigest(), "another")
    data = json.dumps(make(OURS, GOOD[name])).encode()
    assert keyless.examine(data, other, TRUST).steps[-1].name in {"content", "subject"}
    nobody = IdentityPolicy(ISSUER, IDENTITY + "x")
    refused_by(keyless.examine(data, THING, keyless.Trust(ROOTS, nobody)), "identity", "signed by")
    strange = trustedroot.read(json.dumps(STRANGERS.trusted_root()).encode(), "strange")
    refused_by(keyless.examine(data, THING, keyless.Trust(strange, POLICY)), "trusted-root", "no certificate authority")


def in_entry(change: Callable[[Json], None]) -> Callable[[Json], None]:
    return lambda bundle: change(bundle["verificationMaterial"]["tlogEntries"][0])


def proof(change: Callable[[Json], None]) -> Recipe:
    return Recipe(edit=in_entry(lambda entry: change(entry["inclusionProof"])))


def flip(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    return b64(bytes(data))


def other_certificate(record: Json) -> None:
    key = loopback.ec.generate_private_key(loopback.ec.SECP256R1())
    pem = OURS.certificate(key, Recipe()).public_bytes(loopback.Encoding.PEM)
    spec = record["spec"]
    if "signature" in spec:
        spec["signature"]["publicKey"]["content"] = b64(pem)
    elif "publicKey" in spec:
        spec["publicKey"] = b64(pem)
    elif "signatures" in spec:
        spec["signatures"][0]["verifier"] = b64(pem)
    else:
        spec["content"]["envelope"]["signatures"][0]["publicKey"] = b64(pem)


def put(*path: Any, value: Any) -> Callable[[Json], None]:
    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value(document[path[-1]]) if callable(value) else value

    return change


def remove(*path: Any) -> Callable[[Json], None]:
    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return change


MATERIAL = "verificationMaterial"
EMAIL = x509.RFC822Name("a@acme.example")
URI = x509.UniformResourceIdentifier(IDENTITY)
ZERO = hashlib.sha256(b"zero").hexdigest()
DSSE = Recipe(content="dsse")
V2 = Recipe(log="v2", timestamps=(2,))
BROKEN: dict[str, tuple[Recipe, str, str]] = {
    # 1, 2, 3
    "key-instead-of-a-certificate": (
        Recipe(edit=put(MATERIAL, value=lambda m: {"publicKey": {"hint": "x"}})), "certificate", "signed with a key"),
    "certificate-of-noise": (
        Recipe(edit=put(MATERIAL, "certificate", "rawBytes", value=b64(b"noise"))), "certificate", "cannot be read"),
    "certificate-cut": (
        Recipe(edit=put(MATERIAL, "certificate", "rawBytes", value=lambda t: b64(base64.b64decode(t)[:-9]))),
        "certificate", "cannot be read"),
    "certificate-for-tls": (
        Recipe(usages=(ExtendedKeyUsageOID.SERVER_AUTH,)), "certificate", "not codeSigning"),
    "certificate-without-extended-usage": (Recipe(usages=()), "certificate", "no extension 2.5.29.37"),
    "certificate-not-for-signatures": (Recipe(digital_signature=False), "certificate", "not digitalSignature"),
    "certificate-without-a-name": (Recipe(names=()), "certificate", "no extension 2.5.29.17"),
    "certificate-with-two-names": (Recipe(names=(URI, EMAIL)), "certificate", "2 subject alternative names"),
    "certificate-with-a-host-name": (Recipe(names=(x509.DNSName("acme.example"),)), "certificate", "DNSName"),
    "certificate-without-issuer": (Recipe(issuer="", issuer_v1=""), "certificate", "no issuer of the identity"),
    "certificate-with-two-issuers": (
        Recipe(issuer_v1="https://elsewhere.example"), "certificate", "two different issuers"),
    "certificate-of-a-stranger": (Recipe(stranger="ca"), "trusted-root", "no certificate authority of loopback"),
    "certificate-of-itself": (
        Recipe(edit=put(MATERIAL, "certificate", "rawBytes", value=flip)), "trusted-root", "no certificate authority"),
    # 4, 5
    "digest-of-another-artifact": (
        Recipe(edit=put("messageSignature", "messageDigest", "digest", value=flip)), "content", "the bundle is about"),
    "two-signatures": (
        replace(DSSE, edit=put("dsseEnvelope", "signatures", value=lambda s: s * 2)), "content", "2 signatures"),
    "foreign-payload-type": (
        replace(DSSE, edit=put("dsseEnvelope", "payloadType", value="text/plain")), "content", "payload type"),
    "signature-of-noise": (
        Recipe(edit=put("messageSignature", "signature", value=b64(b"noise"))), "signature", "not one of the key"),
    "signature-flipped": (
        Recipe(edit=put("messageSignature", "signature", value=flip)), "signature", "not one of the key"),
    "payload-flipped": (
        replace(DSSE, edit=put("dsseEnvelope", "payload", value=flip)), "signature", "not one of the key"),
    # 6: is it in the log
    "no-log-entry": (Recipe(log="", timestamps=(2,)), "log", "no log entry"),
    "entry-of-a-stranger-log": (Recipe(stranger="log"), "log", "knows no log"),
    "entry-of-a-stranger-log-under-our-name": (
        Recipe(stranger="log", entry=put("logId", "keyId", value=b64(OURS.log_id("v1")))), "log", "promise"),
    "promise-flipped": (
        Recipe(edit=in_entry(put("inclusionPromise", "signedEntryTimestamp", value=flip))), "log", "promise"),
    "promised-time-changed": (
        Recipe(edit=in_entry(put("integratedTime", value=lambda t: str(int(t) + 1)))), "log", "promise"),
    "promised-index-changed": (Recipe(edit=in_entry(put("logIndex", value="7"))), "log", "promise"),
    "time-out-of-range": (Recipe(edit=in_entry(put("integratedTime", value=str(2**62)))), "log", "promise"),
    "proof-missing": (Recipe(proof=False), "log", "no inclusion proof"),
    "proof-missing-in-v0.2": (Recipe(proof=False, version="0.2"), "log", "no inclusion proof"),
    "promise-and-proof-missing-in-v0.1": (
        Recipe(proof=False, promise=False, version="0.1", timestamps=(1,)), "log", "no inclusion proof"),
    "proof-with-a-hash-flipped": (proof(put("hashes", 0, value=flip)), "log", "does not lead"),
    "proof-with-a-hash-too-many": (proof(put("hashes", value=lambda h: [*h, h[0]])), "log", "more hashes"),
    "proof-with-a-hash-too-few": (proof(put("hashes", value=lambda h: h[:-1])), "log", "fewer hashes"),
    "proof-with-a-short-hash": (proof(put("hashes", 0, value=b64(b"short"))), "log", "no sha256"),
    "proof-for-another-leaf": (proof(put("logIndex", value="2")), "log", "does not lead"),
    "proof-beyond-the-tree": (proof(put("logIndex", value="6")), "log", "leaf 6 of a tree of 6"),
    "proof-with-another-root": (proof(put("rootHash", value=flip)), "log", "another tree"),
    "proof-with-another-size": (proof(put("treeSize", value="7")), "log", "another tree"),
    "checkpoint-missing": (proof(remove("checkpoint")), "log", "no checkpoint"),
    "checkpoint-with-another-size": (
        Recipe(checkpoint=lambda c: c.replace("\n6\n", "\n5\n")), "log", "checkpoint's signature"),
    "checkpoint-without-size": (Recipe(checkpoint=lambda c: c.replace("\n6\n", "\n")), "log", "no signed note"),
    "checkpoint-size-not-decimal": (Recipe(checkpoint=lambda c: c.replace("\n6\n", "\n06\n")), "log", "no tree size"),
    "checkpoint-of-another-origin": (
        Recipe(checkpoint=lambda c: c.replace("- 42", "- 43")), "log", "checkpoint's signature"),
    "checkpoint-without-signature": (Recipe(checkpoint=lambda c: c.split("\n\n")[0] + "\n\n"), "log", "signatures"),
    "checkpoint-with-an-unknown-key-only": (
        Recipe(checkpoint=lambda c: c.split("— ")[0] + f"— who {b64(b'hint' + b's' * 64)}\n"), "log", "do not count"),
    "checkpoint-with-extra-lines-at-the-end": (Recipe(checkpoint=lambda c: c + "more\n"), "log", "no signature"),
    "rekor-v2-checkpoint-changed": (
        replace(V2, checkpoint=lambda c: c.replace("\n6\n", "\n5\n")), "log", "checkpoint's signature"),
    "rekor-v2-proof-missing": (replace(V2, proof=False), "log", "no inclusion proof"),
    # 6: does it speak of this bundle
    "entry-changed-after-logging": (
        Recipe(edit=in_entry(put("canonicalizedBody", value=lambda t: b64(base64.b64decode(t) + b" ")))),
        "log", "promise"),
    "entry-called-another-kind": (
        Recipe(edit=in_entry(put("kindVersion", "version", value="0.0.2"))), "log", "the bundle calls the log entry"),
    "entry-of-an-unknown-kind": (Recipe(body=put("kind", value="rpm")), "log", "not one that can be compared"),
    "entry-of-rekor-v2-dsse": (
        replace(V2, content="dsse", kind="dsse", body=put("apiVersion", value="0.0.2")), "log", "can be compared"),
    "entry-for-an-envelope-beside-a-blob": (Recipe(kind="dsse"), "log", "does not fit"),
    "entry-for-a-blob-beside-an-envelope": (replace(DSSE, kind="hashedrekord"), "log", "does not fit"),
    "hashedrekord-1-of-another-digest": (
        Recipe(body=put("spec", "data", "hash", "value", value=ZERO)), "log", "another digest"),
    "hashedrekord-1-of-another-hash": (
        Recipe(body=put("spec", "data", "hash", "algorithm", value="sha512")), "log", "'sha512' of the digest"),
    "hashedrekord-1-of-another-signature": (
        Recipe(body=put("spec", "signature", "content", value=flip)), "log", "another signature"),
    "hashedrekord-1-of-another-signer": (Recipe(body=other_certificate), "log", "another signer"),
    "hashedrekord-2-of-another-digest": (
        replace(V2, body=put("spec", "hashedRekordV002", "data", "digest", value=flip)), "log", "another digest"),
    "hashedrekord-2-of-another-hash": (
        replace(V2, body=put("spec", "hashedRekordV002", "data", "algorithm", value="SHA2_512")), "log", "SHA2_512"),
    "hashedrekord-2-of-another-signature": (
        replace(V2, body=put("spec", "hashedRekordV002", "signature", "content", value=flip)),
        "log", "another signature"),
    "hashedrekord-2-of-another-signer": (
        replace(V2, body=put(
            "spec", "hashedRekordV002", "signature", "verifier", "x509Certificate", "rawBytes", value=flip)),
        "log", "another signer"),
    "hashedrekord-2-of-a-key": (
        replace(V2, body=put(
            "spec", "hashedRekordV002", "signature", "verifier", value={"publicKey": {"rawBytes": b64(b"k")}})),
        "log", "another signer"),
    "dsse-of-another-payload": (
        replace(DSSE, body=put("spec", "payloadHash", "value", value=ZERO)), "log", "another payload"),
    "dsse-of-another-signature": (
        replace(DSSE, body=put("spec", "signatures", 0, "signature", value=flip)), "log", "another signature"),
    "dsse-of-another-signer": (replace(DSSE, body=other_certificate), "log", "another signer"),
    "dsse-of-two-signatures": (
        replace(DSSE, body=put("spec", "signatures", value=lambda s: s * 2)), "log", "2 signatures"),
    "intoto-1-of-another-payload": (
        replace(DSSE, kind="intoto-1", body=put("spec", "content", "payloadHash", "value", value=ZERO)),
        "log", "another payload"),
    "intoto-1-of-another-signer": (replace(DSSE, kind="intoto-1", body=other_certificate), "log", "another signer"),
    "intoto-2-of-another-payload": (
        replace(DSSE, kind="intoto-2", body=put("spec", "content", "payloadHash", "value", value=ZERO)),
        "log", "another payload"),
    "intoto-2-of-another-signature": (
        replace(DSSE, kind="intoto-2", body=put(
            "spec", "content", "envelope", "signatures", 0, "sig", value=b64(b64(b"another").encode()))),
        "log", "another signature"),
    "intoto-2-of-another-signer": (replace(DSSE, kind="intoto-2", body=other_certificate), "log", "another signer"),
    "intoto-2-of-another-type": (
        replace(DSSE, kind="intoto-2", body=put("spec", "content", "envelope", "payloadType", value="text/plain")),
        "log", "payload type"),
    # 7
    "nobody-says-when": (Recipe(promise=False), "time", "nobody says when"),
    "rekor-v2-without-timestamp": (Recipe(log="v2"), "time", "nobody says when"),
    "rekor-v2-with-a-time-that-nobody-signed": (
        Recipe(log="v2", entry=lambda e: e.update(integratedTime=str(int(START.timestamp()) + 60))),
        "time", "nobody says when"),
    "timestamp-of-noise": (
        replace(V2, edit=put(MATERIAL, "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp",
                             value=b64(b"noise"))), "time", "cannot be read"),
    "timestamp-of-a-stranger": (replace(V2, stranger="tsa"), "time", "does not hold"),
    "timestamp-of-a-stranger-without-certificate": (
        replace(V2, stranger="tsa", embed=False), "time", "does not hold"),
    "timestamp-over-the-artifact": (replace(V2, stamped=ARTIFACT), "time", "Mismatch between messages"),
    "timestamp-not-granted": (replace(V2, tsa_status=2), "time", "does not hold"),
    "timestamp-before-the-authority": (
        replace(V2, timestamps=(-60 * 24 * 400,)), "time", "the trusted root has it for"),
    "one-good-timestamp-and-one-of-noise": (
        replace(V2, edit=lambda b: b[MATERIAL]["timestampVerificationData"]["rfc3161Timestamps"].append(
            {"signedTimestamp": b64(b"noise")})), "time", "cannot be read"),
    # 8
    "logged-before-the-certificate": (Recipe(integrated=-1), "chain", "the certificate is valid from"),
    "logged-after-the-certificate": (Recipe(integrated=11), "chain", "the certificate is valid from"),
    "stamped-after-the-certificate": (replace(V2, timestamps=(11,)), "chain", "the certificate is valid from"),
    "logged-in-time-but-stamped-after": (Recipe(timestamps=(11,)), "chain", "the certificate is valid from"),
    "one-timestamp-in-time-and-one-after": (replace(V2, timestamps=(2, 11)), "chain", "is valid from"),
    "certificate-that-is-an-authority": (Recipe(ca=True), "chain", "no path"),
    # 9
    "sct-missing": (Recipe(sct="none"), "sct", "no signed certificate timestamp"),
    "sct-of-an-unknown-log": (Recipe(sct="unknown-log"), "sct", "no certificate transparency log"),
    "sct-with-a-wrong-signature": (Recipe(sct="wrong-signature"), "sct", "not signed by"),
    "sct-for-another-issuer": (Recipe(sct="other-issuer"), "sct", "not signed by"),
    "sct-before-the-log": (Recipe(sct="early"), "sct", "the trusted root has it for"),
    # 10
    "another-identity": (Recipe(names=(EMAIL,)), "identity", "signed by 'a@acme.example'"),
    "identity-with-more-behind": (
        Recipe(names=(x509.UniformResourceIdentifier(IDENTITY + "-2"),)), "identity", "signed by"),
    "another-issuer": (
        Recipe(issuer="https://elsewhere.example", issuer_v1=""), "identity", "vouches for the identity"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    recipe, step, says = BROKEN[name]
    bundle = make(OURS, recipe, STRANGERS)
    refused_by(examine(bundle), step, says)
    with pytest.raises(VerificationError) as raised:
        keyless.verify(json.dumps(bundle).encode(), THING, TRUST)
    assert raised.value.step == step


def test_every_step_that_is_about_keyless_has_a_case() -> None:
    assert {step for _, step, _ in BROKEN.values()} == set(keyless.STEPS[1:10])


END_BEFORE = {"start": "2024-07-01T00:00:00Z", "end": "2025-05-31T00:00:00Z"}
AUTHORITY, LOG, LOG_2, CT, TSA = (
    ("certificateAuthorities", 0),
    ("tlogs", 0),
    ("tlogs", 1),
    ("ctlogs", 0),
    ("timestampAuthorities", 0),
)
ROOT_FLAWS: dict[str, tuple[Recipe, Callable[[Json], None], str, str]] = {
    "authority-retired": (Recipe(), put(*AUTHORITY, "validFor", value=END_BEFORE), "chain", "the trusted root has"),
    "log-retired": (Recipe(), put(*LOG, "publicKey", "validFor", value=END_BEFORE), "log", "the trusted root has"),
    "rekor-v2-log-retired": (V2, put(*LOG_2, "publicKey", "validFor", value=END_BEFORE), "time", "did not have"),
    "ct-log-retired": (Recipe(), put(*CT, "publicKey", "validFor", value=END_BEFORE), "sct", "the trusted root has"),
    "tsa-retired": (V2, put(*TSA, "validFor", value=END_BEFORE), "time", "the trusted root has it for"),
    "tsa-unknown": (V2, remove("timestampAuthorities"), "time", "names no timestamp authority"),
    "tsa-without-root": (
        V2, put(*TSA, "certChain", "certificates", value=lambda c: c[:1]), "time", "no root certificate"),
    "no-authority": (Recipe(), put("certificateAuthorities", value=[]), "trusted-root", "no certificate authority"),
    "no-log-known": (Recipe(), put("tlogs", value=[]), "log", "knows no log"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROOT_FLAWS)
def test_what_the_root_does_not_trust(name: str) -> None:
    recipe, change, step, says = ROOT_FLAWS[name]
    refused_by(examine(make(OURS, recipe), keyless.Trust(roots(change), POLICY)), step, says)


def test_whole_paths_say_the_same_as_short_ones() -> None:
    def whole(root: trustedroot.TrustedRoot) -> trustedroot.TrustedRoot:
        assert all(authority.issuing for authority in root.authorities)
        return replace(root, authorities=tuple(replace(one, issuing=None) for one in root.authorities))

    cases = [(recipe, ROOTS) for recipe in GOOD.values()]
    cases += [(recipe, ROOTS) for recipe, _, _ in BROKEN.values()]
    cases += [(recipe, roots(change)) for recipe, change, _, _ in ROOT_FLAWS.values()]
    for recipe, trusted in cases:
        bundle = make(OURS, recipe, STRANGERS)
        short = examine(bundle, keyless.Trust(trusted, POLICY))
        assert short == examine(bundle, keyless.Trust(tuple(map(whole, trusted)), POLICY))


def test_ends_belong_to_validity() -> None:
    moment = f"{START + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
    for path in ((*LOG, "publicKey"), AUTHORITY):
        for bound in ({"start": moment}, {"start": "2024-07-01T00:00:00Z", "end": moment}):
            root = roots(put(*path, "validFor", value=bound))
            assert examine(make(OURS, Recipe()), keyless.Trust(root, POLICY)).verified


BROKEN_ROOTS: dict[str, tuple[Callable[[Json], None], str]] = {
    "start-missing": (put(*LOG, "publicKey", "validFor", value={"end": "2030-01-01T00:00:00Z"}), "start is missing"),
    "validity-missing": (remove(*AUTHORITY, "validFor"), "validFor is missing"),
    "time-without-zone": (put(*TSA, "validFor", value={"start": "2024-07-01T00:00:00"}), "no time zone"),
    "time-of-noise": (put(*TSA, "validFor", value={"start": "yesterday"}), "is no time"),
    "key-of-noise": (put(*LOG, "publicKey", "rawBytes", value=b64(b"noise")), "cannot be read"),
    "key-of-another-kind": (put(*LOG, "publicKey", "keyDetails", value="PKIX_ED25519"), "not of the kind"),
    "log-without-id": (remove(*LOG, "logId"), "logId is missing"),
    "log-of-another-hash": (put(*LOG, "hashAlgorithm", value="SHA2_512"), "hashes with 'SHA2_512'"),
    "chain-empty": (put(*AUTHORITY, "certChain", "certificates", value=[]), "no certificate"),
    "certificate-of-noise": (
        put(*AUTHORITY, "certChain", "certificates", 0, "rawBytes", value=b64(b"x")), "cannot be read"),
    "another-media-type": (put("mediaType", value="text/plain"), "media type"),
    "unknown-field": (lambda d: d.update(more=1), "unknown field 'more'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_ROOTS)
def test_broken_roots(name: str) -> None:
    change, says = BROKEN_ROOTS[name]
    with pytest.raises(InputError, match="loopback is no trusted root") as raised:
        roots(change)
    assert says in str(raised.value)


def test_a_root_without_logs_demands_none() -> None:
    """The shape of GitHub's attestations for private repositories: certificate and timestamp, nothing else."""

    def private(document: Json) -> None:
        document["tlogs"] = document["ctlogs"] = []

    trust = keyless.Trust(roots(private), POLICY)
    verdict = examine(make(OURS, Recipe(log="", sct="none", timestamps=(2,))), trust)
    assert verdict.verified, verdict.reason
    skipped = {step.name for step in verdict.steps if step.result is Result.NOT_CHECKED}
    assert {"log", "sct"} <= skipped
    refused_by(examine(make(OURS, Recipe(log="", sct="none")), trust), "time", "nobody says when")


def test_one_root_of_several_must_hold_on_its_own() -> None:
    lines = b"\n".join(json.dumps(s.trusted_root()).encode() for s in (STRANGERS, OURS)) + b"\n"
    both = trustedroot.read(lines, "both")
    assert len(both) == 2
    assert examine(make(OURS, Recipe()), keyless.Trust(both, POLICY)).verified
    refused_by(examine(make(OURS, Recipe(stranger="log"), STRANGERS), keyless.Trust(both, POLICY)), "log", "no log")


def test_an_authority_may_be_listed_twice() -> None:
    def twice(document: Json) -> None:
        old = json.loads(json.dumps(document["certificateAuthorities"][0]))
        old["validFor"] = END_BEFORE
        document["certificateAuthorities"].insert(0, old)

    assert examine(make(OURS, Recipe()), keyless.Trust(roots(twice), POLICY)).verified


def test_a_private_root_may_hold_the_anchor_only() -> None:
    anchor = roots(put(*AUTHORITY, "certChain", "certificates", value=lambda c: c[1:]))
    assert examine(make(OURS, Recipe(chain=True)), keyless.Trust(anchor, POLICY)).verified
    refused_by(examine(make(OURS, Recipe()), keyless.Trust(anchor, POLICY)), "trusted-root", "no certificate authority")


def test_patterns_match_whole_identities() -> None:
    bundle = make(OURS, Recipe())
    for text, good in ((r"https://github\.com/acme/.*", True), ("acme", False), (r"https://github\.com/acme/", False)):
        verdict = examine(bundle, keyless.Trust(ROOTS, IdentityPolicy(ISSUER, pattern=pattern(text))))
        assert verdict.verified == good
    for text in (".*", ".+", r"[\s\S]*", "(", "a" * 2000):
        with pytest.raises(UsageError):
            pattern(text)


@pytest.mark.parametrize(("identity", "issuer"), [("", ISSUER), (IDENTITY, ""), ("", "")])
def test_nobody_in_particular_is_not_trusted(identity: str, issuer: str) -> None:
    with pytest.raises(UsageError):
        IdentityPolicy(issuer, identity)
    with pytest.raises(UsageError):
        keyless.Trust((), POLICY)


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({"repository": "acme/app"}, True),
        ({"repository": "https://github.com/acme/app"}, True),
        ({"repository": "acme/app2"}, False),
        ({"workflow": ".github/workflows/release.yml"}, True),
        ({"workflow": CLAIMS["18"]}, True),
        ({"workflow": "release.yml"}, False),
        ({"ref": "refs/heads/main"}, True),
        ({"ref": "main"}, False),
        ({"trigger": "push"}, True),
        ({"trigger": "pull_request"}, False),
        ({"builder": CLAIMS["9"]}, True),
        ({"builder": CLAIMS["18"]}, False),
        ({"repository": "acme/app", "ref": "refs/heads/main", "trigger": "release"}, False),
    ],
)
def test_claims(claims: dict[str, str], good: bool) -> None:
    trust = keyless.Trust(ROOTS, IdentityPolicy(ISSUER, IDENTITY, claims=claims))
    verdict = examine(make(OURS, Recipe(claims=CLAIMS)), trust)
    assert verdict.verified == good
    if not good:
        refused_by(verdict, "identity", "expected")


def test_claims_that_are_missing_or_disagree() -> None:
    trust = keyless.Trust(ROOTS, IdentityPolicy(ISSUER, IDENTITY, claims={"trigger": "push"}))
    refused_by(examine(make(OURS, Recipe()), trust), "identity", "claims no trigger")
    disagreeing = {**CLAIMS, "2": "schedule"}
    refused_by(examine(make(OURS, Recipe(claims=disagreeing)), trust), "identity", "'schedule'")
    with pytest.raises(UsageError, match="no claim 'branch'"):
        IdentityPolicy(ISSUER, IDENTITY, claims={"branch": "main"})


def test_expectations_are_those_of_keys() -> None:
    bundle = make(OURS, DSSE)
    slsa = "https://slsa.dev/provenance/v1"
    assert examine(bundle, expected=Expectations(slsa, "https://builder.example")).verified
    refused_by(examine(bundle, expected=Expectations("https://cyclonedx.org/bom")), "predicate-type", "expected")
    refused_by(examine(bundle, expected=Expectations(slsa, "https://elsewhere.example")), "builder", "expected")


def legacy(recipe: Recipe, key: bytes = b"") -> Json:
    """The same evidence as cosign's older bundle."""
    bundle = make(OURS, recipe)
    entry = bundle[MATERIAL]["tlogEntries"][0]
    raw = base64.b64decode(bundle[MATERIAL]["certificate"]["rawBytes"])
    pem = key or x509.load_der_x509_certificate(raw).public_bytes(loopback.Encoding.PEM)
    payload = {
        "body": entry["canonicalizedBody"],
        "integratedTime": int(entry["integratedTime"]),
        "logIndex": int(entry["logIndex"]),
        "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
    }
    promise = entry["inclusionPromise"]["signedEntryTimestamp"]
    return {
        "base64Signature": bundle["messageSignature"]["signature"],
        "cert": b64(pem),
        "rekorBundle": {"SignedEntryTimestamp": promise, "Payload": payload},
    }


def test_cosigns_older_bundles() -> None:
    bundle = legacy(Recipe())
    assert examine(bundle).verified
    changed = json.loads(json.dumps(bundle))
    changed["rekorBundle"]["Payload"]["integratedTime"] += 1
    refused_by(examine(changed), "log", "promise")
    refused_by(examine({**bundle, "base64Signature": flip(bundle["base64Signature"])}), "signature", "not one of")
    refused_by(examine({**bundle, "rekorBundle": None}), "log", "no log entry")
    refused_by(examine({**bundle, "more": 1}), "bundle", "unknown field")
    refused_by(examine({**bundle, "cert": b64(b"noise")}), "bundle", "bundle.cert")
    refused_by(examine({**bundle, "cert": ""}), "certificate", "signed with a key")


def key_bundle(recipe: Recipe, hint: str = "") -> tuple[bytes, VerifyingKey]:
    """A bundle of a managed key whose signature was logged and stamped all the same."""
    key = loopback.ec.generate_private_key(loopback.ec.SECP256R1())
    signature = key.sign(ARTIFACT, loopback.ec.ECDSA(loopback.hashes.SHA256()))
    pem = key.public_key().public_bytes(loopback.Encoding.PEM, loopback.PublicFormat.SubjectPublicKeyInfo)
    public = {"content": b64(pem)}
    body = {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(ARTIFACT).hexdigest()}},
            "signature": {"content": b64(signature), "publicKey": public},
        },
    }
    if recipe.body:
        recipe.body(body)
    material: Json = {"publicKey": {"hint": hint}}
    if recipe.log:
        material["tlogEntries"] = [OURS.log_entry(loopback.canonical(body), recipe)]
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": material,
        "messageSignature": {"signature": b64(signature)},
    }
    return json.dumps(bundle).encode(), VerifyingKey(key.public_key())


def test_keys_with_a_trusted_root() -> None:
    data, key = key_bundle(Recipe())
    verdict = verification.examine(data, THING, key, roots=ROOTS)
    assert verdict.verified, verdict.reason
    assert {s.name for s in verdict.steps if s.result is Result.HELD} >= {"log", "time"}
    assert verification.examine(data, THING, key).verified
    data, key = key_bundle(Recipe(body=put("spec", "signature", "content", value=flip)))
    refused_by(verification.examine(data, THING, key, roots=ROOTS), "log", "another signature")
    assert verification.examine(data, THING, key).verified, "without a root the key alone decides"
    data, key = key_bundle(Recipe(log=""))
    refused_by(verification.examine(data, THING, key, roots=ROOTS), "log", "no log entry")
