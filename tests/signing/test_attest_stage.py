"""The stages `attest` and `verify` of the main job: what is signed, when nothing is, and which facts come out."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ci_guard.attestation import keyfile
from ci_guard.attestation.artifact import DigestArtifact
from ci_guard.attestation.provenance import LocalBuild
from ci_guard.attestation.signatory import KeySignatory
from ci_guard.attestation.verification import verify as verify_bundle
from ci_guard.model.errors import SigningError
from ci_guard.pipeline import attest as attest_stage
from ci_guard.pipeline.attest import PROVENANCE_FILE, SBOM_FILE, Attested, attest
from ci_guard.pipeline.verify import artifact_subjects

SIGNER = keyfile.generate()
SUBJECTS = [(f"manifests/{n}.yaml", hashlib.sha256(str(n).encode()).hexdigest()) for n in range(3)]
SBOM = json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "ä", "x": 1.5}]}).encode()
LOCAL = LocalBuild(("ci-guard", "run"), "1" * 40)


def signed(environ: Mapping[str, str] | None = None, **options: Any) -> Attested:
    options = {"signer": SIGNER, **options}
    return attest(SUBJECTS, SBOM, environ=environ or {}, local=LOCAL, **options)


def test_provenance_and_sbom_are_about_every_subject() -> None:
    bundles = signed().bundles
    assert sorted(bundles) == [PROVENANCE_FILE, SBOM_FILE]
    kinds = {PROVENANCE_FILE: "https://slsa.dev/provenance/v1", SBOM_FILE: "https://cyclonedx.org/bom"}
    for name, data in bundles.items():
        for path, sha256 in SUBJECTS:
            verdict = verify_bundle(data, DigestArtifact(sha256, path), SIGNER.verifying_key)
            assert verdict.predicate_type == kinds[name]
            assert verdict.statement is not None
            assert [subject.name for subject in verdict.statement.subject] == [path for path, _ in SUBJECTS]
    envelope = json.loads(bundles[SBOM_FILE])["dsseEnvelope"]
    assert json.loads(base64.b64decode(envelope["payload"]))["predicate"] == json.loads(SBOM)


@pytest.mark.parametrize(
    ("environ", "options", "words"),
    [
        ({}, {"signer": None}, "neither a key nor an identity"),
        ({"GITHUB_EVENT_NAME": "pull_request"}, {}, "this is a pull_request run"),
        ({"GITHUB_EVENT_NAME": "pull_request_target"}, {}, "this is a pull_request_target run"),
        ({"CI_PIPELINE_SOURCE": "merge_request_event"}, {}, "this is a merge_request_event run"),
    ],
)
def test_nothing_is_signed_and_that_is_said(environ: Mapping[str, str], options: dict[str, Any], words: str) -> None:
    result = signed(environ, **options)
    assert not result.bundles
    (notice,) = result.notices
    assert notice.message.startswith("Nothing was signed: ")
    assert words in notice.message


def test_a_pull_request_may_be_allowed() -> None:
    assert signed({"GITHUB_EVENT_NAME": "pull_request"}, on_pull_request=True).bundles


def test_a_run_that_only_looks_like_github_is_described_as_local() -> None:
    result = signed({"GITHUB_ACTIONS": "true", "GITHUB_SHA": "0" * 40})
    assert "GITHUB_REPOSITORY" in result.notices[0].message
    envelope = json.loads(result.bundles[PROVENANCE_FILE])["dsseEnvelope"]
    assert "buildtypes/local/v1" in base64.b64decode(envelope["payload"]).decode()


def test_a_broken_sbom_signs_nothing() -> None:
    for sbom in (b"{}", b"no JSON", b"[]"):
        with pytest.raises(SigningError):
            attest(SUBJECTS, sbom, signer=SIGNER, environ={}, local=LOCAL)


def test_bundles_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    attest_stage.write(tmp_path, signed())
    assert sorted(path.name for path in tmp_path.iterdir()) == [PROVENANCE_FILE, SBOM_FILE]
    attest_stage.write(tmp_path, signed(signer=None))
    assert not list(tmp_path.iterdir())


def facts(bundles: Mapping[str, bytes], subjects: list[tuple[str, str]] = SUBJECTS) -> list[dict[str, Any]]:
    return [s.variables["artifact"] for s in artifact_subjects(subjects, bundles, KeySignatory(SIGNER).authenticate)]


def test_what_was_signed_becomes_facts() -> None:
    found = facts(signed().bundles)
    assert [one["name"] for one in found] == [path for path, _ in SUBJECTS]
    for one in found:
        assert one["refused"] == ""
        assert [a["bundle"] for a in one["attestations"]] == [PROVENANCE_FILE, SBOM_FILE]
        assert all(a["verified"] and a["identity"] == f"key {SIGNER.verifying_key.hint}" for a in one["attestations"])
        assert one["attestations"][0]["builder"].endswith("/builders/local/v1")


def test_a_damaged_bundle_becomes_a_reason() -> None:
    bundles = dict(signed().bundles)
    bundles[SBOM_FILE] = bundles[SBOM_FILE][:-10]
    for one in facts(bundles):
        assert [a["verified"] for a in one["attestations"]] == [True, False]
        assert one["refused"] == f"{SBOM_FILE}: " + one["attestations"][1]["reason"]
        assert one["attestations"][1]["identity"] == ""


def test_an_artifact_that_changed_after_signing_is_no_subject() -> None:
    (one,) = facts(signed().bundles, [("manifests/0.yaml", "0" * 64)])
    assert not any(a["verified"] for a in one["attestations"])
    assert "none of its subjects" in one["refused"]


def test_a_key_that_signed_nothing_here() -> None:
    other = KeySignatory(keyfile.generate()).authenticate
    subjects = list(artifact_subjects(SUBJECTS, signed().bundles, other))
    assert all("signed with the key" in s.variables["artifact"]["refused"] for s in subjects)
    assert [s.document.locate(()).path for s in subjects] == [path for path, _ in SUBJECTS]
