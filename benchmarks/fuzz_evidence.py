"""Changes evidence at random and verifies it, for as long as asked: executions, and whatever came out that should not.

    python benchmarks/fuzz_evidence.py [--seconds 60] [--seed 1]

Every target gets as many seconds. Good evidence is changed in its JSON, inside its base64, and byte by byte. What may
come out is a verdict, or an error of ours (VerificationError, InputError, ServiceError, ConfigError): anything else is
printed with what caused it, and the exit code is 1. What verified after a change to what is signed is printed too.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import random
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cryptography.hazmat.primitives.serialization import Encoding  # noqa: E402

from ci_guard.attestation import certificate, intoto, keyless, layout, timestamps, trustedroot, verification  # noqa: E402
from ci_guard.attestation.artifact import DigestArtifact  # noqa: E402
from ci_guard.attestation.identity import IdentityPolicy  # noqa: E402
from ci_guard.attestation.keys import read_public_key  # noqa: E402
from ci_guard.attestation.notary import policy as notary_policy  # noqa: E402
from ci_guard.attestation.notary import verification as notary  # noqa: E402
from ci_guard.attestation.notary.envelope import Target  # noqa: E402
from ci_guard.model.errors import CiGuardError  # noqa: E402
from ci_guard.pipeline.verification.image import evidence  # noqa: E402
from ci_guard.pipeline.verification.notary import NotaryTrust  # noqa: E402
from ci_guard.services.http import Answer, Request  # noqa: E402
from ci_guard.services.registry import Repository  # noqa: E402
from tests.attestation import loopback  # noqa: E402
from tests.attestation.loopback import IDENTITY, ISSUER, Recipe, make  # noqa: E402

CASES = ROOT / "tests" / "attestation"
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    1e308,
    "",
    "A",
    "AAAA",
    "\ud800",
    "9" * 5000,
    [],
    {},
    [[]] * 3,
    {"a": {}},
)
Seed = Any
Judge = Callable[[bytes], bool]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(deeper for key, child in inside for deeper in places(child, (*at, key)))]


class Changer:
    """Makes changed evidence out of good evidence."""

    def __init__(self, random_source: random.Random) -> None:
        self._random = random_source

    def change(self, seed: bytes) -> bytes:
        """One to four changes, in the JSON where it is some, else in the bytes."""
        for _ in range(self._random.randint(1, 4)):
            seed = self._document(seed) if self._random.random() < 0.8 else self._bytes(seed)
        return seed

    def _document(self, data: bytes) -> bytes:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return self._bytes(data)
        at = self._random.choice(places(value))
        changed = self._put(value, at, self._replace)
        try:
            return json.dumps(changed).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            return data

    def _put(self, value: Any, at: tuple[Any, ...], new: Callable[[Any], Any]) -> Any:
        if not at:
            return new(value)
        copy = value.copy()
        if len(at) == 1 and self._random.random() < 0.15:
            del copy[at[0]]
        else:
            copy[at[0]] = self._put(value[at[0]], at[1:], new)
        return copy

    def _replace(self, old: Any) -> Any:
        if isinstance(old, str) and self._random.random() < 0.7:
            return self._text(old)
        if isinstance(old, list) and old and self._random.random() < 0.5:
            return old + old[:1] if self._random.random() < 0.5 else old[::-1]
        return self._random.choice(ODD)

    def _text(self, old: str) -> Any:
        """Inside base64 (or base64url), what it holds is changed: JSON in it as JSON."""
        for decode, encode in ((base64.b64decode, base64.b64encode), (_from_url, _to_url)):
            try:
                inner = decode(old)
            except (ValueError, binascii.Error):
                continue
            if len(inner) > 8:
                return encode(self._document(inner)).decode()
        return self._bytes(old.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def _bytes(self, data: bytes) -> bytes:
        position = self._random.randint(0, max(len(data) - 1, 0))
        patch = self._random.randbytes(self._random.choice((0, 1, 1, 1, 2, 4)))
        removed = self._random.choice((0, 1, 1, 1, 2, 16))
        return data[:position] + patch + data[position + removed :]


def _from_url(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii", "strict") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _to_url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Shelf:
    """Stands for a registry's HTTP client: answers with one changed body, whatever is asked."""

    service = "registry.example"

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self._asked = 0

    def send(self, request: Request) -> Answer:
        """The next answer, with the digest that was asked for where it could be right."""
        body = self.answers[self._asked % len(self.answers)]
        self._asked += 1
        return Answer(self.service, request.url, 200, {"content-type": "application/json"}, body)


