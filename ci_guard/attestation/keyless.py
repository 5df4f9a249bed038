"""Is this bundle good, when it was signed with a certificate instead of a key? Numbered steps, as in `verification`.

    1 bundle          the bundle is well-formed, of a known version, within bounds
    2 certificate     one signing certificate: for signing code, one name in it, one issuer that vouches for the name
    3 trusted-root    an authority of the trusted root issued it
    4 content         exactly one signature; a statement's payload type, or the artifact's digest as the bundle has it
    5 signature       the signature holds with the certificate's key
    6 log             a transparency log of the trusted root holds an entry, which speaks of this very signature
    7 time            when it was signed: every timestamp, and the log's own time where the log signed it
    8 chain           the certificate and the authority's were valid at each of these times
    9 sct             a certificate transparency log vouches that the certificate is published
    10 identity       the certificate names whom we trust
    11 statement      the payload is an in-toto statement
    12 subject        one of its subjects is the artifact
    13 predicate-type it attests what was asked for
    14 builder        the builder is the one asked for
    15 provenance     build type, source and external parameters are those asked for
    16 expression     what was to be true of the predicate is

The trust is a trusted root and an identity, both of which the caller must have; nothing verifies against "anybody".
No clock is asked: what counts is whether things were valid when it was signed. What the trusted root does not
name (logs, certificate transparency logs) is not demanded: private instances without them exist, and the root is
the caller's. A root that names them demands them.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509

from ci_guard.attestation import certificate as certificates
from ci_guard.attestation import legacy
from ci_guard.attestation.artifact import Artifact, DigestArtifact
from ci_guard.attestation.bundle import Bundle, Certificates, MessageSignature
from ci_guard.attestation.certificate import SigningCertificate
from ci_guard.attestation.chain import Issuer, check_chain, issuers, read_intermediates
from ci_guard.attestation.content import (
    check_envelope,
    check_message,
    demand,
    demand_nothing,
    read_statement,
)
from ci_guard.attestation.dsse import Envelope
from ci_guard.attestation.entries import SignerMaterial
from ci_guard.attestation.identity import IdentityPolicy, check_identity
from ci_guard.attestation.policy import Expectations
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.sct import check_scts
from ci_guard.attestation.statement import Statement
from ci_guard.attestation.trustedroot import TrustedRoot
from ci_guard.attestation.verdict import Trace, Verdict, furthest, held
from ci_guard.attestation.witnesses import check_logs, check_times
from ci_guard.model.errors import UsageError, VerificationError
from ci_guard.model.record import record

STEPS = (
    "bundle",
    "certificate",
    "trusted-root",
    "content",
    "signature",
    "log",
    "time",
    "chain",
    "sct",
    "identity",
    "statement",
    "subject",
    "predicate-type",
    "builder",
    "provenance",
    "expression",
)


_NOTHING = DigestArtifact("")
"""Stands for the artifact where only a statement's signer matters."""


@record
class Trust:
    """Which roots (one must hold on its own), and who."""

    roots: tuple[TrustedRoot, ...]
    policy: IdentityPolicy

    def __post_init__(self) -> None:
        if not self.roots:
            raise UsageError("no trusted root was given")


@record
class _Signer:
    """The certificate, what the bundle has above it, and who issued it."""

    certificate: SigningCertificate
    intermediates: Sequence[x509.Certificate]
    issuers: Sequence[Issuer]

    @property
    def says(self) -> str:
        """Whom the certificate names, and who vouches for it."""
        return f"{self.certificate.identity} ({self.certificate.issuer})"


def verify(data: bytes, artifact: Artifact, trust: Trust, expected: Expectations | None = None) -> Verdict:
    """Verify bundle `data` for `artifact`. Raises VerificationError naming the step."""
    return held(examine(data, artifact, trust, expected))


def examine(data: bytes, artifact: Artifact, trust: Trust, expected: Expectations | None = None) -> Verdict:
    """The same as a verdict in either case: a refusal keeps the steps that led to it."""
    wanted = expected or Expectations()
    return furthest(STEPS, trust.roots, lambda root, trace: _verify(data, artifact, trust.policy, wanted, root, trace))


