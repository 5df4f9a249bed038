"""Writes `cases/`: good bundles, and bundles that are broken in one way each. Run it from the root of the repo:

    python -m tests.attestation.make_cases

Every run makes a throw-away key, so the whole corpus changes; the private key is never written. Bundles are put
together by hand, not by our own writer, so that they can be wrong in ways that it never is.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CASES = Path(__file__).parent / "cases"
ARTIFACT = b"the artifact of the cases\n"
V03 = "application/vnd.dev.sigstore.bundle.v0.3+json"
INTOTO = "application/vnd.in-toto+json"
SLSA = "https://slsa.dev/provenance/v1"
Json = Any


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def hint(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b64(hashlib.sha256(der).digest())


def sign(data: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    return b64(key.sign(data, ec.ECDSA(hashes.SHA256())))


def pae(kind: str, payload: bytes) -> bytes:
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload


def statement(**changes: Json) -> dict[str, Json]:
    value: dict[str, Json] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "artifact", "digest": {"sha256": hashlib.sha256(ARTIFACT).hexdigest()}}],
        "predicateType": SLSA,
        "predicate": {
            "buildDefinition": {"buildType": "https://ci-guard.example/buildtypes/local/v1", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://ci-guard.example/builders/local/v1"}},
        },
    }
    value.update(changes)
    return {k: v for k, v in value.items() if v is not None}


def message(**changes: Json) -> dict[str, Json]:
    content = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(ARTIFACT).digest())},
        "signature": sign(ARTIFACT),
    }
    content.update(changes)
    return wrap({"messageSignature": {k: v for k, v in content.items() if v is not None}})


def attestation(payload: dict[str, Json] | bytes | None = None, kind: str = INTOTO) -> dict[str, Json]:
    data = payload if isinstance(payload, bytes) else json.dumps(payload or statement()).encode()
    signature = {"sig": sign(pae(kind, data)), "keyid": hint(KEY)}
    return wrap({"dsseEnvelope": {"payload": b64(data), "payloadType": kind, "signatures": [signature]}})


def wrap(content: dict[str, Json], media_type: str = V03) -> dict[str, Json]:
    return {"mediaType": media_type, "verificationMaterial": {"publicKey": {"hint": hint(KEY)}}, **content}


def edited(bundle: dict[str, Json], change: Callable[[Json], object]) -> dict[str, Json]:
    value = copy.deepcopy(bundle)
    change(value)
    return value


def without(bundle: dict[str, Json], *path: str) -> dict[str, Json]:
    value = copy.deepcopy(bundle)
    at = value
    for name in path[:-1]:
        at = at[name]
    del at[path[-1]]
    return value


def put(bundle: dict[str, Json], new: Json, *path: str | int) -> dict[str, Json]:
    value: Json = copy.deepcopy(bundle)
    at = value
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = new
    return value


def bit_spare(text: str) -> str:
    """The same bytes in base64 whose last character carries a spare bit."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    return body[:-1] + alphabet[alphabet.index(body[-1]) + 1] + "=" * (len(text) - len(body))


ENTRY = {"logIndex": "7", "logId": {"keyId": b64(b"k" * 32)}, "canonicalizedBody": b64(b"{}")}
GOOD: dict[str, tuple[Json, dict[str, str]]] = {
    "message-signature": (message(), {}),
    "message-signature-without-digest": (message(messageDigest=None), {}),
    "attestation": (attestation(), {"type": SLSA, "builder": "https://ci-guard.example/builders/local/v1"}),
    "attestation-statement-v0.1": (attestation(statement(_type="https://in-toto.io/Statement/v0.1")), {}),
    "attestation-second-subject": (
        attestation(statement(subject=[{"digest": {"sha256": "0" * 64}}, *statement()["subject"]])),
        {},
    ),
    "attestation-unknown-statement-field": (attestation(statement(later="ignored")), {}),
    "media-type-v0.1": (put(message(), "application/vnd.dev.sigstore.bundle+json;version=0.1", "mediaType"), {}),
    "media-type-v0.2": (put(message(), "application/vnd.dev.sigstore.bundle+json;version=0.2", "mediaType"), {}),
    "hint-in-free-text": (put(message(), "release key 2026", "verificationMaterial", "publicKey", "hint"), {}),
    "hint-missing": (without(message(), "verificationMaterial", "publicKey", "hint"), {}),
    "log-entry-not-checked": (put(message(), [ENTRY], "verificationMaterial", "tlogEntries"), {}),
}

