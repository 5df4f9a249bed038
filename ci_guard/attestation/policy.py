"""What a verifier demands of a statement beyond its signature: the subject, the predicate type, the builder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_guard.attestation.artifact import Artifact
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.statement import DIGESTS, ResourceDescriptor, Statement
from ci_guard.model.errors import UsageError, VerificationError
from ci_guard.model.ports import PredicateJudge
from ci_guard.model.record import record

PREDICATE_TYPES: Mapping[str, str] = {
    "slsaprovenance1": "https://slsa.dev/provenance/v1",
    "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
    "cyclonedx": "https://cyclonedx.org/bom",
    "spdxjson": "https://spdx.dev/Document",
    "openvex": "https://openvex.dev/ns",
    "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
    "vsa": "https://slsa.dev/verification_summary/v1",
    "spdx": "https://spdx.dev/Document/v2.3",
    "sarif": "https://docs.oasis-open.org/sarif/sarif/v2.1.0",
    "custom": "https://cosign.sigstore.dev/attestation/v1",
}
"""Short names of predicate types -> their URIs: cosign's, GitHub's for SPDX, ours for SARIF and summaries."""

_NAMED_AT_MOST = 3


@record
class Expectations:
    """What is demanded; "" demands nothing. `predicate_type`, `builder_id` and `build_type` are compared exactly.

    `source` is the URI of the source, with its ref or without. `parameters` are all external parameters that the
    build may have had, no more and no fewer. Every one of `expressions` must be true of the predicate, as `judge` says.
    """

    predicate_type: str = ""
    builder_id: str = ""
    build_type: str = ""
    source: str = ""
    parameters: Mapping[str, Any] | None = None
    expressions: tuple[str, ...] = ()
    judge: PredicateJudge | None = None

    @property
    def of_provenance(self) -> str:
        """What is demanded of SLSA provenance beyond its builder, in words; "" for nothing."""
        wanted = {"build type": self.build_type, "source": self.source}
        named = [f"{name} {value}" for name, value in wanted.items() if value]
        return ", ".join([*named, *(["external parameters"] if self.parameters is not None else [])])


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


def check_provenance(statement: Statement, expected: Expectations) -> str:
    """The comparisons in words. Raises VerificationError; also where it is no SLSA provenance v1."""
    if statement.predicate_type != PREDICATE_TYPES["slsaprovenance1"]:
        raise VerificationError(
            f"it is {quoted(statement.predicate_type)}, and only SLSA provenance v1 says how it was built"
        )
    definition = statement.predicate.get("buildDefinition") if isinstance(statement.predicate, dict) else None
    definition = definition if isinstance(definition, dict) else {}
    if expected.build_type and definition.get("buildType") != expected.build_type:
        raise VerificationError(
            f"the build type is {_shown(definition.get('buildType'))}, expected {expected.build_type!r}"
        )
    if expected.source:
        _check_source(definition.get("resolvedDependencies"), expected.source)
    if expected.parameters is not None:
        _check_parameters(definition.get("externalParameters"), expected.parameters)
    return f"{expected.of_provenance} as expected"


def check_expressions(statement: Statement, expected: Expectations) -> str:
    """How many held. Raises VerificationError, RuleError where one cannot be judged."""
    predicate = statement.predicate
    if expected.judge is None or not isinstance(predicate, dict):
        raise VerificationError("the predicate is no JSON object, expressions cannot hold of it")
    for expression in expected.expressions:
        if not expected.judge.holds(expression, predicate):
            raise VerificationError(f"it is not true of the predicate: {expression[:400]}")
    return f"{len(expected.expressions)} expressed and true"


def _check_source(dependencies: Any, wanted: str) -> None:
    found = [one.get("uri") for one in dependencies if isinstance(one, dict)] if isinstance(dependencies, list) else []
    uris = [uri for uri in found if isinstance(uri, str)]
    if not any(wanted in _spellings(uri) for uri in uris):
        named = ", ".join(quoted(uri) for uri in uris[:_NAMED_AT_MOST]) or "nothing"
        raise VerificationError(f"it was built from {named}, expected {wanted!r}")


def _spellings(uri: str) -> tuple[str, ...]:
    """A source as it stands, without `git+`, and both without the ref after it."""
    plain = uri.removeprefix("git+")
    bare, at, ref = plain.rpartition("@")
    return (uri, plain, bare, f"git+{bare}") if at and ref.startswith("refs/") else (uri, plain)


def _check_parameters(found: Any, wanted: Mapping[str, Any]) -> None:
    """An external parameter that nobody expected is how a build does something else than it seems."""
    if not isinstance(found, dict):
        raise VerificationError("it names no external parameters")
    for name in sorted({*found, *wanted}, key=str):
        if name not in wanted:
            raise VerificationError(f"the external parameter {quoted(name)} was not expected")
        if name not in found:
            raise VerificationError(f"the external parameter {name!r} is missing")
        if not same_json(found[name], wanted[name]):
            raise VerificationError(
                f"the external parameter {name!r} is {_shown(found[name])}, expected {wanted[name]!r}"
            )


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; true is not 1, and 1 is 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _shown(value: Any) -> str:
    return quoted(value if isinstance(value, str) else repr(value))


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
