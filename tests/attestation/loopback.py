"""A Sigstore of our own, in memory: authority, certificate transparency, two logs, timestamp authority.

It makes bundles as the real services would have at times of our choice, and as they never would: every flaw that a
`Recipe` names is built in before anything is signed, so that all the rest of the bundle is right.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ci_guard.model.record import field, record
from tests.attestation import der

IN_TOTO = "application/vnd.in-toto+json"
IDENTITY = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
START = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
ARTIFACT = b"kind: Pod\n"
HOST = "rekor.ci-guard.example"
HOST_2 = "log2025.ci-guard.example"
ARC = "1.3.6.1.4.1.57264.1."
Json = dict[str, Any]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def canonical(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def spki(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "acme"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


def utf8(text: str) -> bytes:
    return der.tlv(0x0C, text.encode())


def statement(artifact: bytes) -> bytes:
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "pod.yaml", "digest": {"sha256": hashlib.sha256(artifact).hexdigest()}}],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {"runDetails": {"builder": {"id": "https://builder.example"}}},
        }
    ).encode()


def pae(payload: bytes) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(IN_TOTO), IN_TOTO.encode(), len(payload), payload)


class Tree:
    """A Merkle tree after RFC 6962, written from its recursive definition; the proofs are of one size."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves = [sha(b"\0" + leaf) for leaf in leaves]

    def root(self, leaves: Sequence[bytes] | None = None) -> bytes:
        hashed = self.leaves if leaves is None else leaves
        if len(hashed) == 1:
            return hashed[0]
        split = 1 << (len(hashed) - 1).bit_length() - 1
        return sha(b"\1" + self.root(hashed[:split]) + self.root(hashed[split:]))

    def path(self, index: int, leaves: Sequence[bytes] | None = None) -> list[bytes]:
        hashed = self.leaves if leaves is None else leaves
        if len(hashed) == 1:
            return []
        split = 1 << (len(hashed) - 1).bit_length() - 1
        if index < split:
            return [*self.path(index, hashed[:split]), self.root(hashed[split:])]
        return [*self.path(index - split, hashed[split:]), self.root(hashed[:split])]


@record
class Recipe:
    """What bundle to make, and what is wrong with it. Times are minutes after the certificate's start."""

    content: str = "blob"  # or dsse
    log: str = "v1"  # v2, or "" for none
    kind: str = ""  # dsse, intoto-1, intoto-2; by content when empty
    promise: bool = True
    proof: bool = True
    integrated: int = 1
    timestamps: tuple[int, ...] = ()
    embed: bool = True
    version: str = "0.3"
    chain: bool = False
    neighbours: int = 5
    names: tuple[x509.GeneralName, ...] = (x509.UniformResourceIdentifier(IDENTITY),)
    issuer: str = ISSUER
    issuer_v1: str = ISSUER
    claims: dict[str, str] = field(default_factory=dict)
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CODE_SIGNING,)
    digital_signature: bool = True
    ca: bool = False
    sct: str = "good"  # none, unknown-log, wrong-signature, other-issuer, early
    signed_by_root: bool = False
    stranger: str = ""  # ca, log, tsa: signed by another instance's key of the same name
    body: Callable[[Json], None] | None = None  # edits the log entry before the log signs it
    stamped: bytes | None = None  # what the timestamp is over, if not the signature
    tsa_status: int = 0
    checkpoint: Callable[[str], str] | None = None  # edits the checkpoint after it was signed
    entry: Callable[[Json], None] | None = None  # edits the entry of the bundle
    edit: Callable[[Json], None] | None = None  # edits the finished bundle