GOOD_TEXT = json.dumps(message())
DSSE = ("dsseEnvelope", "signatures")
BROKEN: dict[str, tuple[Json, dict[str, str]]] = {
    "empty-file": (b"", {"step": "bundle", "says": "not strict JSON"}),
    "not-json": (b"-----BEGIN PUBLIC KEY-----\n", {"step": "bundle", "says": "not strict JSON"}),
    "not-utf8": (GOOD_TEXT.encode().replace(b"publicKey", b"public\xffKey"), {"step": "bundle", "says": "strict JSON"}),
    "utf16": (GOOD_TEXT.encode("utf-16"), {"step": "bundle", "says": "not strict JSON"}),
    "truncated": (GOOD_TEXT[:-20].encode(), {"step": "bundle", "says": "not strict JSON"}),
    "data-behind-the-bundle": (GOOD_TEXT.encode() + b"{}", {"step": "bundle", "says": "not strict JSON"}),
    "list-at-the-top": (f"[{GOOD_TEXT}]".encode(), {"step": "bundle", "says": "not a JSON object"}),
    "nested-without-end": (b'{"a":' * 4000 + b"1" + b"}" * 4000, {"step": "bundle", "says": "nested"}),
    "nested-beyond-the-limit": (b'{"a":' * 40 + b"1" + b"}" * 40, {"step": "bundle", "says": "nested deeper"}),
    "key-twice": (
        GOOD_TEXT.encode().replace(b'{"mediaType"', b'{"messageSignature": {}, "mediaType"'),
        {"step": "bundle", "says": "stands twice"},
    ),
    "number-nan": (put(message(), float("nan"), "verificationMaterial", "x"), {"step": "bundle", "says": "NaN"}),
    "number-of-5000-digits": (
        GOOD_TEXT.encode().replace(b'"SHA2_256"', b"1" * 5000),
        {"step": "bundle", "says": "not strict JSON"},
    ),
    "unknown-field": (put(message(), "x", "comment"), {"step": "bundle", "says": "unknown field 'comment'"}),
    "unknown-field-in-signature": (
        put(message(), "x", "messageSignature", "note"),
        {"step": "bundle", "says": "unknown field 'note'"},
    ),
    "media-type-missing": (without(message(), "mediaType"), {"step": "bundle", "says": "mediaType is missing"}),
    "media-type-v9": (put(message(), V03.replace("0.3", "9.0"), "mediaType"), {"step": "bundle", "says": "media type"}),
    "media-type-a-number": (put(message(), 3, "mediaType"), {"step": "bundle", "says": "not a string"}),
    "material-missing": (without(message(), "verificationMaterial"), {"step": "bundle", "says": "is missing"}),
    "material-empty": (put(message(), {}, "verificationMaterial"), {"step": "bundle", "says": "exactly one of"}),
    "material-twofold": (
        put(message(), {"rawBytes": b64(b"x")}, "verificationMaterial", "certificate"),
        {"step": "bundle", "says": "exactly one of"},
    ),
    "certificate-chain-empty": (
        put(message(), {"x509CertificateChain": {"certificates": []}}, "verificationMaterial"),
        {"step": "bundle", "says": "no certificate"},
    ),
    "content-missing": (without(message(), "messageSignature"), {"step": "bundle", "says": "exactly one of"}),
    "content-twofold": ({**attestation(), **message()}, {"step": "bundle", "says": "exactly one of"}),
    "content-null": (put(message(), None, "messageSignature"), {"step": "bundle", "says": "exactly one of"}),
    "digest-algorithm-unknown": (
        put(message(), "SHA1", "messageSignature", "messageDigest", "algorithm"),
        {"step": "bundle", "says": "message digest is 'SHA1'"},
    ),
    "signature-empty": (put(message(), "", "messageSignature", "signature"), {"step": "bundle", "says": "is empty"}),
    "base64-broken": (
        put(message(), "%%%%", "messageSignature", "signature"),
        {"step": "bundle", "says": "not base64"},
    ),
    "base64-url-alphabet": (
        put(message(), "-_-_", "messageSignature", "signature"),
        {"step": "bundle", "says": "not base64"},
    ),
    "base64-spare-bits": (
        put(
            message(),
            bit_spare(message()["messageSignature"]["messageDigest"]["digest"]),
            "messageSignature",
            "messageDigest",
            "digest",
        ),
        {"step": "bundle", "says": "not canonical base64"},
    ),
    "base64-with-line-breaks": (
        edited(message(), lambda b: b["messageSignature"].update(signature="\n" + sign(ARTIFACT))),
        {"step": "bundle", "says": "not base64"},
    ),
    "log-index-negative": (
        put(message(), [{**ENTRY, "logIndex": "-1"}], "verificationMaterial", "tlogEntries"),
        {"step": "bundle", "says": "64-bit number"},
    ),
    "log-index-beyond-int64": (
        put(message(), [{**ENTRY, "logIndex": str(2**63)}], "verificationMaterial", "tlogEntries"),
        {"step": "bundle", "says": "64-bit number"},
    ),
    "log-entries-without-end": (
        put(message(), [ENTRY] * 1000, "verificationMaterial", "tlogEntries"),
        {"step": "bundle", "says": "at most"},
    ),
    "payload-type-missing": (
        without(attestation(), "dsseEnvelope", "payloadType"),
        {"step": "bundle", "says": "payloadType is missing"},
    ),
    "certificate-and-no-root": (
        put(message(), {"certificate": {"rawBytes": b64(b"\x30\x03\x02\x01\x01")}}, "verificationMaterial"),
        {"step": "key", "says": "no trusted root"},
    ),
    "hint-of-another-key": (
        put(message(), hint(OTHER), "verificationMaterial", "publicKey", "hint"),
        {"step": "key", "says": "was signed with the key"},
    ),
    "envelope-without-signature": (put(attestation(), [], *DSSE), {"step": "content", "says": "0 signatures"}),
    "envelope-with-two-signatures": (
        put(attestation(), attestation()["dsseEnvelope"]["signatures"] * 2, *DSSE),
        {"step": "content", "says": "2 signatures"},
    ),
    "payload-type-foreign": (attestation(b"{}", "text/plain"), {"step": "content", "says": "payload type"}),
    "keyid-of-another-key": (
        put(attestation(), hint(OTHER), *DSSE, 0, "keyid"),
        {"step": "content", "says": "was signed with the key"},
    ),
    "digest-of-another-artifact": (
        put(message(), b64(b"d" * 32), "messageSignature", "messageDigest", "digest"),
        {"step": "content", "says": "the bundle is about"},
    ),
    "digest-of-an-unfit-algorithm": (
        put(
            message(),
            {"algorithm": "SHA2_512", "digest": b64(hashlib.sha512(ARTIFACT).digest())},
            "messageSignature",
            "messageDigest",
        ),
        {"step": "content", "says": "does not sign sha512"},
    ),
    "signed-by-another-key": (
        put(message(), sign(ARTIFACT, OTHER), "messageSignature", "signature"),
        {"step": "signature", "says": "not one of the key"},
    ),
    "signature-of-another-artifact": (
        put(message(), sign(b"another"), "messageSignature", "signature"),
        {"step": "signature", "says": "not one of the key"},
    ),
    "signature-no-der": (
        put(message(), b64(b"s" * 64), "messageSignature", "signature"),
        {"step": "signature", "says": "not one of the key"},
    ),
    "signature-of-zeros": (
        put(message(), b64(b"\x30\x06\x02\x01\x00\x02\x01\x00"), "messageSignature", "signature"),
        {"step": "signature", "says": "not one of the key"},
    ),
    "signature-with-a-tail": (
        put(message(), b64(base64.b64decode(sign(ARTIFACT)) + b"\0"), "messageSignature", "signature"),
        {"step": "signature", "says": "not one of the key"},
    ),
    "payload-changed": (
        put(attestation(), b64(json.dumps(statement(predicate={})).encode()), "dsseEnvelope", "payload"),
        {"step": "signature", "says": "not one of the key"},
    ),
    "payload-signed-without-its-type": (
        put(attestation(), sign(json.dumps(statement()).encode()), *DSSE, 0, "sig"),
        {"step": "signature", "says": "not one of the key"},
    ),
    "artifact-signature-in-an-envelope": (
        put(attestation(), sign(ARTIFACT), *DSSE, 0, "sig"),
        {"step": "signature", "says": "not one of the key"},
    ),
    "statement-no-json": (attestation(b"statement"), {"step": "statement", "says": "not strict JSON"}),
    "statement-a-list": (attestation(b"[]"), {"step": "statement", "says": "not a JSON object"}),
    "statement-of-version-9": (
        attestation(statement(_type="https://in-toto.io/Statement/v9")),
        {"step": "statement", "says": "not an in-toto statement"},
    ),
    "statement-key-twice": (
        attestation(json.dumps(statement()).encode().replace(b'{"_type"', b'{"subject": [], "_type"')),
        {"step": "statement", "says": "stands twice"},
    ),
    "statement-nested-without-end": (
        attestation(b'{"predicate":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        {"step": "statement", "says": "nested"},
    ),
    "statement-without-type": (attestation(statement(_type=None)), {"step": "statement", "says": "_type is missing"}),
    "statement-without-predicate-type": (
        attestation(statement(predicateType=None)),
        {"step": "statement", "says": "predicateType is missing"},
    ),
    "subjects-missing": (attestation(statement(subject=None)), {"step": "statement", "says": "no subject"}),
    "subjects-empty": (attestation(statement(subject=[])), {"step": "statement", "says": "no subject"}),
    "subject-without-digest": (
        attestation(statement(subject=[{"name": "artifact"}])),
        {"step": "statement", "says": "digest is missing"},
    ),
    "subject-digest-empty": (
        attestation(statement(subject=[{"name": "artifact", "digest": {}}])),
        {"step": "statement", "says": "no digest"},
    ),
    "subject-digest-short": (
        attestation(statement(subject=[{"digest": {"sha256": hashlib.sha256(ARTIFACT).hexdigest()[:16]}}])),
        {"step": "statement", "says": "malformed sha256"},
    ),
    "subject-digest-upper-case": (
        attestation(statement(subject=[{"digest": {"sha256": hashlib.sha256(ARTIFACT).hexdigest().upper()}}])),
        {"step": "statement", "says": "malformed sha256"},
    ),
    "subject-another-artifact": (
        attestation(statement(subject=[{"name": "artifact", "digest": {"sha256": "0" * 64}}])),
        {"step": "subject", "says": "none of the statement's subjects ('artifact')"},
    ),
    "subject-sha1-only": (
        attestation(statement(subject=[{"digest": {"sha1": hashlib.sha1(ARTIFACT).hexdigest()}}])),
        {"step": "subject", "says": "none of the statement's subjects"},
    ),
    "subject-digests-disagree": (
        attestation(
            statement(subject=[{"digest": {"sha256": hashlib.sha256(ARTIFACT).hexdigest(), "sha512": "0" * 128}}])
        ),
        {"step": "subject", "says": "none of the statement's subjects"},
    ),
    "predicate-type-another": (
        attestation(statement(predicateType="https://cyclonedx.org/bom")),
        {"step": "predicate-type", "says": "the predicate type is", "type": SLSA},
    ),
    "predicate-type-prefix": (
        attestation(statement(predicateType=SLSA + ".1")),
        {"step": "predicate-type", "says": "the predicate type is", "type": SLSA},
    ),
    "plain-signature-for-provenance": (message(), {"step": "predicate-type", "says": "states nothing", "type": SLSA}),
    "builder-another": (
        attestation(),
        {"step": "builder", "says": "the builder is", "type": SLSA, "builder": "https://builder.example/release"},
    ),
    "builder-not-named": (
        attestation(statement(predicate={"runDetails": {"builder": "text"}})),
        {"step": "builder", "says": "is not named", "type": SLSA, "builder": "https://builder.example/release"},
    ),
    "builder-in-another-predicate": (
        attestation(statement(predicateType="https://example.com/x")),
        {"step": "builder", "says": "is not named", "builder": "https://ci-guard.example/builders/local/v1"},
    ),
    "build-type-another": (
        attestation(),
        {"step": "provenance", "says": "the build type is", "build_type": "https://builder.example/v1"},
    ),
    "source-not-named": (
        attestation(),
        {"step": "provenance", "says": "it was built from nothing", "source": "https://github.com/acme/app"},
    ),
    "external-parameter-missing": (
        attestation(),
        {"step": "provenance", "says": "'ref' is missing", "parameters": {"ref": "refs/heads/main"}},
    ),
    "expression-not-true": (
        attestation(),
        {
            "step": "expression",
            "says": "it is not true of the predicate",
            "expressions": ["has(predicate.runDetails.metadata)"],
        },
    ),
}


def main() -> None:
    shutil.rmtree(CASES, ignore_errors=True)
    CASES.mkdir()
    (CASES / "artifact").write_bytes(ARTIFACT)
    (CASES / "key.pub").write_bytes(
        KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for kind, cases in (("good", GOOD), ("broken", BROKEN)):
        for name, (bundle, expected) in cases.items():
            folder = CASES / kind / name
            folder.mkdir(parents=True)
            data = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
            (folder / "bundle.sigstore.json").write_bytes(data)
            (folder / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
