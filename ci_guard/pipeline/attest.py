"""The stage that signs: SLSA provenance and the SBOM, both about the same subjects.

It signs nothing on a pull request, and nothing without a key; then it says so in plain words. Both bundles are
signed and verified before either is handed out, so a failure never leaves one of two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ci_guard.attestation import predicates, statement
from ci_guard.attestation.provenance import PREDICATE_TYPE, LocalBuild, predicate
from ci_guard.attestation.signing import Signer, sign_statement, signatory
from ci_guard.model.record import field, record
from ci_guard.model.report import Notice
from ci_guard.pipeline.verification.artifact import pull_request
from ci_guard.source.edit import replace_file

PROVENANCE_FILE = "provenance.sigstore.json"
SBOM_FILE = "sbom.sigstore.json"


@record
class Attested:
    """`bundles` maps file name -> bundle, empty when nothing was signed; `notices` say what a person should know."""

    bundles: Mapping[str, bytes] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


def attest(
    subjects: Sequence[tuple[str, str]],
    sbom: bytes,
    *,
    signer: Signer | None,
    environ: Mapping[str, str],
    local: LocalBuild,
    on_pull_request: bool = False,
) -> Attested:
    """Sign provenance of `subjects` (path, sha256 in hex) and the CycloneDX document `sbom` about them.

    `on_pull_request` allows signing there. Raises SigningError, ServiceError.
    """
    withheld = reason_not_to_sign(signer, environ, on_pull_request=on_pull_request)
    if not withheld and not subjects:
        withheld = "there is nothing to sign"
    if withheld or signer is None:
        return Attested(notices=(Notice(f"Nothing was signed: {withheld}."),))
    provenance, why_local = predicate(environ, local, signatory(signer).builder)
    about = statement.subjects(subjects)
    predicate_type, document = predicates.read("cyclonedx", sbom, timestamp="")
    signed: dict[str, tuple[str, Any]] = {PROVENANCE_FILE: (PREDICATE_TYPE, provenance)}
    signed[SBOM_FILE] = (predicate_type, document)
    bundles = {
        name: sign_statement(statement.Statement(about, kind, value), signer) for name, (kind, value) in signed.items()
    }
    if not why_local:
        return Attested(bundles)
    return Attested(bundles, (Notice(f"The provenance describes a local build: {why_local}."),))


def reason_not_to_sign(signer: object | None, environ: Mapping[str, str], *, on_pull_request: bool = False) -> str:
    """Why nothing is to be signed here, "" when it may be."""
    event = pull_request(environ)
    if event and not on_pull_request:
        return f"this is a {event} run, where code under review could reach key or identity"
    return "" if signer else "neither a key nor an identity was given (--key, --keyless)"


def write(folder: Path, attested: Attested) -> None:
    """Write the bundles into `folder`; a bundle of an earlier run goes, or it would pass for one of this run."""
    for name in (PROVENANCE_FILE, SBOM_FILE):
        if name in attested.bundles:
            replace_file(folder / name, attested.bundles[name])
        else:
            (folder / name).unlink(missing_ok=True)
