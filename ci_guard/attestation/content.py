"""The steps that keys and certificates share: what is signed, by the key at hand, about what, stating what."""

from __future__ import annotations

import hashlib
import hmac

from ci_guard.attestation import statement as statements
from ci_guard.attestation.artifact import Artifact
from ci_guard.attestation.bundle import MessageSignature
from ci_guard.attestation.dsse import IN_TOTO, Envelope
from ci_guard.attestation.keys import VerifyingKey
from ci_guard.attestation.policy import (
    Expectations,
    builder_id,
    check_builder,
    check_expressions,
    check_predicate_type,
    check_provenance,
    check_subject,
)
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.statement import Statement
from ci_guard.attestation.verdict import Trace, count
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import record

_FINGERPRINT_LENGTH = 44  # base64 of a sha256
_LONGEST = 120  # characters of expressions in a refusal
_NO_STATEMENT = "a signature over the artifact itself, it states nothing more"


def is_fingerprint(hint: str) -> bool:
    """Whether a key hint is a base64 sha256, not somebody's free text."""
    return len(hint) == _FINGERPRINT_LENGTH and hint.endswith("=") and hint.isascii() and not hint.endswith("==")


@record
class Signed:
    """What a signature was found to be over: `digest` (by `hash_name`) of the artifact or of the envelope's text."""

    signature: bytes
    hash_name: str
    digest: bytes
    envelope: Envelope | None = None


def check_message(content: MessageSignature, artifact: Artifact, key: VerifyingKey, trace: Trace) -> Signed:
    """Steps `content` and `signature` for a signature over the artifact itself. Raises VerificationError."""
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
    used = _check_signature(content.signature, digests, key, trace)
    return Signed(content.signature, used, digests[used])


def check_envelope(envelope: Envelope, key: VerifyingKey, trace: Trace) -> Signed:
    """Steps `content` and `signature` for a statement in an envelope. Raises VerificationError."""
    with trace.step("content") as detail:
        if len(envelope.signatures) != 1:
            raise VerificationError(f"the envelope has {len(envelope.signatures)} signatures, expected exactly one")
        if envelope.payload_type != IN_TOTO:
            raise VerificationError(f"the payload type is {quoted(envelope.payload_type)}, expected {IN_TOTO!r}")
        keyid = envelope.signatures[0].keyid
        if is_fingerprint(keyid) and keyid != key.hint:
            raise VerificationError(f"the envelope was signed with the key {keyid[:80]!r}, given was {key.hint!r}")
        detail.append(f"one signature over {IN_TOTO}, {len(envelope.payload):,} bytes")
    signed = envelope.signed
    digests = {name: hashlib.new(name, signed).digest() for name in key.hash_names}
    signature = envelope.signatures[0].sig
    used = _check_signature(signature, digests, key, trace)
    return Signed(signature, used, digests[used], envelope)


def _check_signature(signature: bytes, digests: dict[str, bytes], key: VerifyingKey, trace: Trace) -> str:
    """Step `signature`: the hash it is over."""
    with trace.step("signature") as detail:
        used = next((name for name, digest in digests.items() if key.verifies(signature, digest, name)), None)
        if used is None:
            raise VerificationError(f"the signature is not one of the key {key.hint} over this content")
        detail.append(f"{key.name} with {used} holds")
    return used


def read_statement(envelope: Envelope, trace: Trace) -> Statement:
    """Step `statement`; only once the signature held, the payload is a stranger's until then."""
    with trace.step("statement") as detail:
        statement = statements.read(envelope.payload)
        detail.append(f"{statement.type}, {count(len(statement.subject), 'subject')}")
    return statement


def demand(statement: Statement, artifact: Artifact, expected: Expectations, trace: Trace) -> None:
    """Steps `subject` to `expression` for a statement. Raises VerificationError, RuleError."""
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
    if expected.of_provenance:
        with trace.step("provenance") as detail:
            detail.append(check_provenance(statement, expected))
    else:
        trace.skip("provenance", "nothing more was asked for")
    if expected.expressions:
        with trace.step("expression") as detail:
            detail.append(check_expressions(statement, expected))
    else:
        trace.skip("expression", "none was given")


def demand_nothing(expected: Expectations, trace: Trace) -> None:
    """The same for a plain signature: whoever asks for a predicate does not get it. Raises VerificationError."""
    trace.skip("statement", _NO_STATEMENT)
    trace.skip("subject", "the signature is over the artifact itself")
    for name, demand in (
        ("predicate-type", expected.predicate_type),
        ("builder", expected.builder_id),
        ("provenance", expected.of_provenance),
        ("expression", " && ".join(expected.expressions)[:_LONGEST]),
    ):
        if demand:
            with trace.step(name):
                raise VerificationError(f"expected {demand!r}, and the bundle is {_NO_STATEMENT}")
        trace.skip(name, "none was asked for")
