"""The public suite's bundle cases through our entry point: what must be refused is, by the step that it is about."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attestation.loopback_services import PERSON, Services

ENTRYPOINT = Path(__file__).parent / "entrypoint"
SHARED = os.environ.get("CI_GUARD_SHARED", "")
CASES = Path(SHARED) / "data" / "sigstore-conformance" / "bundle-verify" if SHARED else None
FOLDERS = sorted(f for f in CASES.iterdir() if f.is_dir()) if CASES and CASES.is_dir() else []
IDENTITY = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
    "/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"
OWN_REASON = {
    "bundle-empty-certificate-chain_fail": "1 bundle",
    "bundle-from-wrong-instance_fail": "3 trusted-root",
    "checkpoint-bad-keyhint_fail": "6 log",
    "dsse-invalid-sig_fail": "5 signature",
    "dsse-mismatch-envelope_fail": "6 log",
    "inclusion-proof-corrupted-hash_fail": "6 log",
    "integrated-time-in-future_fail": "8 chain",
    "intoto-expired-certificate_fail": "8 chain",
    "intoto-log-entry-mismatch_fail": "6 log",
    "intoto-missing-inclusion-proof_fail": "6 log",
    "intoto-set-outside-signing-cert-validity_fail": "8 chain",
    "invalid-ct-key_fail": "9 sct",
    "invalid-inclusion-proof_fail": "6 log",
    "message-digest-mismatch_fail": "4 content",
    "rekor2-no-timestamp_fail": "7 time",
    "rekor2-timestamp-outside-trust-root-tsa-validity_fail": "7 time",
    "rekor2-timestamp-outside-tsa-cert-validity_fail": "7 time",
    "rekor2-timestamp-payload-mismatch_fail": "7 time",
}


def given(folder: Path, name: str, otherwise: str) -> str:
    """What the case says in a file, or the suite's default."""
    file = folder / name
    return file.read_text("utf-8").strip() if file.exists() else otherwise


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ENTRYPOINT), *arguments], capture_output=True, text=True, check=False)


def run_case(folder: Path) -> subprocess.CompletedProcess[str]:
    """As the suite's README says: files of a case override the defaults."""
    artifact = folder / "artifact" if (folder / "artifact").exists() else folder.parent / "a.txt"
    root = ["--trusted-root", str(folder / "trusted_root.json")] if (folder / "trusted_root.json").exists() else []
    identity, issuer = given(folder, "identity", IDENTITY), given(folder, "issuer", ISSUER)
    who = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer]
    if (folder / "key.pub").exists():
        who = ["--key", str(folder / "key.pub")]
    bundle = str(folder / "bundle.sigstore.json")
    return run("verify-bundle", "--bundle", bundle, *who, *root, str(artifact))


@pytest.mark.skipif(not FOLDERS, reason="the suite's cases are not here: CI_GUARD_SHARED names no folder with them")
@pytest.mark.parametrize("folder", FOLDERS or [Path("none")], ids=lambda f: f.name)
def test_case(folder: Path) -> None:
    done = run_case(folder)
    assert (done.returncode != 0) == folder.name.endswith("_fail"), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if folder.name in OWN_REASON:
        refused = next(line for line in done.stdout.splitlines() if "REFUSED" in line)
        assert refused.split("REFUSED")[0].strip() == OWN_REASON[folder.name]


def test_sign_bundle(tmp_path: Path) -> None:
    """As the suite calls it, against services on this machine; then back in, and into the wrong hands."""
    assert ENTRYPOINT.stat().st_mode & 0o111
    with Services() as services:
        services.write(tmp_path)
        artifact, bundle = tmp_path / "a.txt", tmp_path / "a.txt.sigstore.json"
        artifact.write_bytes(b"artifact")
        root = ["--trusted-root", str(tmp_path / "root.json")]
        instance = [*root, "--signing-config", str(tmp_path / "signing2.json")]
        token = ["--identity-token", services.token(), "--bundle", str(bundle)]
        done = run("sign-bundle", *token, *instance, str(artifact))
        assert done.returncode == 0, done.stderr
        who = ["--certificate-oidc-issuer", services.issuer, "--certificate-identity"]
        assert run("verify-bundle", "--bundle", str(bundle), *who, PERSON, *root, str(artifact)).returncode == 0
        assert run("verify-bundle", "--bundle", str(bundle), *who, PERSON, "--staging", str(artifact)).returncode == 1
        bundle.unlink()
        old = ["--identity-token", services.token(exp=5), "--bundle", str(bundle)]
        assert run("sign-bundle", *old, *instance, str(artifact)).returncode == 3
        assert not bundle.exists()
