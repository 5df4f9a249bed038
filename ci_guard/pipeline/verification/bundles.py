"""`verify`: every bundle that was given, examined for one artifact; how many signers that makes; and a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ci_guard.model.errors import UsageError
from ci_guard.model.record import record, replace

if TYPE_CHECKING:
    from ci_guard.attestation.artifact import Artifact
    from ci_guard.attestation.verdict import Verdict
    from ci_guard.model.report import Report
    from ci_guard.pipeline.verify import Attestation

RULE = "attestation-invalid"


@record
class Examined:
    """What became of each bundle (by name), and of all together; `reason` is "" when they suffice."""

    verdicts: Mapping[str, Verdict]
    reason: str

    @property
    def verified(self) -> bool:
        """Whether what was demanded is there."""
        return not self.reason


def examine_all(bundles: Mapping[str, bytes], examine: Callable[[bytes], Verdict], min_signers: int) -> Examined:
    """Examine every bundle. With `min_signers` 0 all must hold, else so many different signers. Raises UsageError."""
    if not bundles or min_signers < 0:
        raise UsageError("at least one bundle, and a number of signers that is not negative")
    verdicts = {name: examine(data) for name, data in bundles.items()}
    refused = [f"{name}: {verdict.reason}" for name, verdict in verdicts.items() if not verdict.verified]
    signers = {verdict.identity for verdict in verdicts.values() if verdict.verified}
    if not min_signers:
        return Examined(verdicts, "; ".join(refused))
    if len(signers) >= min_signers:
        return Examined(verdicts, "")
    said = f"{len(signers)} different signers, expected at least {min_signers}"
    return Examined(verdicts, "; ".join([said, *refused]))


def report(artifact: Artifact, verdicts: Mapping[str, Verdict]) -> Report:
    """The refused bundles as findings of the rule for them, at the artifact."""
    from ci_guard import TOOL_NAME, __version__
    from ci_guard.engine.evaluation import Judge
    from ci_guard.model.report import Report, Scope
    from ci_guard.pipeline.conclude import RuleBook, RulesInForce
    from ci_guard.pipeline.judged import Judged
    from ci_guard.pipeline.policy.choice import RuleChoice
    from ci_guard.pipeline.verify import artifact_subject

    rules = RulesInForce(RuleChoice(profile="all", categories=frozenset({"provenance"})))
    digest = artifact.digest("sha256") or b""
    attestations = [_attestation(name, verdict, digest.hex()) for name, verdict in verdicts.items()]
    judged = Judged()
    judged.judge(Judge(rules.selection), [artifact_subject(artifact.name, digest.hex(), attestations)])
    findings = tuple(finding for finding in judged.findings if finding.rule == RULE)
    empty = Report(TOOL_NAME, __version__, Scope(), RuleBook(rules, [RULE]), findings)
    return replace(empty, evaluated={RULE: len(verdicts)}, unjudged=tuple(judged.unjudged))


def _attestation(name: str, verdict: Verdict, sha256: str) -> Attestation:
    """The facts: a plain signature that held is about this artifact as well."""
    from ci_guard.attestation.policy import builder_id
    from ci_guard.pipeline.verify import Attestation

    statement = verdict.statement
    return Attestation(
        name,
        verified=verdict.verified,
        identity=verdict.identity,
        predicate_type=verdict.predicate_type,
        builder=builder_id(statement) if statement else "",
        reason=verdict.reason,
        subjects=frozenset({sha256}),
    )


def names(paths: Sequence[object]) -> list[str]:
    """Paths as names. Raises UsageError for one given twice: it would be one signer, not two."""
    found = [str(path) for path in paths]
    if len(set(found)) != len(found):
        raise UsageError("the same bundle was given twice")
    return found
