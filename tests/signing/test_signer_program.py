"""A key that only another program can use: openssl here, with the protocol of docs/signing.md."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ci_guard import cli

KEY = "smartcard://slot-1"
PROGRAM = """#!{python}
import base64, json, subprocess, sys
request = json.loads(sys.stdin.readline())
assert request["version"] == 1 and request["key"] == "smartcard://slot-1", request
{flaw}
if request["do"] == "public-key":
    command = ["openssl", "pkey", "-in", "{folder}/secret.pem", "-pubout"]
    answer = {{"publicKey": subprocess.run(command, capture_output=True, check=True).stdout.decode()}}
else:
    command = ["openssl", "pkeyutl", "-sign", "-inkey", "{folder}/secret.pem", "-pkeyopt", "digest:" + request["hash"]]
    done = subprocess.run(command, input=base64.b64decode(request["digest"]), capture_output=True, check=True)
    answer = {{"signature": base64.b64encode(done.stdout).decode()}}
print(json.dumps(answer))
"""
KINDS = {
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
}
FLAWS = {
    'sys.exit("no card in the reader")': "no card in the reader",
    'print("{"); sys.exit()': "is not strict JSON",
    "print(json.dumps({})); sys.exit()": "has no publicKey",
    'print(json.dumps({"publicKey": "none"})); sys.exit()': "holds no public key",
    'if request["do"] == "sign": print(json.dumps({"signature": "AAAA"})); sys.exit()': "is not one of its own key",
    'if request["do"] == "sign": print(json.dumps({"signature": "%"})); sys.exit()': "is not base64",
    'print("x" * 100_000); sys.exit()': "the limit is",
}
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")


def program(folder: Path, kind: str = "p256", flaw: str = "") -> str:
    """The program, with a fresh key."""
    path = folder / "card"
    subprocess.run(["openssl", "genpkey", *KINDS[kind], "-out", folder / "secret.pem"], check=True, capture_output=True)
    path.write_text(PROGRAM.format(python=sys.executable, folder=folder, flaw=flaw))
    path.chmod(0o755)
    (folder / "app.tar").write_bytes(b"artifact")
    return str(path)


@pytest.fixture(autouse=True)
def outside_of_any_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_EVENT_NAME", "CI_PIPELINE_SOURCE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_it_signs_and_anybody_verifies(kind: str, tmp_path: Path) -> None:
    card = program(tmp_path, kind)
    assert cli.main(["sign", "app.tar", "--key", KEY, "--signer-program", card]) == 0
    public = subprocess.run(["openssl", "pkey", "-in", "secret.pem", "-pubout"], check=True, capture_output=True)
    (tmp_path / "card.pub").write_bytes(public.stdout)
    assert cli.main(["verify", "app.tar", "--bundle", "app.tar.sigstore.json", "--key", "card.pub"]) == 0
    material = json.loads((tmp_path / "app.tar.sigstore.json").read_text())["verificationMaterial"]
    assert list(material) == ["publicKey"]


@pytest.mark.parametrize("flaw", FLAWS)
def test_what_it_does_wrong_is_said(flaw: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = program(tmp_path, flaw=flaw)
    assert cli.main(["sign", "app.tar", "--key", KEY, "--signer-program", card]) == 3
    assert FLAWS[flaw] in capsys.readouterr().err
    assert not (tmp_path / "app.tar.sigstore.json").exists()


def test_a_program_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.tar").write_bytes(b"artifact")
    assert cli.main(["sign", "app.tar", "--key", KEY, "--signer-program", "./nothing"]) == 3
    assert "./nothing cannot be run: No such file" in capsys.readouterr().err
    assert cli.main(["sign", "app.tar", "--key", KEY]) == 2
    assert "--signer-program P" in capsys.readouterr().err