def keyed() -> tuple[list[bytes], Judge]:
    """Bundles signed with keys."""
    key = read_public_key((CASES / "cases/key.pub").read_bytes(), "key.pub")
    artifact = DigestArtifact(hashlib.sha256((CASES / "cases/artifact").read_bytes()).hexdigest())
    seeds = [path.read_bytes() for path in sorted(CASES.glob("cases/good/*/bundle.sigstore.json"))]
    return seeds, lambda data: verification.examine(data, artifact, key).verified


def signed_keyless() -> tuple[list[bytes], Judge]:
    """Bundles signed with certificates: logs, timestamps, DSSE and blobs."""
    ours = loopback.Sigstore()
    artifact = DigestArtifact(hashlib.sha256(loopback.ARTIFACT).hexdigest())
    roots = trustedroot.read(json.dumps(ours.trusted_root()).encode(), "root")
    trust = keyless.Trust(roots, IdentityPolicy(ISSUER, IDENTITY))
    shapes = [{"log": log, "content": content} for log in ("v1", "v2") for content in ("blob", "dsse")]
    recipes = [Recipe(**shape, timestamps=(1,)) for shape in shapes]
    seeds = [json.dumps(make(ours, recipe)).encode() for recipe in recipes]
    return seeds, lambda data: keyless.examine(data, artifact, trust).verified


def certificates() -> tuple[list[bytes], Judge]:
    """Signing certificates, DER."""
    ours = loopback.Sigstore()
    key = loopback.ec.generate_private_key(loopback.ec.SECP256R1())
    seeds = [ours.certificate(key, Recipe()).public_bytes(Encoding.DER)]
    return seeds, lambda data: bool(certificate.read(data)) and False


def stamps() -> tuple[list[bytes], Judge]:
    """RFC 3161 responses, DER."""
    ours = loopback.Sigstore()
    (root,) = trustedroot.read(json.dumps(ours.trusted_root()).encode(), "root")
    seeds = [loopback.der.timestamp(b"signature", loopback.START, ours.tsa, ours.tsa_key)]

    def judge(data: bytes) -> bool:
        moment = timestamps.check_timestamp(data, b"signature", root.timestamp_authorities).moment
        return moment != loopback.START

    return seeds, judge


def roots() -> tuple[list[bytes], Judge]:
    """Trusted roots."""
    seeds = [json.dumps(loopback.Sigstore().trusted_root()).encode()]
    return seeds, lambda data: bool(trustedroot.read(data, "root")) and False


def layouts() -> tuple[list[bytes], Judge]:
    """in-toto layouts, their links good."""
    key = intoto.read_key((CASES / "layouts/owner.pub").read_bytes(), "owner.pub")
    folder = CASES / "layouts/good/metablock"
    seeds = [path.read_bytes() for path in sorted(CASES.glob("layouts/good/*/root.layout"))]
    chain = layout.Chain({str(key["keyid"]): key}, _links(folder), datetime(2026, 1, 1, tzinfo=UTC))
    return seeds, lambda data: layout.examine(data, chain, None).verified


def links() -> tuple[list[bytes], Judge]:
    """in-toto links below a good layout."""
    key = intoto.read_key((CASES / "layouts/owner.pub").read_bytes(), "owner.pub")
    folder = CASES / "layouts/good/metablock"
    seeds = [path.read_bytes() for path in sorted(folder.glob("*.link"))]
    data_of_layout = (folder / "root.layout").read_bytes()

    def judge(data: bytes) -> bool:
        chain = layout.Chain({str(key["keyid"]): key}, lambda _f, _n: data, datetime(2026, 1, 1, tzinfo=UTC))
        return layout.examine(data_of_layout, chain, None).verified

    return seeds, judge


