"""in-toto statements: a predicate about subjects that are named by their digest. Writes v1, reads v1 and v0.1.

Source: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ci_guard.attestation import protojson
from ci_guard.attestation.protojson import Fields, quoted
from ci_guard.model.errors import SigningError, VerificationError
from ci_guard.model.record import record

V1 = "https://in-toto.io/Statement/v1"
V0_1 = "https://in-toto.io/Statement/v0.1"
MAX_BYTES = 32_000_000
MAX_DEPTH = 128
MAX_SUBJECTS = 100_000
DIGESTS: Mapping[str, int] = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The digests that bind a subject -> their length in hex digits. Weaker ones in a statement decide nothing."""

_HEX = re.compile(r"[0-9a-f]+")


@record
class ResourceDescriptor:
    """A subject: `digest` maps an algorithm to lower-case hex. `name` is for people and binds nothing."""

    name: str
    digest: Mapping[str, str]


@record
class Statement:
    """What is attested, about what."""

    subject: tuple[ResourceDescriptor, ...]
    predicate_type: str
    predicate: Any
    type: str = V1


def write(statement: Statement) -> bytes:
    """The statement as compact JSON: the payload of an envelope. Raises SigningError."""
    if not statement.subject:
        raise SigningError("a statement needs at least one subject")
    subject = [{**({"name": s.name} if s.name else {}), "digest": dict(s.digest)} for s in statement.subject]
    try:
        return protojson.write(
            {
                "_type": statement.type,
                "subject": subject,
                "predicateType": statement.predicate_type,
                "predicate": statement.predicate,
            }
        )
    except (ValueError, RecursionError) as problem:  # a number or text that JSON cannot carry
        raise SigningError(f"the predicate cannot be written as JSON: {problem}") from None


def read(payload: bytes) -> Statement:
    """The statement in an envelope's payload. Raises VerificationError."""
    value = protojson.parse(payload, what="statement", limit=MAX_BYTES, depth=MAX_DEPTH)
    # Fields that the spec does not name are allowed here: in-toto says that readers ignore them.
    fields = Fields(value, "statement")
    kind = fields.text("_type", require=True)
    if kind not in (V1, V0_1):
        raise VerificationError(f"{quoted(kind)} is not an in-toto statement of version 1 or 0.1")
    subject = tuple(_subject(item) for item in fields.items("subject", most=MAX_SUBJECTS))
    if not subject:
        raise VerificationError("the statement names no subject")
    predicate_type = fields.text("predicateType", require=True)
    return Statement(subject, predicate_type, value.get("predicate"), kind)


def subjects(files: Sequence[tuple[str, str]]) -> tuple[ResourceDescriptor, ...]:
    """Subjects from (name, sha256 in hex), in that order. Raises SigningError for what is no digest."""
    for name, digest in files:
        if not is_digest("sha256", digest):
            raise SigningError(f"{name}: {digest[:80]!r} is not a sha256 in lower-case hex")
    return tuple(ResourceDescriptor(name, {"sha256": digest}) for name, digest in files)


def is_digest(algorithm: str, value: str) -> bool:
    """Whether `value` is a digest of `algorithm` in lower-case hex."""
    return len(value) == DIGESTS.get(algorithm) and _HEX.fullmatch(value) is not None


def _subject(fields: Fields) -> ResourceDescriptor:
    digests = fields.fields("digest", require=True)
    assert digests is not None  # `require` raised
    digest = digests.texts()
    for algorithm, value in digest.items():
        if algorithm in DIGESTS and not is_digest(algorithm, value):
            raise VerificationError(f"{fields.what} has a malformed {algorithm} digest")
    if not digest:
        raise VerificationError(f"{fields.what} has no digest")
    return ResourceDescriptor(fields.text("name"), digest)
