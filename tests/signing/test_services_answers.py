"""Whatever services answer: only ServiceError and SigningError come out, and nothing unverified goes on.

The real answers of the loopback services are changed byte by byte, field by field, and replaced by anything at all.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_guard.attestation import bundle as bundles
from ci_guard.attestation import identitytoken, keyfile, signingconfig
from ci_guard.attestation.content import Signed
from ci_guard.attestation.entries import SignerMaterial
from ci_guard.model.errors import CiGuardError, InputError, ServiceError, SigningError
from ci_guard.services import sigstore_authority, sigstore_log, sigstore_timestamp
from ci_guard.services.sigstore_calls import Calling
from tests.attestation.loopback_services import Services

KEY = keyfile.generate()
DIGEST = hashlib.sha256(b"artifact").digest()
SIGNED = Signed(KEY.sign_digest(DIGEST), "sha256", DIGEST)
SIGNER = SignerMaterial(KEY.verifying_key.der(), is_certificate=False)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with Services() as running:
        yield running


@pytest.fixture(scope="module")
def real(services: Services) -> dict[str, bytes]:
    """What the services answer to good requests."""
    token = identitytoken.read(services.token(), datetime.now(UTC))
    request = base64.b64encode(KEY.certificate_request()).decode()
    body = {"credentials": {"oidcIdentityToken": token.raw}, "certificateSigningRequest": request}
    how = Calling(20, inside=True)
    entries = [sigstore_log.record(services.base, version, SIGNED, SIGNER, how) for version in (1, 2)]
    stored = next(iter(services.stored.values()))
    return {
        "token": token.raw.encode(),
        "authority": json.dumps(
            services.routes()["/api/v2/signingCert"][1](json.dumps(body).encode(), "", {})
        ).encode(),
        "timestamps": sigstore_timestamp.stamp(f"{services.base}/api/v1/timestamp", SIGNED.signature, how),
        "log-1": json.dumps(stored).encode(),
        "log-2": json.dumps(bundles.entry_json(entries[1])).encode(),
    }


def test_a_certificate_that_no_log_knows_is_taken_where_there_is_no_log(real: dict[str, bytes]) -> None:
    """An instance without certificate transparency answers so; a timestamp beside the certificate fits no bundle."""
    answer = {"signedCertificateDetachedSct": json.loads(real["authority"])["signedCertificateEmbeddedSct"]}
    assert take("authority", json.dumps(answer).encode(), real)
    answer["signedCertificateDetachedSct"]["signedCertificateTimestamp"] = "AAAA"
    assert not take("authority", json.dumps(answer).encode(), real)


def take(which: str, answer: bytes, real: dict[str, bytes]) -> bool:
    """Whether the answer is taken; whatever is no good must end in a ServiceError."""
    try:
        if which == "authority":
            token = identitytoken.read(real["token"].decode(), datetime.now(UTC))
            sigstore_authority.read_answer(answer, token, KEY)
        elif which == "timestamps":
            sigstore_timestamp.check_answer(answer, 12345)
        else:
            (sigstore_log.read_answer_1 if which == "log-1" else sigstore_log.read_answer_2)(answer)
    except ServiceError as refusal:
        assert refusal.service in {"certificate authority", "timestamp authority", "transparency log"}
        return False
    return True


@pytest.mark.parametrize("which", ["authority", "log-1", "log-2"])
def test_the_real_answers_are_taken(which: str, real: dict[str, bytes]) -> None:
    assert take(which, real[which], real)


@pytest.mark.parametrize("which", ["authority", "timestamps", "log-1"])
@FEW
@given(value=ANYTHING | st.binary(max_size=80))
def test_anything_at_all(which: str, value: Any, real: dict[str, bytes]) -> None:
    assert not take(which, value if isinstance(value, bytes) else json.dumps(value).encode(), real)


@pytest.mark.parametrize("which", ["authority", "timestamps", "log-1", "log-2"])
@FEW
@given(data=st.data())
def test_changed_bytes(which: str, data: st.DataObject, real: dict[str, bytes]) -> None:
    """A log's entry may still be well-formed: what it says is verified with the bundle."""
    changed = bytearray(real[which])
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    take(which, bytes(changed[: data.draw(st.integers(len(changed) // 2, len(changed)))]), real)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, child in inner for place in places(child, (*path, name)))]


@pytest.mark.parametrize("which", ["authority", "log-1", "log-2"])
@FEW
@given(data=st.data())
def test_one_field_is_something_else(which: str, data: st.DataObject, real: Any) -> None:
    value = json.loads(real[which])
    place = data.draw(st.sampled_from([place for place in places(value) if place]))
    changed = copy.deepcopy(value)
    holder = changed
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = data.draw(ANYTHING)
    take(which, json.dumps(changed).encode(), real)


@FEW
@given(
    text=st.text(max_size=60)
    | st.from_regex(r"[A-Za-z0-9_-]{1,30}\.[A-Za-z0-9_-]{1,60}\.[A-Za-z0-9_-]{1,9}", fullmatch=True)
)
def test_tokens(text: str) -> None:
    try:
        identitytoken.read(text, datetime.now(UTC))
    except SigningError as refusal:
        assert not text.strip() or len(text) < 12 or text not in str(refusal), "a token is a secret"


@FEW
@given(claims=ANYTHING | st.dictionaries(st.sampled_from(["iss", "exp", "aud", "email", "federated_claims"]), ANYTHING))
def test_claims(claims: Any) -> None:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    try:
        identitytoken.read(f"e30.{part}.e30", datetime.now(UTC))
    except SigningError:
        return
    assert isinstance(claims, dict)


@FEW
@given(data=st.data(), version=st.sampled_from([1, 2]))
def test_configs(data: st.DataObject, version: int, services: Services) -> None:
    changed = services.trust_config(version)
    place = data.draw(st.sampled_from([place for place in places(changed) if place and place[0] != "trustedRoot"]))
    holder: Any = changed
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = data.draw(ANYTHING)
    try:
        _, config = signingconfig.read_trust_config(json.dumps(changed).encode(), "config")
        config.logs.at(datetime.now(UTC))
    except InputError:
        return
    except CiGuardError as other:
        raise AssertionError("another error than was promised") from other
