"""keygen, sign, attest and verify as a user runs them: files in, files out, exit codes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ci_guard import cli
from ci_guard.attestation import keyfile
from ci_guard.model.errors import UsageError
from ci_guard.pipeline.signing import keygen

PASSWORD = "a password that no output may hold"
ROOT = Path(__file__).resolve().parent.parent.parent
SLSA = {
    "buildDefinition": {"buildType": "https://ci-guard.example/b", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://ci-guard.example/me"}},
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a key pair and an artifact, outside of any CI."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_EVENT_NAME", "GITHUB_ACTIONS", "CI_PIPELINE_SOURCE", "COSIGN_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CI_GUARD_KEY_PASSWORD", PASSWORD)
    assert cli.main(["keygen"]) == 0
    (tmp_path / "app.tar").write_bytes(b"artifact" * 1000)
    (tmp_path / "slsa.json").write_text(json.dumps(SLSA))
    return tmp_path


def sign(*arguments: str) -> int:
    return cli.main(["sign", *arguments, "--key", "cosign.key"])


def verify(*arguments: str) -> int:
    return cli.main(["verify", *arguments, "--key", "cosign.pub"])


def test_a_pair_is_private_and_never_overwritten(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private = home / "cosign.key"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert (home / "cosign.pub").read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----\n")
    before = private.read_bytes()
    assert cli.main(["keygen"]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert private.read_bytes() == before
    (home / "other.pub").symlink_to(home / "nowhere")
    assert cli.main(["keygen", "--output-key-prefix", "other"]) == 2
    assert not (home / "other.key").exists()
    assert not (home / "nowhere").exists()


@pytest.mark.parametrize("late", ["late.key", "late.pub"])
def test_a_file_that_appears_meanwhile_is_not_overwritten(home: Path, late: str) -> None:
    def somebody_else_is_quicker() -> bytes:
        (home / late).write_bytes(b"theirs")
        return b"password"

    with pytest.raises(UsageError, match="never overwritten"):
        keygen.write_pair(home / "late.key", home / "late.pub", somebody_else_is_quicker)
    assert [path.read_bytes() for path in home.glob("late.*")] == [b"theirs"], "theirs stays, ours goes"


def test_no_half_pair_is_left(home: Path) -> None:
    assert cli.main(["keygen", "--output-key-prefix", "no/such/folder/x"]) == 3
    assert sorted(path.name for path in home.iterdir()) == ["app.tar", "cosign.key", "cosign.pub", "slsa.json"]


def test_a_key_needs_a_password_and_an_empty_one_only_when_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI_GUARD_KEY_PASSWORD")
    assert cli.main(["keygen", "--output-key-prefix", "none"]) == 3
    assert "CI_GUARD_KEY_PASSWORD or COSIGN_PASSWORD" in capsys.readouterr().err
    assert not (home / "none.key").exists()
    monkeypatch.setenv("COSIGN_PASSWORD", "")
    assert cli.main(["keygen", "--output-key-prefix", "empty"]) == 0
    assert keyfile.read_signer((home / "empty.key").read_bytes(), lambda: b"").name == "ECDSA P-256"


def test_sign_then_verify(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign("app.tar") == 0
    assert capsys.readouterr().out.endswith("app.tar.sigstore.json\n")
    assert verify("app.tar", "--bundle", "app.tar.sigstore.json") == 0
    out = capsys.readouterr().out
    assert "4 signature" in out
    assert out.splitlines()[-1].startswith("verified: signature over app.tar, signed by key ")
    digest = hashlib.sha256((home / "app.tar").read_bytes()).hexdigest()
    assert verify(f"sha256:{digest}", "--bundle", "app.tar.sigstore.json") == 0
    (home / "app.tar").write_bytes(b"Artifact" * 1000)
    assert verify("app.tar", "--bundle", "app.tar.sigstore.json") == 1
    out = capsys.readouterr().out
    assert "3 content         REFUSED" in out
    assert "not verified: app.tar by app.tar.sigstore.json: the bundle is about sha256:" in out


def test_a_digest_can_be_signed_and_the_bundles_can_go_elsewhere(home: Path) -> None:
    digest = "sha256:" + hashlib.sha256(b"elsewhere").hexdigest()
    assert sign("app.tar", digest, "--output-dir", "out/bundles") == 0
    names = sorted(path.name for path in (home / "out" / "bundles").iterdir())
    assert names == ["app.tar.sigstore.json", digest.replace(":", "-") + ".sigstore.json"]
    (home / "elsewhere").write_bytes(b"elsewhere")
    assert verify("elsewhere", "--bundle", f"out/bundles/{names[1]}") == 0


def test_verifying_with_a_key_starts_quickly(home: Path) -> None:
    """150 ms for a cold start leave no room for X.509, the network, or the expression engine."""
    sign("app.tar")
    heavy = "('cryptography.x509', 'sigstore', 'urllib3', 'cel_expr_python', 'tuf', 'id', 'rfc3161_client')"
    arguments = ["verify", "app.tar", "--bundle", "app.tar.sigstore.json", "--key", "cosign.pub"]
    code = f"import sys; from ci_guard import cli; assert cli.main({arguments!r}) == 0; "
    code += f"print('loaded', [name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True, env=_env()
    )
    assert done.stdout.splitlines()[-1] == "loaded []"


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_json_lists_every_step(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sign("app.tar")
    capsys.readouterr()
    assert verify("app.tar", "--bundle", "app.tar.sigstore.json", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["verified"], document["reason"]) == ("ci-guard/verification/2", True, "")
    assert [step["number"] for step in document["bundles"][0]["steps"]] == list(range(1, 13))
    assert verify("slsa.json", "--bundle", "app.tar.sigstore.json", "--format", "json", "--output", "v.json") == 1
    document = json.loads((home / "v.json").read_text())
    (bundle,) = document["bundles"]
    assert bundle["steps"][-1]["result"] == "refused"
    assert bundle["steps"][-1]["detail"] == bundle["reason"]
    assert document["reason"] == f"app.tar.sigstore.json: {bundle['reason']}"


def attest(*arguments: str) -> int:
    return cli.main(["attest", *arguments, "--key", "cosign.key"])


def test_attest_then_verify(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert attest("app.tar", "--predicate", "slsa.json", "--type", "slsaprovenance1") == 0
    bundle = "app.tar.slsaprovenance1.sigstore.json"
    assert capsys.readouterr().out.endswith(bundle + "\n")
    demands = ["--type", "slsaprovenance1", "--builder-id", "https://ci-guard.example/me"]
    assert verify("app.tar", "--bundle", bundle, *demands) == 0
    assert verify("app.tar", "--bundle", bundle, "--type", "https://slsa.dev/provenance/v1") == 0
    assert verify("app.tar", "--bundle", bundle, "--type", "cyclonedx") == 1
    assert verify("app.tar", "--bundle", bundle, "--builder-id", "https://elsewhere.example") == 1
    assert verify("slsa.json", "--bundle", bundle) == 1
    envelope = json.loads((home / bundle).read_bytes())["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert list(statement) == ["_type", "subject", "predicateType", "predicate"]
    assert [subject["name"] for subject in statement["subject"]] == ["app.tar"]


def test_one_statement_about_many_artifacts(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["app.tar", "slsa.json", "--predicate", "slsa.json", "--type", "slsaprovenance1"]
    assert attest(*arguments) == 2
    assert "--output" in capsys.readouterr().err
    assert attest(*arguments, "--output", "both.json") == 0
    assert verify("app.tar", "--bundle", "both.json") == 0
    assert verify("slsa.json", "--bundle", "both.json") == 0
    assert verify("cosign.pub", "--bundle", "both.json") == 1


def test_a_custom_predicate_wraps_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    (home / "note.txt").write_text("reviewed\n")
    assert attest("app.tar", "--predicate", "note.txt", "--type", "custom") == 0
    envelope = json.loads((home / "app.tar.custom.sigstore.json").read_bytes())["dsseEnvelope"]
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert predicate == {"Data": "reviewed\n", "Timestamp": "1970-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["sign", "missing", "--key", "cosign.key"], 3, "missing: No such file"),
        (["sign", ".", "--key", "cosign.key"], 3, "not a regular file"),
        (["sign", "app.tar", "--key", "missing.key"], 3, "missing.key: No such file"),
        (["sign", "app.tar", "--key", "awskms:///alias/x"], 2, "no signer for awskms: keys; known: a path"),
        (["sign", "app.tar", "--key", "cosign.pub"], 3, "is no private key"),
        (["sign", "app.tar", "./app.tar", "--key", "cosign.key"], 2, "would share the bundle"),
        (["sign", "sha256:12", "--key", "cosign.key"], 2, "64 lower-case hex digits"),
        (["sign", "app.tar"], 3, "neither a key (--key) nor an identity"),
        (["attest", "app.tar", "--predicate", "slsa.json", "--type", "sbom", "--key", "cosign.key"], 2, "no predicate"),
        (
            ["attest", "app.tar", "--predicate", "slsa.json", "--type", "cyclonedx", "--key", "cosign.key"],
            3,
            "bomFormat is not CycloneDX",
        ),
        (
            ["attest", "app.tar", "--predicate", "app.tar", "--type", "openvex", "--key", "cosign.key"],
            3,
            "predicate is not strict JSON",
        ),
        (["verify", "app.tar", "--bundle", "missing", "--key", "cosign.pub"], 3, "missing: No such file"),
        (["verify", "app.tar", "--bundle", "slsa.json", "--key", "cosign.key"], 2, "is a private key"),
        (["verify", "app.tar", "--bundle", "slsa.json", "--key", "slsa.json"], 3, "holds no public key"),
        (["verify", "app.tar", "--bundle", "slsa.json", "--key", "cosign.pub"], 1, ""),
        (["verify", "app.tar", "--bundle", "slsa.json"], 2, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_goes_wrong_is_said(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    before = sorted(path.name for path in home.iterdir())
    assert cli.main(arguments) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert PASSWORD not in captured.out + captured.err
    assert sorted(path.name for path in home.iterdir()) == before, "a failure writes nothing"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_EVENT_NAME", "pull_request_target"),
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
    ],
)
def test_nothing_is_signed_on_a_pull_request(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert sign("app.tar") == 3
    assert f"nothing was signed: this is a {value} run" in capsys.readouterr().err
    assert attest("app.tar", "--predicate", "slsa.json", "--type", "slsaprovenance1") == 3
    assert not list(home.glob("*.sigstore.json"))
    assert sign("app.tar", "--allow-pull-request") == 0


def test_no_attestation_by_way_of_sign(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with the bytes that an envelope signs, signed as a file, would be a valid attestation of its content."""
    (home / "trap.bin").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json 2 {}")
    assert sign("trap.bin") == 3
    assert "would pass for one" in capsys.readouterr().err
    assert not list(home.glob("*.sigstore.json"))


