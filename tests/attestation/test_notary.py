"""Signatures in `notary/`: good ones hold, broken ones are refused by their own step, what cannot be judged is told."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.attestation.notary.envelope import Target, read
from ci_guard.attestation.notary.names import parse_name
from ci_guard.attestation.notary.policy import applicable, read_policy
from ci_guard.attestation.notary.verification import STEPS, Trust, examine
from ci_guard.attestation.verdict import Result
from ci_guard.model.errors import ConfigError, InputError, VerificationError
from ci_guard.pipeline.verification.notary import NotaryTrust
from tests.attestation.test_layouts import ANYTHING, places, with_change

CASES = Path(__file__).parent / "notary"
FOLDERS = sorted(path.parent for path in CASES.glob("*/*/expected.json"))


def trust_of(folder: Path) -> Trust:
    return NotaryTrust.of(folder / "trustpolicy.json", CASES / "truststore").trust("registry.example/team/app")


def image_of(folder: Path) -> Target:
    image = json.loads((folder / "expected.json").read_text())["image"]
    return Target(image["mediaType"], image["digest"], image["size"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_signatures(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    image = image_of(folder)
    data = (folder / "signature.jws").read_bytes()
    if folder.parent.name == "unjudged":
        with pytest.raises(InputError, match=r"revoked|skips"):
            examine(data, image, trust_of(folder))
        return
    verdict = examine(data, image, trust_of(folder))
    assert [step.number for step in verdict.steps] == list(range(1, len(verdict.steps) + 1))
    if expected["step"]:
        assert (verdict.verified, verdict.steps[-1].name) == (False, expected["step"]), verdict.reason
        return
    assert verdict.verified, verdict.reason
    assert [step.name for step in verdict.steps] == list(STEPS)
    assert [step.name for step in verdict.steps if step.result is Result.WARNED] == expected["warned"]


GOOD = CASES / "good" / "a-chain-of-three"
IMAGE = image_of(GOOD)
TRUST = trust_of(GOOD)
SIGNATURES = [json.loads(path.read_bytes()) for path in CASES.glob("good/*/signature.jws")]
POLICY: dict[str, Any] = json.loads((GOOD / "trustpolicy.json").read_text())


def test_every_byte_counts() -> None:
    """Whatever is changed in a signature, it is refused: but for what nothing signs, its agent."""
    data = (GOOD / "signature.jws").read_bytes()
    agent = range(data.index(b"io.cncf.notary.signingAgent"), data.index(b"test/1") + 7)
    for position in range(0, len(data), 7):
        changed = bytearray(data)
        changed[position] ^= 1
        if position not in agent:
            assert not examine(bytes(changed), IMAGE, TRUST).verified, position


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    value = draw(st.sampled_from(SIGNATURES))
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            value = with_change(value, draw(st.sampled_from(places(value))), draw(ANYTHING))
        elif isinstance(value, dict) and isinstance(value.get("protected"), str):
            value = {**value, "protected": draw(headers(value["protected"]))}
    return json.dumps(value).encode()


@st.composite
def headers(draw: st.DrawFn, text: str) -> str:
    """The protected header, changed inside: the signature no longer holds, but it is read before that."""
    try:
        value = json.loads(base64.urlsafe_b64decode(text + "=="))
    except ValueError:
        return text
    value = with_change(value, draw(st.sampled_from(places(value))), draw(ANYTHING))
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@settings(deadline=None, max_examples=200)
@given(changed() | st.binary(max_size=200))
def test_any_envelope_is_a_verdict(data: bytes) -> None:
    with suppress(InputError):  # could not judge: the policy enforces revocation, and nobody is asked
        examine(data, IMAGE, TRUST)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=80), st.integers(0, 6000), st.integers(0, 255))
def test_any_timestamp_is_a_verdict(noise: bytes, position: int, byte: int) -> None:
    folder = CASES / "good" / "notation-timestamped"
    value = json.loads((folder / "signature.jws").read_bytes())
    trust = trust_of(folder)
    token = bytearray(base64.b64decode(value["header"]["io.cncf.notary.timestampSignature"]))
    token[position % len(token)] = byte
    for changed_token in (bytes(token), noise, bytes(token[: position % len(token)])):
        value["header"]["io.cncf.notary.timestampSignature"] = base64.b64encode(changed_token).decode()
        examine(json.dumps(value).encode(), image_of(folder), trust)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_policy_is_read_or_refused_in_words(data: st.DataObject) -> None:
    value: Any = POLICY
    for _ in range(data.draw(st.integers(1, 3))):
        value = with_change(value, data.draw(st.sampled_from(places(value))), data.draw(ANYTHING))
    try:
        read_policy(json.dumps(value).encode(), "trustpolicy.json")
    except ConfigError as problem:
        assert problem.path == "trustpolicy.json" or "trust policy" in str(problem)


def policy(**changed: Any) -> bytes:
    statement = {**POLICY["trustPolicies"][0], **changed}
    return json.dumps({"version": "1.0", "trustPolicies": [statement]}).encode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"registryScopes": []},
        {"registryScopes": ["*", "registry.example/app"]},
        {"registryScopes": ["registry.example/*"]},
        {"registryScopes": ["registry.example"]},
        {"trustStores": []},
        {"trustStores": ["ca:../ca"]},
        {"trustStores": ["ca:.."]},
        {"trustStores": ["other:acme"]},
        {"trustedIdentities": []},
        {"trustedIdentities": ["*", "x509.subject: C=US, ST=WA, O=acme"]},
        {"trustedIdentities": ["x509.subject: C=US, O=acme"]},
        {"trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme+OU=a"]},
        {"trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme, O=other"]},
        {"trustedIdentities": ["somebody: else"]},
        {"signatureVerification": {"level": "lenient"}},
        {"signatureVerification": {"level": "strict", "override": {"integrity": "log"}}},
        {"signatureVerification": {"level": "strict", "override": {"authenticity": "skip"}}},
        {"signatureVerification": {"level": "skip"}},
        {"signatureVerification": {"level": "strict", "verifyTimestamp": "never"}},
        {"more": 1},
    ],
)
def test_policies_that_mean_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="statement 'all'"):
        read_policy(policy(**wrong), "trustpolicy.json")


def test_the_exact_scope_comes_first() -> None:
    value = json.loads(policy())
    exact = {**value["trustPolicies"][0], "name": "exact", "registryScopes": ["registry.example/team/app"]}
    value["trustPolicies"].append(exact)
    statements = read_policy(json.dumps(value).encode(), "p")
    assert applicable(statements, "registry.example/team/app").name == "exact"
    assert applicable(statements, "registry.example/team/app2").name == "all"
    with pytest.raises(InputError, match="says nothing of"):
        applicable(statements[1:], "registry.example/other")


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("C=US, ST=WA, O=acme", {"C": "US", "ST": "WA", "O": "acme"}),
        ("c=US,S=WA,O=acme\\, inc.,CN=a b", {"C": "US", "ST": "WA", "O": "acme, inc.", "CN": "a b"}),
        ("C=US,ST=WA,O=M\\C3\\BCller", {"C": "US", "ST": "WA", "O": "Müller"}),
    ],
)
def test_names(text: str, attributes: dict[str, str]) -> None:
    assert parse_name(text) == attributes


def test_the_moment_of_an_envelope_is_utc() -> None:
    envelope = read((CASES / "good" / "not-expired" / "signature.jws").read_bytes())
    assert envelope.expiry == datetime(2098, 12, 31, 22, tzinfo=UTC)
    with pytest.raises(VerificationError):
        read(b"{}")
