"""What a verifier demands of a statement beyond its signature: the subject, the predicate type, the builder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_guard.attestation.artifact import Artifact
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.statement import DIGESTS, ResourceDescriptor, Statement
from ci_guard.model.errors import UsageError, VerificationError
from ci_guard.model.record import record

PREDICATE_TYPES: Mapping[str, str] = {
    "slsaprovenance1": "https://slsa.dev/provenance/v1",
    "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
    "cyclonedx": "https://cyclonedx.org/bom",
    "spdxjson": "https://spdx.dev/Document",
    "openvex": "https://openvex.dev/ns",
    "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
    "vsa": "https://slsa.dev/verification_summary/v1",
    "custom": "https://cosign.sigstore.dev/attestation/v1",
}
"""cosign's short names of predicate types -> their URIs, and ours for SLSA's verification summary."""

_NAMED_AT_MOST = 3


@record
class Expectations:
    """What is demanded; "" demands nothing. `predicate_type` and `builder_id` are compared exactly."""

    predicate_type: str = ""
    builder_id: str = ""


def predicate_type(name: str) -> str:
    """The URI of a predicate type given by short name or URI. Raises UsageError."""
    if name in PREDICATE_TYPES:
        return PREDICATE_TYPES[name]
    scheme, colon, rest = name.partition(":")
    if colon and rest and scheme.isascii() and scheme.replace("+", "").isalnum() and name.isprintable():
        return name
    raise UsageError(f"no predicate type {name[:80]!r}: use {', '.join(PREDICATE_TYPES)}, or a URI")


def check_subject(statement: Statement, artifact: Artifact) -> str:
    """Which subject is the artifact, in words. Raises VerificationError when none is."""
    for subject in statement.subject:
        compared = _compare(subject, artifact)
        if compared:
            return compared
    names = [
        quoted(subject.name) if subject.name else _brief(subject) for subject in statement.subject[:_NAMED_AT_MOST]
    ]
    more = len(statement.subject) - len(names)
    listed = ", ".join(names) + (f" and {more} more" if more > 0 else "")
    raise VerificationError(f"none of the statement's subjects ({listed}) has the digest of {artifact.name}")


def check_predicate_type(statement: Statement, expected: str) -> str:
    """The comparison in words. Raises VerificationError."""
    if statement.predicate_type != expected:
        raise VerificationError(f"the predicate type is {quoted(statement.predicate_type)}, expected {expected!r}")
    return f"{expected} as expected"


def check_builder(statement: Statement, expected: str) -> str:
    """The comparison in words. Raises VerificationError."""
    builder = builder_id(statement)
    if builder != expected:
        found = f"is {quoted(builder)}" if builder else "is not named by this predicate"
        raise VerificationError(f"the builder {found}, expected {expected!r}")
    return f"{expected} as expected"


def builder_id(statement: Statement) -> str:
    """The builder that SLSA provenance (v1 or v0.2) names; "" when there is none."""
    path = {
        PREDICATE_TYPES["slsaprovenance1"]: ("runDetails", "builder", "id"),
        PREDICATE_TYPES["slsaprovenance02"]: ("builder", "id"),
    }.get(statement.predicate_type, ())
    value: Any = statement.predicate if path else None
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def sha256_subjects(statement: Statement) -> frozenset[str]:
    """The sha256 (hex) of every subject: the look-up for callers that know nothing else of their artifacts."""
    return frozenset(s.digest["sha256"] for s in statement.subject if "sha256" in s.digest)


def _compare(subject: ResourceDescriptor, artifact: Artifact) -> str:
    """`sha256 abc… of NAME` when every digest that both know agrees, "" otherwise or when they share none."""
    known = []
    for algorithm in DIGESTS:
        stated = subject.digest.get(algorithm)
        actual = artifact.digest(algorithm) if stated is not None else None
        if stated is None or actual is None:
            continue
        if stated != actual.hex():
            return ""
        known.append(f"{algorithm}:{stated}")
    return f"{', '.join(known)} is the subject {quoted(subject.name)}" if known else ""


def _brief(subject: ResourceDescriptor) -> str:
    algorithm, value = next(iter(subject.digest.items()))
    return f"{quoted(algorithm)}:{quoted(value[:12])}…"
