"""SLSA's verification summary: who judged what, by which policy, on which evidence, and with which result.

Source: https://slsa.dev/spec/v1.1/verification_summary (predicate type version 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_guard import HOME_URL, __version__
from ci_guard.attestation.policy import PREDICATE_TYPES
from ci_guard.attestation.protojson import quoted
from ci_guard.attestation.verdict import Verdict
from ci_guard.model.record import replace

PREDICATE_TYPE = PREDICATE_TYPES["vsa"]
OPEN_LEVEL = "CI_GUARD_GATE_OPEN"
"""What a passed summary claims. SLSA keeps `SLSA_…` for its own levels: we did not verify a build track."""


def predicate(
    *,
    passed: bool,
    resource: str,
    policy: tuple[str, str],
    inputs: Mapping[str, str],
    time: str,
) -> dict[str, Any]:
    """The predicate. `policy` is (URI, sha256), `inputs` names what was looked at -> sha256; `time` is RFC 3339."""
    uri, digest = policy
    return {
        "verifier": {"id": f"{HOME_URL}/gate", "version": {"ci-guard": __version__}},
        "timeVerified": time,
        "resourceUri": resource,
        "policy": {"uri": uri, "digest": {"sha256": digest}},
        "inputAttestations": [{"uri": name, "digest": {"sha256": value}} for name, value in sorted(inputs.items())],
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": [OPEN_LEVEL if passed else "FAILED"],
        "slsaVersion": "1.1",
    }


def relied_on(verdict: Verdict) -> Verdict:
    """The verdict on a bundle, refused where it is a summary that says anything but PASSED.

    Its signature is as good as ever; but who asks whether it verifies wants to rely on it.
    """
    statement = verdict.statement
    if statement is None or statement.predicate_type != PREDICATE_TYPE:
        return verdict
    described = statement.predicate if isinstance(statement.predicate, dict) else {}
    result = described.get("verificationResult")
    if result == "PASSED":
        return verdict
    reason = f"the verification summary says {quoted(str(result))}, not 'PASSED'"
    return replace(verdict, verified=False, reason=reason, identity="", statement=None)
