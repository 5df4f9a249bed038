"""Real Fulcio, Rekor v2 and timestamp authority: we sign with them and verify, and so does cosign."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ci_guard import cli
from tests.attestation.loopback_services import PERSON, Services
from tests.interop.peers import needs, peer
from tests.interop.real_services import real_services

pytestmark = [needs("fulcio"), needs("rekor-server"), needs("timestamp-server")]
TYPE = "https://acme.example/type"


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """A folder with `app`, `trust.json`, `root.json`, and bundles of both kinds; and whom to trust."""
    folder = Path(tmp_path_factory.mktemp("real"))
    with Services() as oidc, real_services(folder, oidc) as config, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("GITHUB_EVENT_NAME", "CI_PIPELINE_SOURCE"):
            patch.delenv(name, raising=False)
        (folder / "app").write_bytes(b"app\n")
        (folder / "predicate.json").write_text('{"a": 1}')
        (folder / "trust.json").write_text(json.dumps(config))
        (folder / "root.json").write_text(json.dumps(config["trustedRoot"]))
        (folder / "token").write_text(oidc.token())
        services = ["--trust-config", "trust.json", "--identity-token", "token"]
        assert cli.main(["sign", "app", *services]) == 0
        (folder / "app.sigstore.json").rename(folder / "blob.json")
        assert cli.main(["attest", "app", "--predicate", "predicate.json", "--type", TYPE, *services]) == 0
        (attested,) = folder.glob("app.*.json")
        attested.rename(folder / "dsse.json")
        yield folder, ["--cert-identity", PERSON, "--cert-oidc-issuer", oidc.issuer]


@pytest.mark.parametrize("content", ["blob", "dsse"])
def test_we_verify_what_they_witnessed(
    signed: tuple[Path, list[str]], content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, who = signed
    bundle: dict[str, Any] = json.loads((folder / f"{content}.json").read_text())
    assert set(bundle["verificationMaterial"]) == {"certificate", "tlogEntries", "timestampVerificationData"}
    verify = ["verify", "app", "--bundle", f"{content}.json", *who, "--trusted-root", "root.json"]
    assert cli.main(verify) == 0, capsys.readouterr().out
    assert cli.main(["verify", "predicate.json", *verify[2:]]) == 1


@needs("cosign3")
@pytest.mark.parametrize("content", ["blob", "dsse"])
def test_cosign_verifies_what_they_witnessed(signed: tuple[Path, list[str]], content: str) -> None:
    folder, who = signed
    command = ["verify-blob"] if content == "blob" else ["verify-blob-attestation", "--type", TYPE]
    options = ["--bundle", f"{content}.json", "--trusted-root", "root.json", "--use-signed-timestamps"]
    named = ["--certificate-identity", who[1], "--certificate-oidc-issuer", who[3], "--insecure-ignore-sct"]
    done = subprocess.run(
        [peer("cosign3"), *command, *options, *named, "app"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
