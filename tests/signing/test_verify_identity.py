"""`ci-guard verify` with an identity: the command from its options to its exit code, in every format."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ci_guard import cli
from ci_guard.model.errors import InputError
from ci_guard.pipeline.verification.trust import open_roots
from tests.attestation import loopback
from tests.attestation.loopback import IDENTITY, ISSUER, Recipe, make

OURS = loopback.Sigstore()
WHO = ["--cert-identity", IDENTITY, "--cert-oidc-issuer", ISSUER]
ROOT = ["--trusted-root", "root.json"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pod.yaml").write_bytes(loopback.ARTIFACT)
    (tmp_path / "root.json").write_text(json.dumps(OURS.trusted_root()))
    other = loopback.x509.RFC822Name("b@acme.example")
    (tmp_path / "a.json").write_text(json.dumps(make(OURS, Recipe(content="dsse"))))
    (tmp_path / "b.json").write_text(json.dumps(make(OURS, Recipe(names=(other,)))))
    (tmp_path / "late.json").write_text(json.dumps(make(OURS, Recipe(integrated=11))))
    return tmp_path


def verify(*arguments: str) -> int:
    return cli.main(["verify", "pod.yaml", *arguments])


def test_every_step_and_the_age_of_the_root_are_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify("--bundle", "a.json", *WHO, *ROOT) == 0
    out = capsys.readouterr().out
    assert re.search(r"^ 8 chain +ok ", out, re.MULTILINE)
    assert f"signed by {IDENTITY} ({ISSUER})" in out
    assert re.search(r"trusted root root.json: its newest key is of 2024-07-01, \d+ days ago; not refreshed", out)
    assert verify("--bundle", "late.json", *WHO, *ROOT) == 1
    assert " 8 chain           REFUSED" in capsys.readouterr().out


def test_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify("--bundle", "a.json", *WHO, *ROOT, "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["verified"]) == ("ci-guard/verification/2", True)
    (root,) = document["trustedRoots"]
    assert root["newestKey"] == "2024-07-01T00:00:00+00:00"
    assert root["ageInDays"] > 300
    (bundle,) = document["bundles"]
    assert len(bundle["steps"]) == 16


def test_sarif(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify("--bundle", "late.json", *WHO, *ROOT, "--format", "sarif", "--output", "v.sarif") == 1
    (run,) = json.loads((home / "v.sarif").read_text())["runs"]
    (result,) = run["results"]
    assert result["ruleId"] == "attestation-invalid"
    assert "late.json does not hold for pod.yaml" in result["message"]["text"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "pod.yaml"
    assert verify("--bundle", "a.json", *WHO, *ROOT, "--format", "sarif", "--output", "good.sarif") == 0
    (run,) = json.loads((home / "good.sarif").read_text())["runs"]
    assert run["results"] == []


def test_several_bundles_and_signers(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    anybody_of_two = ["--cert-identity-regexp", r"https://github\.com/acme/.*|b@acme\.example", *WHO[2:], *ROOT]
    both = ["--bundle", "a.json", "--bundle", "b.json"]
    assert verify(*both, *anybody_of_two) == 0
    assert verify(*both, *anybody_of_two, "--min-signers", "2") == 0
    assert verify(*both, *anybody_of_two, "--min-signers", "3") == 1
    assert "2 different signers, expected at least 3" in capsys.readouterr().out
    assert verify(*both, *WHO, *ROOT) == 1, "without a number, every bundle must hold"
    assert verify(*both, *WHO, *ROOT, "--min-signers", "1") == 0
    (home / "copy.json").write_bytes((home / "a.json").read_bytes())
    copied = ["--bundle", "a.json", "--bundle", "copy.json"]
    assert verify(*copied, *WHO, *ROOT, "--min-signers", "2") == 1, "one signer twice is one signer"
    assert verify("--bundle", "a.json", "--bundle", "a.json", *WHO, *ROOT) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--cert-identity", IDENTITY],
        ["--cert-identity-regexp", ".*", "--cert-oidc-issuer", ISSUER],
        ["--cert-identity", IDENTITY, "--cert-identity-regexp", "x", "--cert-oidc-issuer", ISSUER],
        ["--key", "k.pub", *WHO],
        [*WHO, "--trust", "key"],
        [*WHO, "--trust", "custom"],
        [*WHO, "--trust", "everybody"],
        ["--key", "k.pub", "--trust", "key", *ROOT],
    ],
)
def test_who_is_trusted_is_always_said(home: Path, arguments: list[str]) -> None:
    try:
        code = verify("--bundle", "a.json", *arguments)
    except SystemExit as end:  # argparse
        code = end.code if isinstance(end.code, int) else 3
    assert code == 2


def test_an_issuer_by_pattern(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = ["--bundle", "a.json", *WHO[:2], *ROOT, "--cert-oidc-issuer-regexp"]
    assert verify(*who, r"https://(token\.actions|other)\.githubusercontent\.com") == 0
    assert verify(*who, r"token\.actions\.githubusercontent\.com") == 1, "as a whole, or not at all"
    assert "does not match 'token" in capsys.readouterr().out
    assert verify(*who, ".*") == 2


def test_a_broken_root_is_no_verdict(home: Path) -> None:
    (home / "root.json").write_text("{}")
    assert verify("--bundle", "a.json", *WHO, *ROOT) == 3
    assert verify("--bundle", "a.json", *WHO, "--trusted-root", "nowhere.json") == 3


def test_the_public_root_is_the_default_and_does_not_know_our_instance(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify("--bundle", "a.json", *WHO) == 1
    out = capsys.readouterr().out
    assert "no certificate authority of public-good (of sigstore " in out
    assert "days ago" in out
    (root,) = open_roots([], "public-good")
    assert len(root.authorities) >= 2
    assert {len(part) > 0 for part in (root.logs, root.certificate_logs, root.timestamp_authorities)} == {True}


GITHUB = Path(__file__).parent / "github"
DEMO = "sha256:ae57936def59bc4c75edd3a837d89bcefc6d3a5e31d55a6fa7a71624f92c3c3b"
RELEASE = "sha256:e15b593c6ab8d7725a3cc82226ef816cac6bf9c70eed383bd459295cc65f5ec3"
ACTIONS = ["--cert-identity-regexp", "https://github.com/actions/.*", "--cert-oidc-issuer", ISSUER]


def test_what_github_signed_for_private_repositories(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bundle that GitHub's own instance signed: no log, its own authorities."""
    demo = ["verify", DEMO, "--bundle", str(GITHUB / "attest-demo.sigstore.json"), *ACTIONS]
    assert cli.main([*demo, "--trust", "github", "--cert-repository", "actions/attest-demo"]) == 0
    assert "2024-04-22T17:33:26Z by timestamp.githubapp.com" in capsys.readouterr().out
    assert cli.main(demo) == 1, "the public instance did not sign it"
    assert cli.main(["verify", RELEASE, *demo[2:], "--trust", "github"]) == 1, "about something else"
    release = ["verify", RELEASE, "--bundle", str(GITHUB / "release.sigstore.json"), "--trust", "github"]
    capsys.readouterr()
    assert cli.main([*release, "--cert-identity", "https://dotcom.releases.github.com", *ACTIONS[2:]]) == 1
    assert "the certificate names no issuer" in capsys.readouterr().out