def test_a_wrong_password_signs_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI_GUARD_KEY_PASSWORD", "hunter2-secret")
    assert sign("app.tar") == 3
    captured = capsys.readouterr()
    assert "wrong password" in captured.err
    assert "hunter2" not in captured.err
    assert not list(home.glob("*.sigstore.json"))


def test_secrets_stay_out_of_tracebacks(home: Path) -> None:
    """Even with the traceback asked for."""
    environ = {**os.environ, "CI_GUARD_KEY_PASSWORD": "hunter2-secret", "CI_GUARD_DEBUG": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ci_guard", "sign", "app.tar", "--key", "cosign.key"]
    done = subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "hunter2" not in done.stdout + done.stderr


def test_a_strangers_bundle_cannot_paint_the_screen(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = {"mediaType": "\x1b[2J\u202e evil\nverified: yes", "verificationMaterial": {}}
    (home / "evil.json").write_text(json.dumps(bundle))
    capsys.readouterr()
    assert verify("app.tar", "--bundle", "evil.json") == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert not any(line.startswith("verified") for line in out.splitlines())


def test_the_key_commands_import_no_more_than_they_need(home: Path) -> None:
    sign("app.tar")
    arguments = ["verify", "app.tar", "--bundle", "app.tar.sigstore.json", "--key", "cosign.pub", "--quiet"]
    heavy = {"nacl", "sigstore", "yaml", "cel_expr_python", "sarif_om", "pydantic", "requests"}
    code = (
        f"import sys; from ci_guard import cli; code = cli.main({arguments}); "
        f"heavy = {sorted(heavy)}; loaded = set(heavy) & set(sys.modules); "
        "sys.exit(f'{code} {loaded}' if code or loaded else 0)"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