def _links(folder: Path) -> layout.Links:
    files = {path.name: path.read_bytes() for path in folder.glob("*.link")}
    return lambda _folder, name: files.get(name)


def notations() -> tuple[list[bytes], Judge]:
    """Signatures of the Notary Project, timestamps included."""
    folder = CASES / "notary/good/notation-timestamped"
    image = json.loads((folder / "expected.json").read_text())["image"]
    target = Target(image["mediaType"], image["digest"], image["size"])
    trust = NotaryTrust.of(folder / "trustpolicy.json", CASES / "notary/truststore").trust("registry.example/app")
    seeds = [path.read_bytes() for path in sorted(CASES.glob("notary/good/*/signature.jws"))]
    return seeds, lambda data: notary.examine(data, target, trust).verified


def policies() -> tuple[list[bytes], Judge]:
    """Trust policies of the Notary Project."""
    seeds = [path.read_bytes() for path in sorted(CASES.glob("notary/*/*/trustpolicy.json"))]
    return seeds, lambda data: bool(notary_policy.read_policy(data, "p")) and False


def registries() -> tuple[list[bytes], Judge]:
    """What a registry answers when it is asked for evidence: indexes, manifests, blobs."""
    shelf = Shelf()
    images = Repository(shelf, "registry.example", "team/app", login=lambda: None)
    digest = f"sha256:{'1' * 64}"
    one = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 3}
    kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
    notes = {"dev.cosignproject.cosign/signature": "AAAA"}
    layer = {"mediaType": kind, "digest": digest, "size": 3, "annotations": notes}
    seeds = [
        json.dumps({"schemaVersion": 2, "manifests": [{**one, "artifactType": kind}]}).encode(),
        json.dumps({"schemaVersion": 2, "mediaType": one["mediaType"], "layers": [layer]}).encode(),
    ]
    seeds_judged, examine = keyed()
    del seeds_judged

    def judge(data: bytes) -> bool:
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        linked = seeds[0].replace(digest.encode(), found.encode())
        shelf.answers = random.choice(([data], [linked, data], [linked, data, data]))
        verdict = lambda text, _artifact: notary.Verdict(examine(text), ())  # noqa: E731
        return any(piece.verdict.verified for piece in evidence(images, found, verdict))

    return seeds, judge


TARGETS: Mapping[str, Callable[[], tuple[list[bytes], Judge]]] = {
    "bundle, key": keyed,
    "bundle and DSSE, keyless": signed_keyless,
    "certificate": certificates,
    "timestamp": stamps,
    "trusted root": roots,
    "layout": layouts,
    "link": links,
    "Notary signature": notations,
    "Notary trust policy": policies,
    "registry answers": registries,
}


def fuzz(name: str, seconds: float, changer: Changer, source: random.Random) -> int:
    """Run one target; how many unexpected exceptions there were."""
    seeds, judge = TARGETS[name]()
    counts = {"executions": 0, "refused": 0, "held": 0, "unexpected": 0}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = changer.change(source.choice(seeds))
        counts["executions"] += 1
        try:
            counts["held" if judge(data) else "refused"] += 1
        except CiGuardError:
            counts["refused"] += 1
        except Exception:  # noqa: BLE001 - that is what is looked for
            counts["unexpected"] += 1
            print(f"{name}: {data[:400]!r}\n{traceback.format_exc(limit=-3)}")
    print(f"{name:<26} " + "  ".join(f"{key} {value:>9,}" for key, value in counts.items()), flush=True)
    return counts["unexpected"]


def main() -> int:
    """Every target, and the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="the target whose name begins so")
    args = parser.parse_args()
    source = random.Random(args.seed)
    names = [name for name in TARGETS if name.startswith(args.only)]
    return 1 if sum(fuzz(name, args.seconds, Changer(source), source) for name in names) else 0


if __name__ == "__main__":
    sys.exit(main())