def test_every_authority_of_githubs_root_is_of_one_root() -> None:
    (root,) = open_roots([], "github")
    chains = [authority.chain for authority in (*root.authorities, *root.timestamp_authorities)]
    assert len(chains) == 12
    assert len({chain[-1] for chain in chains}) == 1
    for chain in chains:
        for certificate, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
            certificate.verify_directly_issued_by(issuer)


def test_a_profile_may_say_what_the_other_options_say(home: Path) -> None:
    assert verify("--bundle", "a.json", *WHO, *ROOT, "--trust", "custom") == 0
    with pytest.raises(InputError):
        open_roots([Path("nowhere.json")], "")


def test_verifying_opens_no_socket_and_does_not_load_sigstore(home: Path) -> None:
    program = (
        "import sys; seen = []; "
        "sys.addaudithook(lambda event, _: seen.append(event) if event.startswith('socket.') else None); "
        "from ci_guard import cli; "
        f"code = cli.main({['verify', 'pod.yaml', '--bundle', 'a.json', *WHO]!r}); "
        "bad = [*seen, *({'sigstore', 'requests', 'ssl'} & set(sys.modules))]; print(bad); "
        "sys.exit(code != 1 or bool(bad))"
    )
    folder = Path(__file__).resolve().parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-300:]
