"""Writes `notary/`: signatures of the Notary Project, good and broken, with policies and stores. Run by hand, kept.

    python -m tests.attestation.make_notary NOTATION_GO

NOTATION_GO is a checkout of notaryproject/notation-go, from whose tests the timestamped signatures are taken.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = Path(__file__).parent / "notary"
IMAGE = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{'ab' * 32}", "size": 528}
SIGNED = "2026-01-01T00:00:00Z"
START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
PREFIX = "io.cncf.notary."
EVERYBODY = {"trustedIdentities": ["*"]}
DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def name(common: str) -> x509.Name:
    parts = {"C": "US", "ST": "WA", "O": "acme, inc.", "CN": common}
    oids = (NameOID.COUNTRY_NAME, NameOID.STATE_OR_PROVINCE_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in zip(oids, parts.values(), strict=True)])


def usage(*, ca: bool, **changed: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    bits = dict.fromkeys(names.split(), False)
    return x509.KeyUsage(**{**bits, "digital_signature": not ca, "key_cert_sign": ca, **changed})


class Person:
    """A key with a certificate by `issuer` (None: by itself)."""

    def __init__(
        self,
        common: str,
        issuer: Person | None = None,
        *,
        key: Any = None,
        ca: bool = False,
        end: datetime = END,
        purposes: tuple[Any, ...] = (ExtendedKeyUsageOID.CODE_SIGNING,),
        critical: bool = True,
        below: int | None = None,
        asked: bool = False,
        bits: dict[str, bool] | None = None,
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.issuer = issuer
        by = issuer or self
        self.name = name(common)
        builder = x509.CertificateBuilder().subject_name(self.name).issuer_name(by.name)
        builder = builder.public_key(self.key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(START).not_valid_after(end)
        builder = builder.add_extension(x509.BasicConstraints(ca, below), ca)
        builder = builder.add_extension(usage(ca=ca, **(bits or {})), critical)
        if purposes and not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
        if asked:
            point = x509.DistributionPoint(
                [x509.UniformResourceIdentifier("http://crl.example/a.crl")], None, None, None
            )
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), False)
        self.certificate = builder.sign(by.key, hashes.SHA256())

    @property
    def chain(self) -> list[x509.Certificate]:
        return [self.certificate, *(self.issuer.chain if self.issuer else [])]


ROOT = Person("root", ca=True)
BETWEEN = Person("between", ROOT, ca=True)
SIGNER = Person("signer", BETWEEN)


def signature(who: Person, algorithm: str, signed: bytes) -> bytes:
    digest = DIGESTS[algorithm[2:]]
    if algorithm.startswith("PS"):
        made: bytes = who.key.sign(signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return made
    size = (who.key.curve.key_size + 7) // 8
    return b"".join(n.to_bytes(size) for n in decode_dss_signature(who.key.sign(signed, ec.ECDSA(digest))))


def sign(
    who: Person = SIGNER,
    algorithm: str = "ES256",
    *,
    image: Any = None,
    chain: list[x509.Certificate] | None = None,
    without: str = "",
    header: dict[str, Any] | None = None,
    **changed: Any,
) -> dict[str, Any]:
    protected = {
        "alg": algorithm,
        "cty": "application/vnd.cncf.notary.payload.v1+json",
        "crit": [PREFIX + "signingScheme"],
        PREFIX + "signingScheme": "notary.x509",
        PREFIX + "signingTime": SIGNED,
        **changed,
    }
    protected.pop(without, None)
    first = b64url(json.dumps(protected).encode())
    second = b64url(json.dumps({"targetArtifact": image or IMAGE}).encode())
    certificates = who.chain if chain is None else chain
    return {
        "payload": second,
        "protected": first,
        "header": {
            "x5c": [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in certificates],
            PREFIX + "signingAgent": "test/1",
            **(header or {}),
        },
        "signature": b64url(signature(who, algorithm, f"{first}.{second}".encode())),
    }


def expiring(moment: str, **more: Any) -> dict[str, Any]:
    return sign(**{PREFIX + "expiry": moment, "crit": [PREFIX + "signingScheme", PREFIX + "expiry"]}, **more)


def authority(**more: Any) -> dict[str, Any]:
    headers = {
        PREFIX + "signingScheme": "notary.x509.signingAuthority",
        PREFIX + "authenticSigningTime": SIGNED,
        "crit": [PREFIX + "signingScheme", PREFIX + "authenticSigningTime"],
        "without": PREFIX + "signingTime",
    }
    return sign(**{**headers, **more})


def case(kind: str, title: str, data: dict[str, Any] | bytes, step: str = "", **policy: Any) -> None:
    """A folder with a signature, a policy and what is expected; `warned` are the steps that only warn.

    `notation` says what notation-go makes of it without a network, where that is not what we do.
    """
    folder = FOLDER / kind / title
    folder.mkdir(parents=True)
    (folder / "signature.jws").write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    theirs = policy.pop("notation", "accepts" if kind == "good" else "refuses")
    facts = {"step": step, "warned": policy.pop("warned", []), "notation": theirs, "image": policy.pop("image", IMAGE)}
    statement = {
        "name": "all",
        "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:acme"],
        "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme\\, inc."],
        **policy,
    }
    document = {"version": "1.0", "trustPolicies": [statement]}
    (folder / "trustpolicy.json").write_text(json.dumps(document, indent=1) + "\n")
    (folder / "expected.json").write_text(json.dumps(facts, indent=1) + "\n")


def store(kind: str, title: str, *certificates: x509.Certificate) -> None:
    folder = FOLDER / "truststore" / "x509" / kind / title
    folder.mkdir(parents=True)
    for number, certificate in enumerate(certificates):
        (folder / f"{number}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def level(text: str, **more: Any) -> dict[str, Any]:
    return {"signatureVerification": {"level": text, **more}}


def good() -> None:
    case("good", "a-chain-of-three", sign())
    for curve, algorithm in ((ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")):
        case("good", algorithm.lower(), sign(Person("signer", ROOT, key=ec.generate_private_key(curve)), algorithm))
    for bits, algorithm in ((2048, "PS256"), (3072, "PS384"), (4096, "PS512")):
        key = rsa.generate_private_key(65537, bits)
        case("good", algorithm.lower(), sign(Person("signer", ROOT, key=key), algorithm))
    alone = Person("alone")
    store("ca", "alone", alone.certificate)
    case("good", "a-certificate-by-itself", sign(alone), trustStores=["ca:alone"])
    case("good", "no-extended-usage", sign(Person("signer", ROOT, purposes=())))
    case("good", "a-signing-authority", authority(), trustStores=["signingAuthority:acme"])
    case("good", "not-expired", expiring("2099-01-01T00:00:00+02:00"))
    case("good", "another-unprotected-header", sign(header={"more": 1}))
    case("good", "everybody-of-the-store", sign(), **EVERYBODY)
    case("good", "the-store-has-the-one-between", sign(), trustStores=["ca:between"])
    gone = Person("signer", ROOT, end=datetime(2026, 2, 1, tzinfo=UTC))
    case("good", "permissive-and-expired", sign(gone), warned=["timestamp"], **level("permissive"))
    case("good", "permissive-and-past-it", expiring("2026-02-01T00:00:00Z"), warned=["expiry"], **level("permissive"))
    asked = sign(Person("signer", ROOT, asked=True))
    case("good", "permissive-and-not-asked", asked, warned=["revocation"], **level("permissive"))
    case("good", "revocation-overridden", asked, **level("strict", override={"revocation": "skip"}))
    stranger = sign(Person("signer", Person("other root", ca=True)))
    case("good", "audit-of-a-stranger", stranger, warned=["authenticity"], **level("audit"))
    eve = {"trustedIdentities": ["x509.subject: C=US, ST=WA, O=eve"]}
    case("good", "audit-of-another-identity", sign(), warned=["identity"], **level("audit"), **eve)
    enforced = level("audit", override={"authenticity": "enforce"})
    case("broken", "audit-with-authenticity", stranger, "authenticity", **enforced)


def broken_envelopes() -> None:
    case("broken", "not-json", b"{", "envelope")
    case("broken", "a-list", b"[]", "envelope")
    doubled = json.dumps(sign()).replace('"payload"', '"payload": "", "payload"', 1)
    case("broken", "payload-twice", doubled.encode(), "envelope", notation="accepts")
    case("broken", "unknown-field", {**sign(), "Payload": "e30"}, "envelope")
    case("broken", "no-certificates", sign(chain=[]), "envelope")
    case("broken", "padded", {**sign(), "signature": sign()["signature"] + "=="}, "envelope")
    case("broken", "certificate-is-none", sign(header={"x5c": ["AAAA"]}), "envelope")
    crit = [PREFIX + "signingScheme", PREFIX + "verificationPlugin"]
    case("broken", "needs-a-plug-in", sign(crit=crit), "envelope")
    case("broken", "nothing-critical", sign(without="crit"), "envelope")
    case("broken", "expiry-not-critical", sign(**{PREFIX + "expiry": "2099-01-01T00:00:00Z"}), "envelope")
    case("broken", "another-scheme", sign(**{PREFIX + "signingScheme": "notary.x510"}), "envelope")
    case("broken", "another-payload-type", sign(cty="application/json"), "envelope")
    case("broken", "no-signing-time", sign(without=PREFIX + "signingTime"), "envelope")
    case("broken", "a-day-that-is-none", sign(**{PREFIX + "signingTime": "2026-02-30T00:00:00Z"}), "envelope")


def broken_certificates() -> None:
    def by(title: str, who: Person, algorithm: str = "ES256", notation: str = "refuses", **more: Any) -> None:
        case("broken", title, sign(who, algorithm, **more), "certificates", notation=notation)

    by("for-servers", Person("signer", ROOT, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)))
    by(
        "for-anything",
        Person("signer", ROOT, purposes=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
        notation="accepts",
    )
    by("for-timestamps", Person("signer", ROOT, purposes=(ExtendedKeyUsageOID.TIME_STAMPING,)))
    by("for-encryption-too", Person("signer", ROOT, bits={"key_encipherment": True}))
    by("usage-not-critical", Person("signer", ROOT, critical=False))
    by("an-authority-signs", Person("signer", ROOT, ca=True, bits={"digital_signature": True}))
    by("by-no-authority", Person("signer", Person("signer too", ROOT)))
    by("path-too-long", Person("signer", Person("b", Person("a", Person("r", ca=True, below=0), ca=True), ca=True)))
    by("without-the-root", SIGNER, chain=SIGNER.chain[:-1])
    by("out-of-order", SIGNER, chain=[SIGNER.chain[0], SIGNER.chain[2], SIGNER.chain[1]])
    by("a-root-too-many", SIGNER, chain=[*SIGNER.chain, ROOT.certificate])
    small = Person("signer", ROOT, key=rsa.generate_private_key(65537, 1024))
    by("rsa-1024", small, "PS256")
    by("odd-curve", Person("signer", ROOT, key=ec.generate_private_key(ec.SECP256K1())))
    wide = Person("signer", ROOT, key=ec.generate_private_key(ec.SECP384R1()))
    by("another-algorithm", wide)


def broken_rest() -> None:
    flipped = sign()
    flipped["signature"] = sign(image={**IMAGE, "size": 1})["signature"]
    case("broken", "signature-of-another-envelope", flipped, "signature")
    short = sign()
    short["signature"] = short["signature"][:40]
    case("broken", "half-a-signature", short, "signature")
    moved = sign()
    moved["payload"] = sign(image={**IMAGE, "size": 1})["payload"]
    case("broken", "payload-changed", moved, "signature")
    case("broken", "another-image", sign(image={**IMAGE, "digest": f"sha256:{'cd' * 32}"}), "artifact")
    case("broken", "another-size", sign(image={**IMAGE, "size": 1}), "artifact")
    case("broken", "another-media-type", sign(image={**IMAGE, "mediaType": "text/plain"}), "artifact")
    stranger = Person("signer", Person("root", ca=True))
    case("broken", "another-root-of-the-same-name", sign(stranger), "authenticity")
    case("broken", "an-authority-of-the-wrong-kind", authority(), "authenticity")
    case("broken", "another-identity", sign(), "identity", trustedIdentities=["x509.subject: C=US, ST=WA, O=eve"])
    two = ["x509.subject: C=US, ST=WA, O=eve", "x509.subject: C=US, ST=WA, O=acme\\, inc., CN=mallory"]
    case("broken", "none-of-two-identities", sign(), "identity", trustedIdentities=two)
    case("broken", "expired", expiring("2026-02-01T00:00:00Z"), "expiry")
    gone = Person("signer", ROOT, end=datetime(2026, 2, 1, tzinfo=UTC))
    case("broken", "certificate-expired", sign(gone), "timestamp")
    case("broken", "no-timestamp", sign(), "timestamp", trustStores=["ca:acme", "tsa:globalsign"])
    early = authority(**{PREFIX + "authenticSigningTime": "2024-01-01T00:00:00Z"})
    case("broken", "signed-before-the-certificate", early, "timestamp", trustStores=["signingAuthority:acme"])
    case("unjudged", "revocation-is-enforced", sign(Person("signer", ROOT, asked=True)))
    case("unjudged", "skipped", sign(), notation="accepts", trustStores=[], trustedIdentities=[], **level("skip"))


def real(source: Path) -> None:
    """Signed and timestamped by others: notation and GlobalSign."""
    folder = source / "verifier" / "testdata"
    anchor = folder / "truststore/x509/tsa/test-timestamp/globalsignRoot.cer"
    store("tsa", "globalsign", x509.load_der_x509_certificate(anchor.read_bytes()))
    image = {**IMAGE, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}
    image["digest"] = "sha256:c0669ef34cdc14332c0f1ab0c2c01acb91d96014b172f1a76f3a39e63d1f0bda"
    names = ("jwsWithTimestamp", "jwsExpiredWithTimestamp", "timestampBeforeNotBefore")
    files = {title: (folder / "timestamp/sigEnv" / f"{title}.sig").read_bytes() for title in names}
    first = [base64.b64decode(json.loads(data)["header"]["x5c"][0]) for data in files.values()]
    signers = [x509.load_der_x509_certificate(data) for data in first]
    store("ca", "notation", *signers)
    whom = {"trustStores": ["ca:notation", "tsa:globalsign"], "image": image, **EVERYBODY}
    strict = level("strict", override={"revocation": "skip"})
    asks = {"notation": "refuses"}  # it asks whether GlobalSign's certificates were revoked, and nobody answers
    case("good", "notation-timestamped", files["jwsWithTimestamp"], **whom, **strict, **asks)
    case("good", "notation-timestamped-and-expired", files["jwsExpiredWithTimestamp"], **whom, **strict, **asks)
    only = {**whom, "trustStores": ["ca:notation"]}
    case("broken", "notation-expired", files["jwsExpiredWithTimestamp"], "timestamp", **only, **strict)
    case("broken", "notation-timestamped-too-early", files["timestampBeforeNotBefore"], "timestamp", **whom, **strict)
    case("unjudged", "notation-timestamped", files["jwsWithTimestamp"], **whom)
    swapped = json.loads(files["jwsWithTimestamp"])
    other = json.loads(files["jwsExpiredWithTimestamp"])
    swapped["header"][PREFIX + "timestampSignature"] = other["header"][PREFIX + "timestampSignature"]
    case("broken", "timestamp-of-another-signature", swapped, "timestamp", **whom, **strict)
    store("tsa", "other", ROOT.certificate)
    others = {**whom, "trustStores": ["ca:notation", "tsa:other"]}
    case("broken", "timestamp-by-a-stranger", files["jwsWithTimestamp"], "timestamp", **others, **strict)


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    for kind in ("ca", "signingAuthority"):
        store(kind, "acme", ROOT.certificate)
    store("ca", "between", BETWEEN.certificate)
    good()
    broken_envelopes()
    broken_certificates()
    broken_rest()
    real(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
