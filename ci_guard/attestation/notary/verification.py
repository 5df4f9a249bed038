"""Did somebody whom a trust policy of the Notary Project names sign this image? Numbered steps, as in `verification`.

    1 envelope       the envelope is well-formed, within bounds, and demands nothing that we do not understand
    2 certificates   a chain in order up to a root, each certificate for its purpose, no weak key or hash
    3 signature      the signature holds with the signer's key
    4 artifact       what was signed is this image: media type, digest and size
    5 authenticity   a certificate of the chain is in a trust store of the statement
    6 identity       the signer's subject is a trusted identity of the statement
    7 expiry         the signature is not past the date that its signer gave it
    8 timestamp      the certificates were valid when it was signed, as an authority says, or are valid now
    9 revocation     nobody revoked the certificates

Steps 1 to 4 are always enforced. For the others the level of the statement decides: a check that it only logs warns and
refuses nothing. Revocation is not asked for here, it would need the network: where the level enforces it and a
certificate says where to ask, the signature is not judged (InputError) rather than passed.

Source: notaryproject/specifications, `trust-store-trust-policy.md` ("Signature verification details").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ci_guard.attestation.notary import envelope as envelopes
from ci_guard.attestation.notary import timestamp
from ci_guard.attestation.notary.certificates import check_chain, check_signature, names_revocation, subject
from ci_guard.attestation.notary.envelope import X509, Envelope, Target
from ci_guard.attestation.notary.names import attributes_of, matches, spelled
from ci_guard.attestation.notary.policy import AUTHORITY, SIGNING_AUTHORITY, TIMESTAMPING, Action, Check, Statement
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.verdict import Trace, Verdict, count
from ci_guard.model.errors import InputError, VerificationError
from ci_guard.model.record import record

STEPS = (
    "envelope",
    "certificates",
    "signature",
    "artifact",
    "authenticity",
    "identity",
    "expiry",
    "timestamp",
    "revocation",
)
Stores = Mapping[tuple[str, str], Sequence[x509.Certificate]]
"""(kind, name) -> its certificates."""


@record
class Trust:
    """A statement of the policy, the stores that it names, and the time by the clock."""

    statement: Statement
    stores: Stores
    now: datetime


def examine(data: bytes, image: Target, trust: Trust) -> Verdict:
    """The verdict on one signature of `image`. Raises InputError when the policy enforces what is not judged here."""
    trace = Trace(STEPS)
    try:
        envelope = _integrity(data, image, trace)
        who = _authenticity(envelope, trust, trace)
        _expiry(envelope, trust, trace)
        asked = _timestamp(envelope, trust, trace)
        _revocation((*envelope.chain[:-1], *asked), trust, trace)
    except VerificationError as refusal:
        return Verdict(False, tuple(trace.steps), reason=str(refusal))
    return Verdict(True, tuple(trace.steps), identity=who)


def _integrity(data: bytes, image: Target, trace: Trace) -> Envelope:
    with trace.step("envelope") as detail:
        envelope = envelopes.read(data)
        detail.append(f"{len(data):,} bytes, {envelope.scheme}, {envelope.algorithm}")
    with trace.step("certificates") as detail:
        check_chain(envelope.chain, envelope.algorithm)
        detail.append(f"{count(len(envelope.chain), 'certificate')} from {subject(envelope.chain[0])}")
    with trace.step("signature") as detail:
        check_signature(envelope.chain[0], envelope.signature, envelope.signed)
        detail.append(f"{envelope.algorithm} holds over header and payload")
    with trace.step("artifact") as detail:
        signed = envelopes.target(envelope)
        if signed.digest != image.digest:
            raise VerificationError(f"it is a signature of {quoted(signed.digest)}, not of {quoted(image.digest)}")
        if signed != image:
            raise VerificationError(f"it is a signature of {_told(signed)}, not of {_told(image)}")
        detail.append(_told(image))
    return envelope


def _told(target: Target) -> str:
    return f"{quoted(target.digest)}, {target.size:,} bytes of {quoted(target.media_type)}"


def _judge(check: Check, name: str, trust: Trust, trace: Trace, judge: Callable[[], str]) -> bool:
    """One step as the level wants it; whether it held."""
    action = trust.statement.actions[check]
    if action is Action.SKIP:
        trace.skip(name, "the trust policy skips it")
        return False
    try:
        with trace.step(name) as detail:
            detail.append(judge())
    except VerificationError as problem:
        if action is Action.ENFORCE:
            raise
        trace.steps.pop()  # its refusal: the level has it told, not heeded
        trace.warn(name, f"{problem}; level {trust.statement.level} only logs it")
        return False
    return True


def _authenticity(envelope: Envelope, trust: Trust, trace: Trace) -> str:
    """Steps 5 and 6; who signed, as far as the policy can tell."""
    check = Check.AUTHENTICITY
    trusted = _judge(check, "authenticity", trust, trace, lambda: _anchor(envelope, trust))
    named = _judge(check, "identity", trust, trace, lambda: _identity(envelope.chain[0], trust.statement))
    who = subject(envelope.chain[0])
    return who if trusted and named else f"somebody unknown who calls themselves {who}"


def _anchor(envelope: Envelope, trust: Trust) -> str:
    kind = AUTHORITY if envelope.scheme == X509 else SIGNING_AUTHORITY
    for store in trust.statement.stores_of(kind):
        for certificate in trust.stores[store]:
            if certificate in envelope.chain:
                return f"{subject(certificate)} is in the store {kind}:{store[1]}"
    names = ", ".join(f"{kind}:{name}" for _, name in trust.statement.stores_of(kind)) or f"none of kind {kind}"
    raise VerificationError(f"no certificate of the chain is in the stores of {quoted(trust.statement.name)} ({names})")


def _identity(certificate: x509.Certificate, statement: Statement) -> str:
    if not statement.identities:
        return "the policy trusts everybody whom its stores vouch for"
    try:
        found = attributes_of(certificate.subject)
    except ValueError as problem:
        raise VerificationError(f"{subject(certificate)}: {problem}") from None
    for wanted in statement.identities:
        if matches(wanted, found):
            return f"{spelled(found)} has {spelled(wanted)}"
    raise VerificationError(f"{spelled(found)} is none of the identities of {quoted(statement.name)}")


def _expiry(envelope: Envelope, trust: Trust, trace: Trace) -> None:
    def judge() -> str:
        if envelope.expiry is None:
            return "its signer gave it none"
        if envelope.expiry <= envelope.signing_time:
            raise VerificationError(f"it expired at {_at(envelope.expiry)}, before it was signed")
        if envelope.expiry <= trust.now:
            raise VerificationError(f"the signature expired at {_at(envelope.expiry)}")
        return f"until {_at(envelope.expiry)}"

    _judge(Check.EXPIRY, "expiry", trust, trace, judge)


def _timestamp(envelope: Envelope, trust: Trust, trace: Trace) -> Sequence[x509.Certificate]:
    """Step 8; the certificates of the timestamp's authority, whose revocation counts too."""
    asked: list[x509.Certificate] = []

    def judge() -> str:
        if envelope.scheme != X509:
            return f"signed at {_valid_at(envelope.chain, envelope.signing_time)} by the signing authority's own word"
        stores = trust.statement.stores_of(TIMESTAMPING)
        expired = any(certificate.not_valid_after_utc < trust.now for certificate in envelope.chain)
        if not stores or (trust.statement.only_when_expired and not expired):
            return f"not asked for; the certificates are valid at {_valid_at(envelope.chain, trust.now)}"
        anchors = [certificate for store in stores for certificate in trust.stores[store]]
        moments, certificates = timestamp.check(envelope.timestamp, envelope.signature, _hash(envelope), anchors)
        asked.extend(certificates)
        for moment in moments:
            _valid_at(envelope.chain, moment)
        said = f"{_at(moments[0])} by {subject(certificates[0])}, when the certificates were valid"
        asks = any(names_revocation(certificate) for certificate in certificates)
        return f"{said}; whether that authority was revoked was not asked" if asks else said

    _judge(Check.TIMESTAMP, "timestamp", trust, trace, judge)
    return asked


