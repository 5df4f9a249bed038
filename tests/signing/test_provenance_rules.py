"""From a signature to a verdict: real bundles, real verification, the shipped rules, the real engine."""

from __future__ import annotations

import hashlib
import json

import pytest

from ci_guard.attestation import keyfile
from ci_guard.attestation.provenance import LocalBuild
from ci_guard.attestation.signatory import KeySignatory
from ci_guard.engine.catalogue import load_catalogue
from ci_guard.engine.evaluation import Judge
from ci_guard.model.finding import Finding, Severity
from ci_guard.pipeline.attest import PROVENANCE_FILE, SBOM_FILE, attest
from ci_guard.pipeline.judged import Judged
from ci_guard.pipeline.verify import verify

RULES = {"attestation-invalid", "artifact-without-provenance", "sbom-not-attested"}
SIGNER = keyfile.generate()
SUBJECTS = [(f"k8s/{name}.yaml", hashlib.sha256(name.encode()).hexdigest()) for name in ("api", "web")]
SBOM = json.dumps({"bomFormat": "CycloneDX"}).encode()
BUNDLES = attest(SUBJECTS, SBOM, signer=SIGNER, environ={}, local=LocalBuild()).bundles


def judged(bundles: dict[str, bytes], subjects: list[tuple[str, str]] = SUBJECTS) -> Judged:
    selection = load_catalogue().select("default", categories={"provenance"})
    return verify(Judge(selection), subjects, bundles, KeySignatory(SIGNER).authenticate)


def said(findings: list[Finding]) -> set[tuple[str, str, str]]:
    return {(f.rule, f.location.path, f.key) for f in findings}


def test_good_bundles_leave_nothing_to_find() -> None:
    result = judged(dict(BUNDLES))
    assert result.findings == []
    assert result.unjudged == []
    assert result.subjects == 2
    assert result.evaluated == dict.fromkeys(RULES, 2) | {
        "attestation-invalid": result.evaluated["attestation-invalid"]
    }
    assert result.evaluated["attestation-invalid"] >= 2


@pytest.mark.parametrize("part", ["payload", "sig"])
def test_a_flipped_byte_is_a_finding_on_every_artifact(part: str) -> None:
    value = json.loads(BUNDLES[SBOM_FILE])
    holder = value["dsseEnvelope"] if part == "payload" else value["dsseEnvelope"]["signatures"][0]
    holder[part] = holder[part][:20] + ("A" if holder[part][20] != "A" else "B") + holder[part][21:]
    result = judged({**BUNDLES, SBOM_FILE: json.dumps(value).encode()})
    assert said(result.findings) == {
        *(("attestation-invalid", path, SBOM_FILE) for path, _ in SUBJECTS),
        *(("sbom-not-attested", path, "") for path, _ in SUBJECTS),
    }
    invalid = next(f for f in result.findings if f.rule == "attestation-invalid")
    assert invalid.severity is Severity.HIGH
    assert invalid.message.startswith(
        f"{SBOM_FILE} does not hold for k8s/api.yaml: the signature is not one of the key"
    )
    assert str(invalid.subject) == "artifact k8s/api.yaml"


def test_an_artifact_that_changed_after_signing() -> None:
    result = judged(dict(BUNDLES), [SUBJECTS[0], ("k8s/web.yaml", "0" * 64)])
    assert said(result.findings) == {
        ("attestation-invalid", "k8s/web.yaml", PROVENANCE_FILE),
        ("attestation-invalid", "k8s/web.yaml", SBOM_FILE),
        ("artifact-without-provenance", "k8s/web.yaml", ""),
        ("sbom-not-attested", "k8s/web.yaml", ""),
    }


def test_a_missing_bundle() -> None:
    result = judged({SBOM_FILE: BUNDLES[SBOM_FILE]})
    assert said(result.findings) == {("artifact-without-provenance", path, "") for path, _ in SUBJECTS}


def test_every_control_that_the_rules_name_is_in_the_mapping(pytestconfig: pytest.Config) -> None:
    """The rule files say why, how to remedy, and which controls: nothing is left empty."""
    catalogue = load_catalogue()
    for rule in RULES:
        meta = catalogue.meta(rule)
        assert meta.category == "provenance"
        assert {"slsa", "s2c2f", "ssdf", "owasp-cicd", "attack"} & meta.controls.keys()
        assert meta.why and meta.remedy and meta.references and meta.stride
        assert catalogue.file_of(rule).category == "provenance"
