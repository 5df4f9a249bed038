"""One flipped bit anywhere is noticed.

The claim, exactly. Let B be a bundle that verifies for artifact A under key K.

* A changed artifact never verifies against B: the digest (a sha256) or the signature differs.
* A changed bundle B' either is refused, or verifies *with the same verified content*: same identity, same
  statement, same signature over the same bytes. The second happens only for bytes that no signature covers and
  that no step compares: the free text of a key hint, and nothing else in the bundles that we write, because they
  have no white space, no second spelling of base64 and no field that is not read.

The bundles are compact JSON, so that both can be tested bit by bit, not by sampling.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.attestation import bundle, keyfile, statement
from ci_guard.attestation.dsse import Envelope
from ci_guard.attestation.keys import KeySigner
from ci_guard.attestation.signing import sign_artifact, sign_statement
from ci_guard.attestation.verification import examine, verify


@dataclass(frozen=True)
class Bytes:
    data: bytes
    name: str = "artifact"

    def digest(self, algorithm: str) -> bytes | None:
        return hashlib.new(algorithm, self.data).digest()


SIGNER: KeySigner = keyfile.generate()
KEY = SIGNER.verifying_key
ARTIFACT = Bytes(b"kind: Pod\n" * 9)
STATEMENT = statement.Statement(
    statement.subjects([("pod.yaml", hashlib.sha256(ARTIFACT.data).hexdigest())]),
    "https://slsa.dev/provenance/v1",
    {"buildDefinition": {"buildType": "https://ci-guard.example/b"}},
)
BUNDLES = {"signature": sign_artifact(ARTIFACT, SIGNER), "attestation": sign_statement(STATEMENT, SIGNER)}


def signed_content(data: bytes) -> object:
    """What the signature covers, and the signature: everything that a verdict rests on."""
    content = bundle.read(data).content
    return (content.payload_type, content.payload) if isinstance(content, Envelope) else content


def hint_region(data: bytes) -> range:
    """The value of `publicKey.hint`, the only free text that nothing authenticates."""
    start = data.index(b'{"hint":"') + len(b'{"hint":"')
    return range(start, start + len(KEY.hint))


def keyid_region(data: bytes) -> range:
    start = data.find(b'"keyid":"') + len(b'"keyid":"')
    return range(start, start + len(KEY.hint)) if b'"keyid"' in data else range(0)


@pytest.mark.parametrize("kind", BUNDLES)
def test_every_flipped_bit_of_a_bundle_is_refused_or_changes_nothing(kind: str) -> None:
    data = BUNDLES[kind]
    original = verify(data, ARTIFACT, KEY)
    free = {*hint_region(data), *keyid_region(data)}
    accepted = []
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            verdict = examine(bytes(flipped), ARTIFACT, KEY)
            if verdict.verified:
                accepted.append(position)
                assert (verdict.identity, verdict.statement) == (original.identity, original.statement)
                assert signed_content(bytes(flipped)) == signed_content(data)
    assert set(accepted) <= free, "a byte outside the free text of the key hints can be changed"


@pytest.mark.parametrize("kind", BUNDLES)
def test_every_flipped_bit_of_the_artifact_is_refused(kind: str) -> None:
    for position in range(len(ARTIFACT.data)):
        for bit in range(8):
            flipped = bytearray(ARTIFACT.data)
            flipped[position] ^= 1 << bit
            verdict = examine(BUNDLES[kind], Bytes(bytes(flipped)), KEY)
            assert not verdict.verified
            assert verdict.steps[-1].name in {"content", "subject"}


def test_every_flipped_bit_of_payload_and_signature_is_refused_by_the_signature() -> None:
    content = bundle.read(BUNDLES["attestation"]).content
    assert isinstance(content, Envelope)
    (signature,) = content.signatures
    for original in (content.payload, signature.sig):
        for position in range(len(original)):
            for bit in range(8):
                flipped = bytearray(original)
                flipped[position] ^= 1 << bit
                payload = bytes(flipped) if original is content.payload else content.payload
                sig = bytes(flipped) if original is signature.sig else signature.sig
                envelope = Envelope(content.payload_type, payload, (type(signature)(sig, signature.keyid),))
                verdict = examine(bundle.write(SIGNER.verification_material(), envelope), ARTIFACT, KEY)
                assert not verdict.verified
                assert verdict.steps[-1].name == "signature"


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(BUNDLES)),
    position=st.integers(0, 10_000),
    replacement=st.binary(max_size=4),
    removed=st.integers(0, 4),
)
def test_any_edit_of_a_bundle_is_refused_or_changes_nothing(
    kind: str, position: int, replacement: bytes, removed: int
) -> None:
    data = BUNDLES[kind]
    position %= len(data)
    edited = data[:position] + replacement + data[position + removed :]
    verdict = examine(edited, ARTIFACT, KEY)
    if verdict.verified:
        assert verdict.statement == verify(data, ARTIFACT, KEY).statement
        assert signed_content(edited) == signed_content(data)