class Sigstore:
    """The services with their keys. Two of them have the same names and nothing else in common."""

    def __init__(self, host: str = HOST, host_2: str = HOST_2) -> None:
        self.host, self.host_2 = host, host_2

        def new() -> ec.EllipticCurvePrivateKey:
            return ec.generate_private_key(ec.SECP256R1())

        self.root_key, self.ca_key, self.ct_key, self.log_key = new(), new(), new(), new()
        self.tsa_root_key, self.tsa_key, self.stray_ct_key = new(), new(), new()
        self.log2_key = ed25519.Ed25519PrivateKey.generate()
        self.root = self._authority("root", self.root_key, "root", self.root_key, path=1)
        self.ca = self._authority("intermediate", self.ca_key, "root", self.root_key, path=0)
        self.tsa_root = self._authority("tsa root", self.tsa_root_key, "tsa root", self.tsa_root_key, path=0)
        self.tsa = self._tsa()

    def _builder(self, subject: str, key: Any, issuer: str, start: datetime, end: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject) if subject else x509.Name([]))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )

    def _authority(self, subject: str, key: Any, issuer: str, issuer_key: Any, path: int) -> x509.Certificate:
        start = START - timedelta(days=365)
        builder = self._builder(subject, key, issuer, start, START + timedelta(days=3650))
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = (
            builder.add_extension(x509.BasicConstraints(True, path), True)
            .add_extension(key_usage(digital_signature=False, ca=True), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(aki, False)
        )
        return builder.sign(issuer_key, hashes.SHA256())

    def _tsa(self) -> x509.Certificate:
        start = START - timedelta(days=300)
        builder = self._builder("tsa", self.tsa_key, "tsa root", start, START + timedelta(days=3000))
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.tsa_root_key.public_key())
        builder = (
            builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
            .add_extension(key_usage(digital_signature=True, ca=False), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.tsa_key.public_key()), False)
            .add_extension(aki, False)
        )
        return builder.sign(self.tsa_root_key, hashes.SHA256())

    def log_id(self, log: str) -> bytes:
        raw = self.log2_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return sha(self.host_2.encode() + b"\n\x01" + raw) if log == "v2" else sha(spki(self.log_key))

    def trusted_root(self) -> Json:
        """`trusted_root.json` of this instance, for tests to change."""
        valid = {"start": "2024-07-01T00:00:00Z"}

        def log(url: str, key: Any, key_id: bytes, details: str) -> Json:
            return {
                "baseUrl": url,
                "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": b64(spki(key)), "keyDetails": details, "validFor": dict(valid)},
                "logId": {"keyId": b64(key_id)},
            }

        def authority(uri: str, *chain: x509.Certificate) -> Json:
            return {
                "subject": {"organization": "acme", "commonName": "acme"},
                "uri": uri,
                "certChain": {"certificates": [{"rawBytes": b64(c.public_bytes(Encoding.DER))} for c in chain]},
                "validFor": dict(valid),
            }

        ecdsa = "PKIX_ECDSA_P256_SHA_256"
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                log(f"https://{self.host}", self.log_key, self.log_id("v1"), ecdsa),
                log(f"https://{self.host_2}", self.log2_key, self.log_id("v2"), "PKIX_ED25519"),
            ],
            "certificateAuthorities": [authority("https://fulcio.ci-guard.example", self.ca, self.root)],
            "ctlogs": [log("https://ct.ci-guard.example", self.ct_key, sha(spki(self.ct_key)), ecdsa)],
            "timestampAuthorities": [authority("https://tsa.ci-guard.example", self.tsa, self.tsa_root)],
        }

    def certificate(self, key: Any, recipe: Recipe, start: datetime = START) -> x509.Certificate:
        """A signing certificate for `key` (or what has its public key), valid for ten minutes."""
        issuer_key = self.root_key if recipe.signed_by_root else self.ca_key
        end = start + timedelta(minutes=10)
        builder = self._builder("", key, "root" if recipe.signed_by_root else "intermediate", start, end)
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(key_usage(digital_signature=recipe.digital_signature, ca=False), True)
        builder = builder.add_extension(aki, False)
        if recipe.usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(recipe.usages), False)
        if recipe.names:
            builder = builder.add_extension(x509.SubjectAlternativeName(recipe.names), True)
        if recipe.ca:
            builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        values = {"1": recipe.issuer_v1.encode()} if recipe.issuer_v1 else {}
        values |= {"8": utf8(recipe.issuer)} if recipe.issuer else {}
        values |= {oid: text.encode() if int(oid) < 8 else utf8(text) for oid, text in recipe.claims.items()}
        for oid, value in values.items():
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(ARC + oid), value)
            builder = builder.add_extension(extension, False)
        if recipe.sct != "none":
            tbs = builder.sign(issuer_key, hashes.SHA256()).tbs_certificate_bytes
            oid = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
            value = self._sct_list(tbs, self.tsa_key if recipe.sct == "other-issuer" else issuer_key, recipe.sct, start)
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), False)
        return builder.sign(issuer_key, hashes.SHA256())

    def _sct_list(self, tbs: bytes, issuer_key: Any, flaw: str, start: datetime) -> bytes:
        signed_at = START - timedelta(days=3650) if flaw == "early" else start
        moment = int(signed_at.timestamp() * 1000)
        key = self.stray_ct_key if flaw == "unknown-log" else self.ct_key
        head = struct.pack("!BBQH", 0, 0, moment, 1) + sha(spki(issuer_key))
        signed = head + len(tbs).to_bytes(3) + tbs + b"\0\0"
        signer = self.stray_ct_key if flaw == "wrong-signature" else key
        signature = signer.sign(signed, ec.ECDSA(hashes.SHA256()))
        sct = b"\0" + sha(spki(key)) + struct.pack("!Q", moment) + b"\0\0\4\3"
        sct += struct.pack("!H", len(signature)) + signature
        return der.octets(struct.pack("!HH", len(sct) + 2, len(sct)) + sct)

    def log_entry(self, body: bytes, recipe: Recipe) -> Json:
        """The entry as its log would write it into a bundle."""
        kind = json.loads(body)
        leaves = [b"neighbour %d" % n for n in range(recipe.neighbours)]
        index = min(3, len(leaves))
        leaves.insert(index, body)
        tree = Tree(leaves)
        log_id = self.log_id(recipe.log)
        entry: Json = {
            "logIndex": str(1000 + index),
            "logId": {"keyId": b64(log_id)},
            "kindVersion": {"kind": kind["kind"], "version": kind["apiVersion"]},
            "canonicalizedBody": b64(body),
        }
        if recipe.log == "v1":
            seconds = int((START + timedelta(minutes=recipe.integrated)).timestamp())
            entry["integratedTime"] = str(seconds)
            if recipe.promise:
                promised = {
                    "body": b64(body),
                    "integratedTime": seconds,
                    "logID": log_id.hex(),
                    "logIndex": 1000 + index,
                }
                signature = self.log_key.sign(canonical(promised), ec.ECDSA(hashes.SHA256()))
                entry["inclusionPromise"] = {"signedEntryTimestamp": b64(signature)}
        if recipe.proof:
            checkpoint = self.checkpoint(tree, len(leaves), recipe.log)
            entry["inclusionProof"] = {
                "logIndex": str(index),
                "rootHash": b64(tree.root()),
                "treeSize": str(len(leaves)),
                "hashes": [b64(sister) for sister in tree.path(index)],
                "checkpoint": {"envelope": recipe.checkpoint(checkpoint) if recipe.checkpoint else checkpoint},
            }
        return entry

    def checkpoint(self, tree: Tree, size: int, log: str) -> str:
        origin, host = (self.host_2, self.host_2) if log == "v2" else (f"{self.host} - 42", self.host)
        note = f"{origin}\n{size}\n{b64(tree.root())}\n"
        if log == "v2":
            signature = self.log2_key.sign(note.encode())
        else:
            signature = self.log_key.sign(note.encode(), ec.ECDSA(hashes.SHA256()))
        return f"{note}\n— {host} {b64(self.log_id(log)[:4] + signature)}\n"


