"""Is this bundle good? Numbered steps, each saying what was compared; no files, no sockets.

    1 bundle          the bundle is well-formed, of a known version, within bounds
    2 key             it was signed with a key, and what it says about the key fits the key we were given
    3 content         exactly one signature; a statement's payload type, or the artifact's digest as the bundle has it
    4 signature       the signature holds, over the artifact or over type and payload (DSSE)
    5 witnesses       transparency log entries and timestamps, against a trust root
    6 statement       the payload is an in-toto statement
    7 subject         one of its subjects is the artifact
    8 predicate-type  it attests what was asked for
    9 builder         the builder is the one asked for

The trust is the key: it was handed over by someone who knows whose it is. A bundle signed with a certificate
needs a trusted root and an identity instead; without them it is refused in step 2. Step 5 needs the same root;
without it the evidence is counted and reported as not checked, which takes nothing from what the key proves.
The payload is parsed only after its signature held. Only VerificationError comes out, whatever goes in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from ci_guard.attestation import bundle as bundles
from ci_guard.attestation import statement as statements
from ci_guard.attestation.artifact import Artifact
from ci_guard.attestation.bundle import Bundle, Certificates, MessageSignature
from ci_guard.attestation.dsse import IN_TOTO, Envelope
from ci_guard.attestation.keys import VerifyingKey
from ci_guard.attestation.policy import (
    Expectations,
    builder_id,
    check_builder,
    check_predicate_type,
    check_subject,
)
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.statement import Statement
from ci_guard.model.errors import VerificationError

STEPS = (
    "bundle",
    "key",
    "content",
    "signature",
    "witnesses",
    "statement",
    "subject",
    "predicate-type",
    "builder",
)
_FINGERPRINT_LENGTH = 44  # base64 of a sha256
_NO_STATEMENT = "a signature over the artifact itself, it states nothing more"


class Result(StrEnum):
    """How a step ended."""

    HELD = "held"
    REFUSED = "refused"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a verdict; `detail` says what was compared, or why not."""

    number: int
    name: str
    result: Result
    detail: str


@dataclass(slots=True)
class Trace:
    """The steps taken so far."""

    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Take one step: what is appended to the list is its detail, a VerificationError is its refusal."""
        detail: list[str] = []
        try:
            yield detail
        except VerificationError as refusal:
            refusal.step = name
            self._add(name, Result.REFUSED, str(refusal))
            raise
        self._add(name, Result.HELD, "; ".join(detail))

    def skip(self, name: str, why: str) -> None:
        """A step that had nothing to check, or nothing to check it with."""
        self._add(name, Result.NOT_CHECKED, why)

    def _add(self, name: str, result: Result, detail: str) -> None:
        self.steps.append(Step(STEPS.index(name) + 1, name, result, detail))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome. `statement` and `identity` are set only when the signature held.

    `reason` is "" or what was refused; `identity` names who signed, as far as the trust given can tell.
    """

    verified: bool
    steps: tuple[Step, ...]
    reason: str = ""
    identity: str = ""
    statement: Statement | None = None

    @property
    def predicate_type(self) -> str:
        """The predicate type of the statement; "" for a plain signature."""
        return self.statement.predicate_type if self.statement else ""


def verify(data: bytes, artifact: Artifact, key: VerifyingKey, expected: Expectations | None = None) -> Verdict:
    """Verify bundle `data` for `artifact` against `key`. Raises VerificationError naming the step."""
    return _verify(data, artifact, key, expected or Expectations(), Trace())


def examine(data: bytes, artifact: Artifact, key: VerifyingKey, expected: Expectations | None = None) -> Verdict:
    """The same as a verdict in either case: a refusal keeps the steps that led to it."""
    trace = Trace()
    try:
        return _verify(data, artifact, key, expected or Expectations(), trace)
    except VerificationError as refusal:
        return Verdict(False, tuple(trace.steps), reason=str(refusal))


def authenticate(data: bytes, key: VerifyingKey) -> Statement:
    """The statement of an attestation that `key` signed, about whatever it is about.

    For callers with many artifacts in one statement: they match subjects themselves. Raises VerificationError.
    """
    trace = Trace()
    bundle = _read(data, key, trace)
    with trace.step("content"):
        if not isinstance(bundle.content, Envelope):
            raise VerificationError("the bundle holds a plain signature, no statement")
    return _statement(_envelope(bundle, key, trace), trace)


def _verify(data: bytes, artifact: Artifact, key: VerifyingKey, expected: Expectations, trace: Trace) -> Verdict:
    bundle = _read(data, key, trace)
    statement = None
    if isinstance(bundle.content, MessageSignature):
        _message(bundle.content, artifact, key, trace)
        _witnesses(bundle, trace)
        _demand_nothing(expected, trace)
    else:
        envelope = _envelope(bundle, key, trace)
        _witnesses(bundle, trace)
        statement = _statement(envelope, trace)
        _demand(statement, artifact, expected, trace)
    return Verdict(True, tuple(trace.steps), identity=f"key {key.hint}", statement=statement)


def _read(data: bytes, key: VerifyingKey, trace: Trace) -> Bundle:
    """Steps 1 and 2."""
    with trace.step("bundle") as detail:
        bundle = bundles.read(data)
        detail.append(f"{len(data):,} bytes of {bundle.media_type}")
    with trace.step("key") as detail:
        detail.append(_check_material(bundle, key))
    return bundle


