"""Signing without a key, against services on this machine: who signs, in what order, and what is left behind."""

from __future__ import annotations

import gc
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ci_guard import cli
from ci_guard.model.errors import ServiceError
from ci_guard.pipeline.signing.keyless import open_keyless
from ci_guard.pipeline.signing.sign import sign_all, targets
from ci_guard.pipeline.signing.signer_options import KeylessOptions
from tests.attestation.loopback import Tree
from tests.attestation.loopback_services import PERSON, WORKFLOW, Services

CASES = Path(__file__).parent / "cases"
FAULTS = [
    line.split("\t") for line in (CASES / "faults.tsv").read_text("utf-8").splitlines() if not line.startswith("#")
]
CI_VARIABLES = (
    *("GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "CI_PIPELINE_SOURCE", "GITLAB_CI", "BUILDKITE", "CIRCLECI"),
    *("SIGSTORE_ID_TOKEN", "CI_GUARD_IDENTITY_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
)


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    with Services() as services:
        yield services


@pytest.fixture
def services(running: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The services, well, with fresh counters; their files and an artifact in the working directory."""
    running.faults.clear()
    running.asked.clear()
    monkeypatch.chdir(tmp_path)
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    running.write(tmp_path)
    (tmp_path / "app.tar").write_bytes(b"artifact")
    (tmp_path / "predicate.json").write_text("{}")
    return running


def sign(*arguments: str, version: int = 1, token: str = "token") -> int:
    return cli.main(["sign", *arguments, "--trust-config", f"trust{version}.json", "--identity-token", token])


def who(services: Services, identity: str = PERSON) -> list[str]:
    return ["--cert-identity", identity, "--cert-oidc-issuer", services.issuer, "--trusted-root", "root.json"]


@pytest.mark.parametrize("version", [1, 2])
def test_signed_here_and_verified_here(services: Services, version: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign("app.tar", version=version) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("app.tar.sigstore.json\n", f"signed by {PERSON} ({services.issuer})\n")
    assert cli.main(["verify", "app.tar", "--bundle", "app.tar.sigstore.json", *who(services)]) == 0
    kind = ["--predicate", "predicate.json", "--type", "https://acme.example/p"]
    instance = ["--signing-config", f"signing{version}.json", "--trusted-root", "root.json"]
    assert cli.main(["attest", "app.tar", *kind, *instance, "--identity-token", services.token()]) == 0
    bundle = "app.tar.attestation.sigstore.json"
    assert cli.main(["verify", "app.tar", "--bundle", bundle, "--type", kind[-1], *who(services)]) == 0
    assert cli.main(["verify", "app.tar", "--bundle", bundle, *who(services, "eve@acme.example")]) == 1


def test_one_certificate_for_all_artifacts(services: Services, tmp_path: Path) -> None:
    (tmp_path / "two").write_bytes(b"2")
    assert sign("app.tar", "two", version=2) == 0
    assert services.asked == {"authority": 1, "timestamps": 2, "log": 2}


def test_the_identity_of_a_workflow(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{services.base}/oidc/gha?x=1")
    assert sign("app.tar", token="") == 0
    claims = ["--cert-repository", "acme/app", "--cert-ref", "refs/heads/main", "--cert-trigger", "push"]
    trusted = who(services, f"https://github.com/{WORKFLOW}")
    assert cli.main(["verify", "app.tar", "--bundle", "app.tar.sigstore.json", *trusted, *claims]) == 0
    other = [*claims[:-1], "schedule"]
    assert cli.main(["verify", "app.tar", "--bundle", "app.tar.sigstore.json", *trusted, *other]) == 1


@pytest.mark.parametrize(
    ("variables", "programs"),
    [
        ({"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": "TOKEN"}, ""),
        ({"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": "TOKEN", "CI_GUARD_IDENTITY_TOKEN": ""}, ""),
        ({"CI_GUARD_IDENTITY_TOKEN": "TOKEN"}, ""),
        ({"BUILDKITE": "true"}, "buildkite-agent"),
        ({"CIRCLECI": "true"}, "circleci"),
    ],
)
def test_the_identity_of_other_jobs(
    services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], programs: str
) -> None:
    token = services.token()
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("TOKEN", token))
    if programs:
        program = tmp_path / "bin" / programs
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho {token}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    assert sign("app.tar", token="") == 0


def test_nothing_is_asked_on_a_pull_request(
    services: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    assert sign("app.tar") == 3
    assert "this is a pull_request run" in capsys.readouterr().err
    assert not services.asked
    assert sign("app.tar", "--allow-pull-request") == 0


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": 5}, "expired at 1970-01-01T00:00:05Z"),
        ({"aud": "somebody-else"}, "is for 'somebody-else', not for 'sigstore'"),
        ({"iss": None}, "names no issuer"),
        ({"exp": None}, "until when it holds"),
        ({"iss": "https://other.example"}, "certificate authority: http://127.0.0.1"),
    ],
)
def test_a_token_that_is_of_no_use(
    services: Services, claims: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    token = services.token(**claims)
    assert sign("app.tar", token=token) == 3
    err = capsys.readouterr().err
    assert words in err
    assert token not in err
    assert not services.asked["log"]


def try_to_sign(options: KeylessOptions) -> tuple[int, str]:
    """What `sign app.tar` does, with shorter waits between the attempts: exit code, and which service failed."""
    try:
        sign_all(targets(["app.tar"], None), open_keyless(options, os.environ, terminal=False))
    except ServiceError as failure:
        return failure.exit_code, failure.service
    return 0, ""


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: "-".join(row[:3]))
def test_a_service_that_fails(
    services: Services,
    row: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its name is said, nothing is written, and where the log was not the one that failed, nothing is logged."""
    service, version, fault, code, words = row
    if service == "identity":
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{services.base}/oidc/gha")
    services.faults[service] = fault
    before = sorted(path.name for path in tmp_path.iterdir())
    logged = {name: len(entries) for name, entries in services.logs.items()}
    artifact = f"{service}-{fault}".encode()
    (tmp_path / "app.tar").write_bytes(artifact)
    token = "" if service == "identity" else "token"
    patience = 2 if fault == "slow" else 20
    options = KeylessOptions(token, Path(f"trust{version}.json"), seconds=patience, waits=(0.02, 0.04))
    assert try_to_sign(options) == (int(code), words if code != "0" else "")
    new = {name: len(entries) - logged[name] for name, entries in services.logs.items()}
    left = sorted(path.name for path in tmp_path.iterdir())
    if code == "0":
        assert left == sorted([*before, "app.tar.sigstore.json"])
        assert new[f"v{version}"] == 1, "a repeated call logs nothing twice"
    else:
        assert left == before
        if service != "log":
            assert not any(new.values())


def test_a_bundle_of_an_earlier_run_stays_whole(services: Services, tmp_path: Path, capsys: Any) -> None:
    assert sign("app.tar") == 0
    earlier = (tmp_path / "app.tar.sigstore.json").read_bytes()
    services.faults["log"] = "400"
    assert sign("app.tar") == 3
    assert "transparency log: http://127.0.0.1" in capsys.readouterr().err
    assert (tmp_path / "app.tar.sigstore.json").read_bytes() == earlier


def test_an_answer_that_is_well_formed_and_wrong(services: Services, tmp_path: Path, capsys: Any) -> None:
    """Another instance's root: what the services say does not hold, so nothing is written."""
    other = Services()
    other.server.server_close()
    (tmp_path / "root.json").write_text(json.dumps(other.ours.trusted_root()))
    instance = ["--signing-config", "signing2.json", "--trusted-root", "root.json"]
    assert cli.main(["sign", "app.tar", *instance, "--identity-token", "token"]) == 3
    assert "the new bundle does not verify, nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "app.tar.sigstore.json").exists()


@pytest.mark.parametrize("version", [1, 2])
def test_a_key_with_witnesses(
    services: Services, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_GUARD_KEY_PASSWORD", "")
    assert cli.main(["keygen"]) == 0
    assert cli.main(["sign", "app.tar", "--key", "cosign.key", "--trust-config", f"trust{version}.json"]) == 0
    bundle = ["--bundle", "app.tar.sigstore.json", "--key", "cosign.pub"]
    assert cli.main(["verify", "app.tar", *bundle, "--trusted-root", "root.json"]) == 0
    material = json.loads((tmp_path / "app.tar.sigstore.json").read_text())["verificationMaterial"]
    assert len(material["tlogEntries"]) == 1
    assert ("timestampVerificationData" in material) == (version == 2)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--trusted-root", "root.json"], 2, "add --signing-config F"),
        (["--trusted-root", "root.json", "--trust-config", "trust1.json"], 2, "one instance"),
        (["--trust-config", "root.json", "--identity-token", "token"], 3, "is no trust config"),
        (
            ["--trusted-root", "root.json", "--signing-config", "root.json", "--identity-token", "token"],
            3,
            "is no signing config",
        ),
        (["--trust-config", "trust1.json", "--identity-token", "none"], 3, "none: No such file"),
        (["--trust-config", "trust1.json", "--identity-token", "root.json"], 3, "no JSON Web Token"),
        (["--trust-config", "trust1.json", "--signer-program", "x"], 2, "say which with --key"),
        (["--key", "k", "--identity-token", "token"], 2, "not with --key"),
        (["--trust-config", "trust1.json", "--service-timeout", "0"], 2, "at most 3600 seconds"),
    ],
)
def test_what_goes_wrong_is_said(
    services: Services, arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sign", "app.tar", *arguments]) == code
    assert words in capsys.readouterr().err
    assert not services.asked


def test_run_signs_as_the_job(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n")
    monkeypatch.chdir(repo)
    keyless = ["--keyless", "--trust-config", "../trust2.json", "--identity-token", "../token"]
    assert cli.main(["run", "--output-dir", "../out", "--fail-on", "never", *keyless]) == 0
    digest = hashlib.sha256((repo / "pod.yaml").read_bytes()).hexdigest()
    monkeypatch.chdir(tmp_path)
    for name in ("provenance", "sbom"):
        bundle = f"out/{name}.sigstore.json"
        assert cli.main(["verify", f"sha256:{digest}", "--bundle", bundle, *who(services)]) == 0
    services.asked.clear()
    monkeypatch.chdir(repo)
    assert cli.main(["run", "--output-dir", "../out", "--trust-config", "../trust2.json"]) == 2, "--keyless is missing"
    assert not services.asked


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # `sigstore` leaves its socket open
def test_a_person_at_a_browser(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The `sigstore` package's dance with a provider that always says yes, in a browser that is a few lines long."""
    import threading
    import urllib.request
    import webbrowser

    class Browser(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            threading.Thread(target=lambda: urllib.request.urlopen(url, timeout=10).read(), daemon=True).start()
            return True

    monkeypatch.setattr(webbrowser, "_tryorder", ["lines"])
    monkeypatch.setattr(webbrowser, "_browsers", {"lines": [None, Browser("lines")]})
    signatory = open_keyless(KeylessOptions("", Path("trust2.json")), {}, terminal=True)
    assert signatory.identity == f"{PERSON} ({services.issuer})"
    services.faults["identity"] = "500"
    with pytest.raises(ServiceError, match="identity provider: http://127"):
        open_keyless(KeylessOptions("", Path("trust2.json")), {}, terminal=True)
    gc.collect()


def test_an_instance_without_a_log(services: Services, tmp_path: Path) -> None:
    """As GitHub has it for private repositories: a timestamp alone says when."""
    root = {**services.ours.trusted_root(), "tlogs": []}
    config = services.trust_config(2, logs=False)
    (tmp_path / "private.json").write_text(json.dumps({**config, "trustedRoot": root}))
    (tmp_path / "private-root.json").write_text(json.dumps(root))
    assert cli.main(["sign", "app.tar", "--trust-config", "private.json", "--identity-token", "token"]) == 0
    assert services.asked == {"authority": 1, "timestamps": 1}
    bundle = ["verify", "app.tar", "--bundle", "app.tar.sigstore.json"]
    person = ["--cert-identity", PERSON, "--cert-oidc-issuer", services.issuer]
    assert cli.main([*bundle, *person, "--trusted-root", "private-root.json"]) == 0
    assert cli.main([*bundle, *person, "--trusted-root", "root.json"]) == 1, "this root names logs"


def test_an_instance_that_cannot_say_when(services: Services, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "no.json").write_text(json.dumps(services.trust_config(2, timestamps=False)))
    assert cli.main(["sign", "app.tar", "--trust-config", "no.json", "--identity-token", "token"]) == 3
    assert "names nobody who could say when it was signed" in capsys.readouterr().err
    assert not services.asked


def test_the_logs_tiles_and_checkpoint_are_one_tree(services: Services) -> None:
    """The loopback log is a log: what it serves beside our entry adds up to what it signed."""
    import urllib.request

    from ci_guard.attestation.checkpoint import read

    assert sign("app.tar", version=2) == 0
    with urllib.request.urlopen(f"{services.base}/api/v2/checkpoint", timeout=10) as answer:
        checkpoint = read(answer.read().decode())
    with urllib.request.urlopen(f"{services.base}/api/v2/tile/0/000.p/{checkpoint.size}", timeout=10) as answer:
        tile = answer.read()
    leaves = [tile[at : at + 32] for at in range(0, len(tile), 32)]
    assert len(leaves) == checkpoint.size
    assert Tree([]).root(leaves) == checkpoint.root_hash


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1(), None], ids=["p384", "p521", "rsa"])
def test_other_keys_with_witnesses(services: Services, tmp_path: Path, curve: Any, version: int, capsys: Any) -> None:
    """Rekor v1 checks attestations with SHA-256 alone, so it refuses those of the larger curves; the name is said."""
    key = ec.generate_private_key(curve) if curve else rsa.generate_private_key(65537, 2048)
    plain = (PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "k.pem").write_bytes(key.private_bytes(Encoding.PEM, *plain))
    (tmp_path / "k.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    who = ["--key", "k.pem", "--trust-config", f"trust{version}.json"]
    good = ["--key", "k.pub", "--trusted-root", "root.json", "--bundle"]
    assert cli.main(["sign", "app.tar", *who]) == 0
    assert cli.main(["verify", "app.tar", *good, "app.tar.sigstore.json"]) == 0
    kind = ["--predicate", "predicate.json", "--type", "https://acme.example/p", "--output", "a.json"]
    refused = version == 1 and curve is not None
    assert cli.main(["attest", "app.tar", *kind, *who]) == (3 if refused else 0)
    if refused:
        assert "transparency log" in capsys.readouterr().err
    else:
        assert cli.main(["verify", "app.tar", *good, "a.json"]) == 0
