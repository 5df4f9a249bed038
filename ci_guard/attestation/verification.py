"""Is this bundle good? Numbered steps, each saying what was compared; no files, no sockets.

    1 bundle          the bundle is well-formed, of a known version, within bounds
    2 key             it was signed with a key, and what it says about the key fits the key we were given
    3 content         exactly one signature; a statement's payload type, or the artifact's digest as the bundle has it
    4 signature       the signature holds, over the artifact or over type and payload (DSSE)
    5 log             a transparency log of the trusted root holds an entry, which speaks of this very signature
    6 time            the timestamps, and the log's own time, against the trusted root
    7 statement       the payload is an in-toto statement
    8 subject         one of its subjects is the artifact
    9 predicate-type  it attests what was asked for
    10 builder        the builder is the one asked for
    11 provenance     build type, source and external parameters are those asked for
    12 expression     what was to be true of the predicate is

The trust is the key: it was handed over by someone who knows whose it is. A bundle signed with a certificate
needs a trusted root and an identity instead (`keyless`); it is refused in step 2. Without a trusted root the
evidence of steps 5 and 6 is counted and reported as not checked, which takes nothing from what the key proves;
with one it must hold. The payload is parsed only after its signature held. Only VerificationError comes out,
whatever goes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ci_guard.attestation import legacy
from ci_guard.attestation.bundle import Bundle, Certificates, MessageSignature
from ci_guard.attestation.content import (
    Signed,
    check_envelope,
    check_message,
    demand,
    demand_nothing,
    is_fingerprint,
    read_statement,
)
from ci_guard.attestation.dsse import Envelope
from ci_guard.attestation.policy import Expectations
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.verdict import Trace, Verdict, count, furthest, held
from ci_guard.model.errors import VerificationError

if TYPE_CHECKING:
    from ci_guard.attestation.artifact import Artifact
    from ci_guard.attestation.keys import VerifyingKey
    from ci_guard.attestation.statement import Statement
    from ci_guard.attestation.trustedroot import TrustedRoot

STEPS = (
    "bundle",
    "key",
    "content",
    "signature",
    "log",
    "time",
    "statement",
    "subject",
    "predicate-type",
    "builder",
    "provenance",
    "expression",
)


def verify(
    data: bytes,
    artifact: Artifact,
    key: VerifyingKey,
    expected: Expectations | None = None,
    roots: Sequence[TrustedRoot] = (),
) -> Verdict:
    """Verify bundle `data` for `artifact` against `key`. Raises VerificationError naming the step.

    With `roots` there must be a log entry, and all entries and timestamps must hold, against one of them.
    """
    return held(examine(data, artifact, key, expected, roots))


def examine(
    data: bytes,
    artifact: Artifact,
    key: VerifyingKey,
    expected: Expectations | None = None,
    roots: Sequence[TrustedRoot] = (),
) -> Verdict:
    """The same as a verdict in either case: a refusal keeps the steps that led to it."""
    wanted = expected or Expectations()
    given: Sequence[TrustedRoot | None] = roots or (None,)
    return furthest(STEPS, given, lambda root, trace: _verify(data, artifact, key, wanted, root, trace))


def authenticate(data: bytes, key: VerifyingKey) -> Statement:
    """The statement of an attestation that `key` signed, about whatever it is about.

    For callers with many artifacts in one statement: they match subjects themselves. Raises VerificationError.
    """
    trace = Trace(STEPS)
    bundle = _read(data, key, trace)
    with trace.step("content"):
        if not isinstance(bundle.content, Envelope):
            raise VerificationError("the bundle holds a plain signature, no statement")
    check_envelope(bundle.content, key, trace)
    return read_statement(bundle.content, trace)


def _verify(
    data: bytes, artifact: Artifact, key: VerifyingKey, expected: Expectations, root: TrustedRoot | None, trace: Trace
) -> Verdict:
    bundle = _read(data, key, trace)
    statement = None
    if isinstance(bundle.content, MessageSignature):
        _witnesses(bundle, check_message(bundle.content, artifact, key, trace), key, root, trace)
        demand_nothing(expected, trace)
    else:
        _witnesses(bundle, check_envelope(bundle.content, key, trace), key, root, trace)
        statement = read_statement(bundle.content, trace)
        demand(statement, artifact, expected, trace)
    return Verdict(True, tuple(trace.steps), identity=f"key {key.hint}", statement=statement)


def _read(data: bytes, key: VerifyingKey, trace: Trace) -> Bundle:
    """Steps 1 and 2."""
    with trace.step("bundle") as detail:
        bundle = legacy.read(data)
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
    if is_fingerprint(hint):
        raise VerificationError(f"the bundle was signed with the key {hint}, given was {key.hint}")
    # Other tools put free text here, and nothing authenticates it: the signature decides.
    return f"{key.name} {key.hint}, the bundle names it {quoted(hint)}"


def _witnesses(bundle: Bundle, signed: Signed, key: VerifyingKey, root: TrustedRoot | None, trace: Trace) -> None:
    """Steps 5 and 6."""
    if root is not None:
        from ci_guard.attestation.entries import SignerMaterial
        from ci_guard.attestation.witnesses import check_logs, check_times

        logged = check_logs(bundle, signed, SignerMaterial(key.der(), is_certificate=False), root, trace)
        check_times(bundle, signed, logged, root, trace, needed=False)
        return
    for name, number, one, many in (
        ("log", len(bundle.log_entries), "transparency log entry", "transparency log entries"),
        ("time", len(bundle.timestamps), "signed timestamp", "signed timestamps"),
    ):
        if number:
            found = count(number, one, many)
            trace.skip(name, f"{found}, and no trusted root was given to check with; the key decides")
        else:
            trace.skip(name, f"the bundle has no {one}; the key decides")
