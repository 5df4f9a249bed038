"""The verification summary of a decision, signed where there is a key and no code under review could reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ci_guard.attestation.signing import Signer, sign_statement
from ci_guard.attestation.statement import Statement, subjects
from ci_guard.attestation.vsa import PREDICATE_TYPE, predicate
from ci_guard.model.errors import EXIT_BROKEN, EXIT_OPEN
from ci_guard.model.report import Verdict
from ci_guard.pipeline.attest import reason_not_to_sign
from ci_guard.pipeline.evidence import Evidence, digest_of
from ci_guard.pipeline.signing.sign import timestamp

VSA_FILE = "vsa.sigstore.json"


def summary(
    verdict: Verdict,
    evidence: Evidence,
    about: Sequence[tuple[str, str]],
    *,
    commit: str,
    signer: Callable[[], Signer] | None,
    environ: Mapping[str, str],
) -> tuple[bytes, str]:
    """The bundle about `about` (name, sha256), or b"" and why nothing was signed. Raises SigningError, ServiceError.

    `signer` says who signs, once it is certain that something is signed.
    """
    withheld = reason_not_to_sign(signer, environ)
    if not withheld and verdict.exit_code == EXIT_BROKEN:
        withheld = "what could not be judged was neither passed nor failed"
    if not withheld and not about:
        withheld = "there is nothing that the summary could be about"
    if withheld or signer is None:
        return b"", withheld
    described = predicate(
        passed=verdict.exit_code == EXIT_OPEN,
        resource=_resource(environ, commit),
        policy=(str(evidence.options.get("config") or "ci-guard:defaults"), _policy_digest(evidence)),
        inputs=evidence.results,
        time=timestamp(environ),
    )
    return sign_statement(Statement(subjects(sorted(about)), PREDICATE_TYPE, described), signer()), ""


def _resource(environ: Mapping[str, str], commit: str) -> str:
    """What was judged, as a URI: the repository at its commit."""
    server, repository = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
    place = f"git+{server}/{repository}" if server and repository else "git+file:."
    return f"{place}@{commit}" if commit else place


def _policy_digest(evidence: Evidence) -> str:
    """The policy is its files and the rules."""
    return digest_of({**evidence.policy, "rules": evidence.rules}).removeprefix("sha256:")
