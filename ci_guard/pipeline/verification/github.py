"""Attestations that GitHub keeps for a repository: looked up for an artifact, and handed in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ci_guard.attestation.artifact import Artifact
from ci_guard.pipeline.verification.bundles import Examined
from ci_guard.pipeline.verification.image import Examine
from ci_guard.pipeline.verification.registries import network_of
from ci_guard.services.github import Instance, fetch, upload


def attestations(
    repository: str, wanted: Artifact, examine: Examine, min_signers: int, environ: Mapping[str, str]
) -> Examined:
    """Every attestation that OWNER/NAME has for the artifact, examined; one good one is needed, or more signers.

    Raises UsageError, ServiceError.
    """
    digest = wanted.digest("sha256")
    assert digest is not None  # every kind of artifact knows its sha256
    bundles = fetch(_instance(environ), repository, f"sha256:{digest.hex()}")
    verdicts = {f"attestation {number}": examine(data, wanted) for number, data in enumerate(bundles, start=1)}
    signers = {verdict.identity for verdict in verdicts.values() if verdict.verified}
    if len(signers) >= max(min_signers, 1):
        return Examined(verdicts, "")
    if not verdicts:
        return Examined({}, f"{repository} has no attestation of sha256:{digest.hex()}")
    refused = [f"{name}: {verdict.reason}" for name, verdict in verdicts.items() if not verdict.verified]
    said = f"{len(signers)} different signers, expected at least {max(min_signers, 1)}"
    return Examined(verdicts, "; ".join([said, *refused]))


def hand_in(repository: str, bundle: bytes, environ: Mapping[str, str]) -> str:
    """Give GitHub a bundle; returns the attestation's id. Raises UsageError, ServiceError."""
    return upload(_instance(environ), repository, bundle)


def _instance(environ: Mapping[str, str]) -> Instance:
    return Instance.of(environ, network_of(Path.cwd(), environ).private)