def key_usage(*, digital_signature: bool, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature, False, not digital_signature and not ca, False, False, ca, ca, False, False)


def body_of(recipe: Recipe, payload: bytes, signature: bytes, digest: bytes, certificate: x509.Certificate) -> Json:
    """What a client has logged about a signature."""
    pem, certificate_der = certificate.public_bytes(Encoding.PEM), certificate.public_bytes(Encoding.DER)
    sha256 = "sha256"
    payload_hash = {"algorithm": sha256, "value": sha(payload).hex()}
    kind = recipe.kind or ("hashedrekord" if recipe.content == "blob" or recipe.log == "v2" else "dsse")
    if kind == "hashedrekord" and recipe.log == "v2":
        verifier = {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": b64(certificate_der)}}
        record = {
            "data": {"algorithm": "SHA2_256", "digest": b64(digest)},
            "signature": {"content": b64(signature), "verifier": verifier},
        }
        return {"apiVersion": "0.0.2", "kind": kind, "spec": {"hashedRekordV002": record}}
    if kind == "hashedrekord":
        spec: Json = {
            "data": {"hash": {"algorithm": sha256, "value": digest.hex()}},
            "signature": {"content": b64(signature), "publicKey": {"content": b64(pem)}},
        }
    elif kind == "dsse":
        spec = {
            "envelopeHash": {"algorithm": sha256, "value": sha(b"as it was sent").hex()},
            "payloadHash": payload_hash,
            "signatures": [{"signature": b64(signature), "verifier": b64(pem)}],
        }
    else:
        spec = {"content": {"hash": {"algorithm": sha256, "value": sha(b"x").hex()}, "payloadHash": payload_hash}}
        if kind == "intoto-1":
            spec["publicKey"] = b64(pem)
        else:
            recorded = {"publicKey": b64(pem), "sig": b64(b64(signature).encode())}
            spec["content"]["envelope"] = {"payloadType": IN_TOTO, "signatures": [recorded]}
    version = "0.0.2" if kind == "intoto-2" else "0.0.1"
    return {"apiVersion": version, "kind": kind.partition("-")[0], "spec": spec}


def make(ours: Sigstore, recipe: Recipe, strangers: Sigstore | None = None) -> Json:
    """The bundle that `recipe` describes. `strangers` sign what `recipe.stranger` names."""

    def of(part: str) -> Sigstore:
        return strangers if strangers is not None and recipe.stranger == part else ours

    key = ec.generate_private_key(ec.SECP256R1())
    certificate = of("ca").certificate(key, recipe)
    payload = statement(ARTIFACT)
    signed = ARTIFACT if recipe.content == "blob" else pae(payload)
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    material: Json = {"certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))}}
    if recipe.chain:
        chain = [certificate, ours.ca, ours.root]
        listed = [{"rawBytes": b64(c.public_bytes(Encoding.DER))} for c in chain]
        material = {"x509CertificateChain": {"certificates": listed}}
    if recipe.log:
        body = body_of(recipe, payload, signature, sha(signed), certificate)
        if recipe.body:
            recipe.body(body)
        entry = of("log").log_entry(canonical(body), recipe)
        if recipe.entry:
            recipe.entry(entry)
        material["tlogEntries"] = [entry]
    tsa, stamped = of("tsa"), signature if recipe.stamped is None else recipe.stamped
    tokens = [
        der.timestamp(
            stamped, START + timedelta(minutes=m), tsa.tsa, tsa.tsa_key, embed=recipe.embed, status=recipe.tsa_status
        )
        for m in recipe.timestamps
    ]
    if tokens:
        material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(t)} for t in tokens]}
    media = f"application/vnd.dev.sigstore.bundle+json;version={recipe.version}"
    media = "application/vnd.dev.sigstore.bundle.v0.3+json" if recipe.version == "0.3" else media
    bundle: Json = {"mediaType": media, "verificationMaterial": material}
    if recipe.content == "blob":
        digest = {"algorithm": "SHA2_256", "digest": b64(sha(ARTIFACT))}
        bundle["messageSignature"] = {"messageDigest": digest, "signature": b64(signature)}
    else:
        envelope = {"payload": b64(payload), "payloadType": IN_TOTO, "signatures": [{"sig": b64(signature)}]}
        bundle["dsseEnvelope"] = envelope
    if recipe.edit:
        recipe.edit(bundle)
    return bundle
