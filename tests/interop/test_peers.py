"""GitHub's CLI, policy-controller's tester and slsa-verifier verify what we write; we agree on what GitHub wrote.

`make interop` builds the programs and names their folder: CI_GUARD_INTEROP.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ci_guard import cli
from tests.attestation.loopback_services import PERSON, REPOSITORY, Services
from tests.interop.peers import needs, peer
from tests.services.loopback_registry import own_registry
from tests.services.test_images import Place, user  # noqa: F401 - a fixture

ROOTS = Path(cli.__file__).parent / "pipeline" / "verification" / "trusted_roots"
PROVENANCE = {
    "buildDefinition": {
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters": {
            "workflow": {"ref": "refs/heads/main", "repository": "https://github.com/acme/app", "path": "w.yml"}
        },
    },
    "runDetails": {"builder": {"id": "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"}},
}


def run(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [peer(name), *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def home(user: Path) -> Path:  # noqa: F811
    (user / "app").write_bytes(b"app\n")
    (user / "provenance.json").write_text(json.dumps(PROVENANCE))
    return user


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with Services() as running:
        yield running


def one_line(root: Any) -> str:
    return json.dumps(root) + "\n"


@needs("gh")
@pytest.mark.parametrize("rekor", [1, 2])
def test_gh_verifies_what_we_attest(home: Path, services: Services, rekor: int) -> None:
    services.write(home)
    (home / "token").write_text(services.workflow_token())
    (home / "root.jsonl").write_text(one_line(services.ours.trusted_root()))
    how = ["--type", "slsaprovenance1", "--trust-config", f"trust{rekor}.json", "--identity-token", "token"]
    assert cli.main(["attest", "app", "--predicate", "provenance.json", *how]) == 0
    (bundle,) = home.glob("app.*.json")
    verify = ["attestation", "verify", "app", "--bundle", bundle.name, "--custom-trusted-root", "root.jsonl"]
    verify += ["--cert-oidc-issuer", services.issuer]
    done = run(home, "gh", *verify, "--repo", REPOSITORY)
    assert done.returncode == 0, done.stderr + done.stdout
    assert run(home, "gh", *verify, "--repo", "acme/other").returncode != 0


@needs("gh")
def test_gh_and_we_agree_on_what_github_signed(home: Path) -> None:
    """With the root that we ship."""
    (home / "root.jsonl").write_text(one_line(json.loads((ROOTS / "github.json").read_text())))
    given = Path(__file__).parents[1] / "signing" / "github"
    bundle, wheel = str(given / "attest-demo.sigstore.json"), str(given / "attest-demo.whl")
    options = ["--bundle", bundle, "--custom-trusted-root", "root.jsonl", "--repo", "actions/attest-demo"]
    assert run(home, "gh", "attestation", "verify", wheel, *options).returncode == 0
    assert run(home, "gh", "attestation", "verify", "app", *options).returncode != 0
    who = ["--cert-identity-regexp", "https://github.com/actions/.*", "--cert-repository", "actions/attest-demo"]
    who += ["--cert-oidc-issuer", "https://token.actions.githubusercontent.com", "--trust", "github"]
    assert cli.main(["verify", wheel, "--bundle", bundle, *who]) == 0
    assert cli.main(["verify", "app", "--bundle", bundle, *who]) == 1


POLICY = """
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: ours}
spec:
  images: [{glob: "**"}]
  authorities:
  - name: key
    key:
      data: |
%s
"""


@needs("policy-tester")
def test_policy_controller_admits_what_we_sign(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with own_registry() as registry:
        place = Place(registry.host, home, capsys)
        with place.images.http:
            image = place.at().removeprefix("oci://")
            for key, admitted in (("cosign", True), ("other", False)):
                data = "\n".join(f"        {line}" for line in (home / f"{key}.pub").read_text().splitlines())
                (home / f"{key}.yaml").write_text(POLICY % data)
                assert place.sign("--attach", "tag")[0] == 0
                done = run(home, "policy-tester", "-policy", f"{key}.yaml", "-image", image)
                assert (done.returncode == 0) is admitted, done.stderr + done.stdout


KEYLESS = """
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: ours}
spec:
  images: [{glob: "**"}]
  authorities:
  - name: people
    keyless:
      url: https://fulcio.ci-guard.example
      trustRootRef: ours
      identities: [{issuer: "%(issuer)s", subject: "%(person)s"}]
    ctlog: {url: "https://rekor.ci-guard.example", trustRootRef: ours}