def _hash(envelope: Envelope) -> hashes.HashAlgorithm:
    return {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[envelope.algorithm[2:]]


def _valid_at(chain: Sequence[x509.Certificate], moment: datetime) -> str:
    for certificate in chain:
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not start <= moment <= end:
            raise VerificationError(
                f"{subject(certificate)} is valid from {_at(start)} to {_at(end)}, not at {_at(moment)}"
            )
    return _at(moment)


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _revocation(certificates: Sequence[x509.Certificate], trust: Trust, trace: Trace) -> None:
    """Step 9: nobody is asked, and that is said."""
    action = trust.statement.actions[Check.REVOCATION]
    if action is Action.SKIP:
        trace.skip("revocation", "the trust policy skips it")
        return
    somewhere = [certificate for certificate in certificates if names_revocation(certificate)]
    if not somewhere:
        with trace.step("revocation") as detail:
            detail.append("no certificate says where to ask")
        return
    said = f"whether {subject(somewhere[0])} was revoked was not asked"
    if action is Action.ENFORCE:
        raise InputError(
            f"{said}, and {quoted(trust.statement.name)} enforces it: this tool does not ask, so it cannot judge by "
            'level strict; `"override": {"revocation": "skip"}` says that you do without'
        )
    trace.warn("revocation", f"{said}; level {trust.statement.level} only logs it")