def _check_material(bundle: Bundle, key: VerifyingKey) -> str:
    if isinstance(bundle.material, Certificates):
        raise VerificationError(
            "the bundle was signed with a certificate, and no trusted root and no identity were given to check it "
            "against, only a key"
        )
    hint = bundle.material.hint
    if hint == key.hint:
        return f"{key.name} {key.hint}, the bundle's hint is the same"
    if _is_fingerprint(hint):
        raise VerificationError(f"the bundle was signed with the key {hint}, given was {key.hint}")
    # Other tools put free text here, and nothing authenticates it: the signature decides.
    return f"{key.name} {key.hint}, the bundle names it {quoted(hint)}"


def _is_fingerprint(hint: str) -> bool:
    return len(hint) == _FINGERPRINT_LENGTH and hint.endswith("=") and hint.isascii() and not hint.endswith("==")


def _message(content: MessageSignature, artifact: Artifact, key: VerifyingKey, trace: Trace) -> None:
    """Steps 3 and 4 for a signature over the artifact itself."""
    with trace.step("content") as detail:
        names = (content.algorithm,) if content.algorithm else key.hash_names
        digests = {name: digest for name in names if (digest := artifact.digest(name))}
        if content.algorithm and content.algorithm not in key.hash_names:
            raise VerificationError(f"a {key.name} key does not sign {content.algorithm} digests")
        if not digests:
            raise VerificationError(f"the signature is over a {names[0]} digest: give the file, not its sha256")
        actual = digests.get(content.algorithm)
        if actual is not None and not hmac.compare_digest(actual, content.digest):
            raise VerificationError(
                f"the bundle is about {content.algorithm}:{content.digest.hex()}, "
                f"{artifact.name} has {content.algorithm}:{actual.hex()}"
            )
        detail.append(f"a signature over {artifact.name}, " + ", ".join(f"{n}:{d.hex()}" for n, d in digests.items()))
    _check_signature(content.signature, digests, key, trace)


def _envelope(bundle: Bundle, key: VerifyingKey, trace: Trace) -> Envelope:
    """Steps 3 and 4 for a statement in an envelope."""
    envelope = bundle.content
    assert isinstance(envelope, Envelope)  # the callers looked
    with trace.step("content") as detail:
        if len(envelope.signatures) != 1:
            raise VerificationError(f"the envelope has {len(envelope.signatures)} signatures, expected exactly one")
        if envelope.payload_type != IN_TOTO:
            raise VerificationError(f"the payload type is {quoted(envelope.payload_type)}, expected {IN_TOTO!r}")
        keyid = envelope.signatures[0].keyid
        if _is_fingerprint(keyid) and keyid != key.hint:
            raise VerificationError(f"the envelope was signed with the key {keyid[:80]!r}, given was {key.hint!r}")
        detail.append(f"one signature over {IN_TOTO}, {len(envelope.payload):,} bytes")
    signed = envelope.signed
    digests = {name: hashlib.new(name, signed).digest() for name in key.hash_names}
    _check_signature(envelope.signatures[0].sig, digests, key, trace)
    return envelope


def _check_signature(signature: bytes, digests: dict[str, bytes], key: VerifyingKey, trace: Trace) -> None:
    """Step 4."""
    with trace.step("signature") as detail:
        used = next((name for name, digest in digests.items() if key.verifies(signature, digest, name)), None)
        if used is None:
            raise VerificationError(f"the signature is not one of the key {key.hint} over this content")
        detail.append(f"{key.name} with {used} holds")


def _witnesses(bundle: Bundle, trace: Trace) -> None:
    """Step 5."""
    found = []
    if bundle.log_entries:
        found.append(_count(len(bundle.log_entries), "transparency log entry", "transparency log entries"))
    if bundle.timestamps:
        found.append(_count(len(bundle.timestamps), "signed timestamp"))
    if found:
        trace.skip("witnesses", f"{' and '.join(found)}, and no trusted root was given to check them; the key decides")
    else:
        trace.skip("witnesses", "the bundle has neither log entries nor timestamps; the key decides")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _statement(envelope: Envelope, trace: Trace) -> Statement:
    """Step 6."""
    with trace.step("statement") as detail:
        statement = statements.read(envelope.payload)
        detail.append(f"{statement.type}, {_count(len(statement.subject), 'subject')}")
    return statement


def _demand(statement: Statement, artifact: Artifact, expected: Expectations, trace: Trace) -> None:
    """Steps 7 to 9 for a statement."""
    builder = builder_id(statement)
    with trace.step("subject") as detail:
        detail.append(check_subject(statement, artifact))
    if expected.predicate_type:
        with trace.step("predicate-type") as detail:
            detail.append(check_predicate_type(statement, expected.predicate_type))
    else:
        trace.skip("predicate-type", f"{quoted(statement.predicate_type)}; none was asked for")
    if expected.builder_id:
        with trace.step("builder") as detail:
            detail.append(check_builder(statement, expected.builder_id))
    else:
        trace.skip("builder", f"{quoted(builder) if builder else 'none named'}; none was asked for")


def _demand_nothing(expected: Expectations, trace: Trace) -> None:
    """Steps 6 to 9 for a plain signature: whoever asks for a predicate does not get it."""
    trace.skip("statement", _NO_STATEMENT)
    trace.skip("subject", "the signature is over the artifact itself")
    for name, demand in (("predicate-type", expected.predicate_type), ("builder", expected.builder_id)):
        if demand:
            with trace.step(name):
                raise VerificationError(f"expected {demand!r}, and the bundle is {_NO_STATEMENT}")
        trace.skip(name, "none was asked for")