%(more)s
"""
ATTESTED = "    attestations: [{name: sbom, predicateType: https://cyclonedx.org/bom}]"


def trust_root(root: Any) -> str:
    """Ours as policy-controller has it: PEM instead of DER, and Rekor v1 alone."""

    def pem(data: str, what: str) -> str:
        text = f"-----BEGIN {what}-----\n{data}\n-----END {what}-----\n"
        return base64.b64encode(text.encode()).decode()

    def log(entry: Any) -> Any:
        key = pem(entry["publicKey"]["rawBytes"], "PUBLIC KEY")
        return {"baseURL": entry["baseUrl"], "hashAlgorithm": "sha-256", "publicKey": key}

    (authority,) = root["certificateAuthorities"]
    certificates = [
        base64.b64decode(pem(one["rawBytes"], "CERTIFICATE")) for one in authority["certChain"]["certificates"]
    ]
    chain = base64.b64encode(b"".join(certificates)).decode()
    keys = {
        "certificateAuthorities": [{"subject": authority["subject"], "uri": authority["uri"], "certChain": chain}],
        "tLogs": [log(root["tlogs"][0])],
        "ctLogs": [log(root["ctlogs"][0])],
    }
    kind = {"apiVersion": "policy.sigstore.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "ours"}}
    return json.dumps({**kind, "spec": {"sigstoreKeys": keys}})


@needs("policy-tester")
@pytest.mark.parametrize("attested", [False, True], ids=["signed", "attested"])
def test_policy_controller_admits_an_identity(
    home: Path, services: Services, attested: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """At cosign's tags. In bundles it takes no signatures yet, and by a TrustRoot's own keys it finds no log there."""
    services.write(home)
    (home / "sbom.json").write_text('{"bomFormat": "CycloneDX"}')
    (home / "root.yaml").write_text(trust_root(services.ours.trusted_root()))
    with own_registry() as registry:
        place = Place(registry.host, home, capsys)
        with place.images.http:
            how = ("--trust-config", "trust1.json", "--identity-token", "token", "--attach", "tag")
            what = ("attest", "--predicate", "sbom.json", "--type", "cyclonedx") if attested else ("sign",)
            assert place.run(*what, place.at(), *how)[0] == 0
            for person, admitted in ((PERSON, True), ("eve@acme.example", False)):
                named = {"issuer": services.issuer, "person": person}
                policy = KEYLESS % {**named, "more": ATTESTED if attested else ""}
                (home / "policy.yaml").write_text(policy)
                image = place.at().removeprefix("oci://")
                done = run(home, "policy-tester", "-policy", "policy.yaml", "-trustroot", "root.yaml", "-image", image)
                assert (done.returncode == 0) is admitted, done.stderr + done.stdout


@needs("slsa-verifier")
def test_slsa_verifier_verifies_our_summary(home: Path) -> None:
    summary = {
        "verifier": {"id": "https://verifier.acme.example"},
        "timeVerified": "2026-01-01T00:00:00Z",
        "resourceUri": "pkg:generic/app",
        "policy": {"uri": "https://acme.example/policy"},
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_2"],
    }
    (home / "vsa.json").write_text(json.dumps(summary))
    assert cli.main(["attest", "app", "--predicate", "vsa.json", "--type", "vsa", "--key", "cosign.key"]) == 0
    (bundle,) = home.glob("app.*.json")
    envelope = json.loads(bundle.read_text())["dsseEnvelope"]
    (home / "vsa.intoto.json").write_text(json.dumps(envelope))
    digest = f"sha256:{hashlib.sha256((home / 'app').read_bytes()).hexdigest()}"
    verify = ["verify-vsa", "--subject-digest", digest, "--attestation-path", "vsa.intoto.json"]
    verify += ["--verifier-id", "https://verifier.acme.example", "--public-key-path"]
    resource = ["--resource-uri", "pkg:generic/app", "--verified-level", "SLSA_BUILD_LEVEL_2"]
    done = run(home, "slsa-verifier", *verify, "cosign.pub", *resource)
    assert done.returncode == 0, done.stderr + done.stdout
    assert run(home, "slsa-verifier", *verify, "other.pub", *resource).returncode != 0
