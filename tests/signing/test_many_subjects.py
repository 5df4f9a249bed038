"""One statement about many things: files, patterns, lists of checksums."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from ci_guard import cli


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI_GUARD_KEY_PASSWORD", "")
    for name in ("GITHUB_EVENT_NAME", "CI_PIPELINE_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    assert cli.main(["keygen"]) == 0
    for name in ("dist/a.tar", "dist/deep/b.tar", "dist/c.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    digest = hashlib.sha256(b"far away").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  far/away\n{digest} *far/away\n{'0' * 64}  zeros\n")
    (tmp_path / "log.sarif").write_text(json.dumps({"version": "2.1.0", "runs": []}))
    (tmp_path / "broken").write_text("abc  name\n")
    (tmp_path / "empty").write_text("")
    return tmp_path


def attest(*arguments: str) -> int:
    kind = ["--predicate", "log.sarif", "--type", "sarif", "--key", "cosign.key", "--output", "b.json"]
    return cli.main(["attest", *arguments, *kind])


def subjects(home: Path) -> list[str]:
    payload = json.loads((home / "b.json").read_text())["dsseEnvelope"]["payload"]
    return [subject["name"] for subject in json.loads(base64.b64decode(payload))["subject"]]


def test_patterns_and_lists(home: Path) -> None:
    assert attest("dist/c.txt", "--glob", "dist/**/*.tar", "--glob", "dist/a.*", "--checksums", "SHA256SUMS") == 0
    assert subjects(home) == ["c.txt", "a.tar", "b.tar", "far/away", "zeros"]
    key = ["--bundle", "b.json", "--key", "cosign.pub", "--type", "sarif"]
    assert cli.main(["verify", "dist/deep/b.tar", *key]) == 0
    assert cli.main(["verify", "sha256:" + hashlib.sha256(b"far away").hexdigest(), *key]) == 0
    assert cli.main(["verify", "SHA256SUMS", *key]) == 1


def test_run_takes_them_too(home: Path) -> None:
    (home / "repo").mkdir()
    given = ["--glob", "dist/*.tar", "--checksums", "SHA256SUMS", "--key", "cosign.key", "--output-dir", "out"]
    assert cli.main(["run", "repo", *given, "--allow-empty", "--fail-on", "never"]) == 0
    bundle = ["--bundle", "out/provenance.sigstore.json", "--key", "cosign.pub"]
    assert cli.main(["verify", "dist/a.tar", *bundle]) == 0
    assert cli.main(["verify", "dist/c.txt", *bundle]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "nothing to attest"),
        (["--glob", "dist/*.zip"], 3, "dist/*.zip: no file matches"),
        (["--checksums", "broken"], 3, "broken:1: expected what sha256sum or sha512sum prints"),
        (["--checksums", "empty"], 3, "empty: lists nothing"),
        (["--checksums", "missing"], 3, "missing: No such file"),
    ],
)
def test_what_goes_wrong_is_said(
    home: Path, arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attest(*arguments) == code
    assert words in capsys.readouterr().err
    assert not (home / "b.json").exists()
