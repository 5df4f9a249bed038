"""The stage that verifies what was just signed, as anybody else would: from the bundles' bytes and what is trusted.

What it finds are facts on the artifacts; the rules in `rules/provenance/` judge them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ci_guard.attestation.policy import builder_id, sha256_subjects
from ci_guard.attestation.verdict import Verdict
from ci_guard.model.errors import VerificationError
from ci_guard.model.location import FieldPath, Location, NodePath, render_path
from ci_guard.model.record import record
from ci_guard.model.subject import Subject, SubjectId
from ci_guard.pipeline.judged import Judged, Judging

EACH = "artifact"
Authenticate = Callable[[bytes], Verdict]
"""The verdict with the statement of a bundle by whom we trust. Raises VerificationError."""


@record(frozen=False)
class ArtifactPlace:
    """`Positions` of an artifact: it is one place as a whole."""

    path: str

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        """The artifact."""
        del path, key
        return Location(self.path)

    def exists(self, path: NodePath) -> bool:
        """Only the artifact itself is there."""
        return not path

    def field_path(self, path: NodePath) -> FieldPath:
        """`path` as it is."""
        return render_path(path)


@record
class Attestation:
    """What one bundle proves. `subjects` are sha256 in hex; `reason` says why it proves nothing."""

    bundle: str
    verified: bool
    identity: str = ""
    predicate_type: str = ""
    builder: str = ""
    reason: str = ""
    subjects: frozenset[str] = frozenset()

    def about(self, sha256: str) -> Mapping[str, Any]:
        """The facts for one artifact."""
        covered = self.verified and sha256 in self.subjects
        other = "" if covered or not self.verified else "the artifact is none of its subjects"
        return {
            "bundle": self.bundle,
            "verified": covered,
            "identity": self.identity if covered else "",
            "reason": self.reason or other,
            "predicateType": self.predicate_type,
            "builder": self.builder,
        }


def verify(
    judging: Judging, subjects: Sequence[tuple[str, str]], bundles: Mapping[str, bytes], authenticate: Authenticate
) -> Judged:
    """Verify `bundles` (file name -> bytes) with `authenticate` and judge every artifact (path, sha256 in hex)."""
    judged = Judged()
    judged.judge(judging, artifact_subjects(subjects, bundles, authenticate))
    return judged


def artifact_subjects(
    subjects: Sequence[tuple[str, str]], bundles: Mapping[str, bytes], authenticate: Authenticate
) -> Iterator[Subject]:
    """Each artifact with what the bundles prove about it; each bundle is verified once."""
    attestations = [_attestation(name, data, authenticate) for name, data in sorted(bundles.items())]
    for path, sha256 in subjects:
        yield artifact_subject(path, sha256, attestations)


def artifact_subject(path: str, sha256: str, attestations: Sequence[Attestation]) -> Subject:
    """One artifact with what bundles prove about it."""
    facts = [one.about(sha256) for one in attestations]
    refused = "; ".join(f"{one['bundle']}: {one['reason']}" for one in facts if not one["verified"])
    variables = {"artifact": {"name": path, "digest": f"sha256:{sha256}", "attestations": facts, "refused": refused}}
    return Subject(EACH, SubjectId(EACH, path), (), ArtifactPlace(path), variables)


def _attestation(name: str, data: bytes, authenticate: Authenticate) -> Attestation:
    try:
        verdict = authenticate(data)
    except VerificationError as refusal:
        return Attestation(name, verified=False, reason=str(refusal))
    statement = verdict.statement
    assert statement is not None  # `authenticate` refuses what is none
    return Attestation(
        name,
        verified=True,
        identity=verdict.identity,
        predicate_type=statement.predicate_type,
        builder=builder_id(statement),
        subjects=sha256_subjects(statement),
    )