def authenticate(data: bytes, trust: Trust) -> Verdict:
    """The verdict with the statement of an attestation by whom `trust` names, about whatever it is about.

    For callers with many artifacts in one statement: they match subjects themselves. Raises VerificationError.
    """
    return held(furthest(STEPS, trust.roots, lambda root, trace: _authenticate(data, trust.policy, root, trace)))


def _authenticate(data: bytes, policy: IdentityPolicy, root: TrustedRoot, trace: Trace) -> Verdict:
    bundle, signer = _take(data, root, trace)
    if not isinstance(bundle.content, Envelope):
        with trace.step("content"):
            raise VerificationError("the bundle holds a plain signature, no statement")
    _check_signer(bundle, _NOTHING, signer, root, trace)
    _check_identity(signer, policy, trace)
    statement = read_statement(bundle.content, trace)
    return Verdict(True, tuple(trace.steps), identity=signer.says, statement=statement)


def _verify(
    data: bytes, artifact: Artifact, policy: IdentityPolicy, expected: Expectations, root: TrustedRoot, trace: Trace
) -> Verdict:
    bundle, signer = _take(data, root, trace)
    _check_signer(bundle, artifact, signer, root, trace)
    _check_identity(signer, policy, trace)
    statement = _statement(bundle, artifact, expected, trace)
    return Verdict(True, tuple(trace.steps), identity=signer.says, statement=statement)


def _take(data: bytes, root: TrustedRoot, trace: Trace) -> tuple[Bundle, _Signer]:
    """Steps 1 to 3."""
    with trace.step("bundle") as detail:
        bundle = legacy.read(data)
        detail.append(f"{len(data):,} bytes of {bundle.media_type}")
    return bundle, _signer(bundle, root, trace)


def _check_identity(signer: _Signer, policy: IdentityPolicy, trace: Trace) -> None:
    """Step 10."""
    with trace.step("identity") as detail:
        detail.append(check_identity(signer.certificate, policy))


def _signer(bundle: Bundle, root: TrustedRoot, trace: Trace) -> _Signer:
    """Steps 2 and 3."""
    with trace.step("certificate") as detail:
        if not isinstance(bundle.material, Certificates):
            raise VerificationError("the bundle was signed with a key, and no key was given, only an identity")
        certificate = certificates.read(bundle.material.chain[0])
        intermediates = read_intermediates(bundle.material.chain)
        detail.append(f"{certificate.key.name}, codeSigning, for {quoted(certificate.identity)}")
    with trace.step("trusted-root") as detail:
        found = issuers(certificate.certificate, intermediates, root.authorities)
        if not found:
            raise VerificationError(f"no certificate authority of {root.name} issued the certificate")
        detail.append(f"{root.name}, sha256:{root.digest}; {found[0].authority.name} issued the certificate")
    return _Signer(certificate, intermediates, found)


def _check_signer(bundle: Bundle, artifact: Artifact, signer: _Signer, root: TrustedRoot, trace: Trace) -> None:
    """Steps 4 to 9."""
    key = signer.certificate.key
    if isinstance(bundle.content, MessageSignature):
        signed = check_message(bundle.content, artifact, key, trace)
    else:
        signed = check_envelope(bundle.content, key, trace)
    material = SignerMaterial(signer.certificate.der, is_certificate=True)
    logged = check_logs(bundle, signed, material, root, trace)
    moments = check_times(bundle, signed, logged, root, trace, needed=True)
    certificate = signer.certificate.certificate
    with trace.step("chain") as detail:
        issuer_key, said = check_chain(certificate, signer.intermediates, signer.issuers, moments)
        detail.append(said)
    if not root.certificate_logs:
        trace.skip("sct", "the trusted root names no certificate transparency log")
        return
    with trace.step("sct") as detail:
        detail.append(check_scts(certificate, issuer_key, root.certificate_logs))


def _statement(bundle: Bundle, artifact: Artifact, expected: Expectations, trace: Trace) -> Statement | None:
    """Steps 11 to 14."""
    if isinstance(bundle.content, MessageSignature):
        demand_nothing(expected, trace)
        return None
    statement = read_statement(bundle.content, trace)
    demand(statement, artifact, expected, trace)
    return statement
