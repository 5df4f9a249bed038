"""The main job over the shop: nine files, one verdict, the same bytes every time, no signature where none may be."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ci_guard.cli import main
from ci_guard.pipeline.run import FILES

ROOT = Path(__file__).resolve().parent.parent.parent
UNSIGNED = [name for name in FILES if not name.endswith(".sigstore.json")]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop as the current directory, outside of any repository, and a clean environment."""
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_")) and n != "CI_GUARD_SHARED"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("COSIGN_PASSWORD", "not a secret")
    shutil.copytree(ROOT / "examples" / "shop", tmp_path / "shop")
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def key(shop: Path) -> str:
    prefix = str(shop.parent / "demo")
    assert main(["keygen", "--output-key-prefix", prefix]) == 0
    return prefix


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def payload(bundle: Path) -> dict[str, Any]:
    envelope = json.loads(bundle.read_bytes())["dsseEnvelope"]
    statement: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
    return statement


def test_nine_files_and_a_closed_gate(shop: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = shop.parent / "out"
    assert main(["run", "--key", f"{key}.key", "--output-dir", str(out)]) == 1
    assert names(out) == sorted(FILES)
    printed = capsys.readouterr()
    assert "GATE CLOSED (exit 1)" in printed.out
    assert "privileged-container" in printed.out
    # There are no advisories offline; everything else that was asked for could be judged.
    verdict = " ".join(printed.out.split())
    assert "2 judgements could not be made, which does not count as passed: vulnerable-dependency (2)." in verdict
    assert [line.split()[0] for line in printed.err.splitlines() if line.endswith(" s)")] == [
        *("lint", "locks", "deps", "sbom", "attest", "verify", "report")
    ]
    verdict = json.loads((out / "verdict.json").read_bytes())
    assert (verdict["result"], verdict["exitCode"]) == ("closed", 1)
    assert verdict["counts"]["critical"] >= 1


def test_the_attestations_speak_of_every_file_that_was_judged(shop: Path, key: str) -> None:
    out = shop.parent / "out"
    main(["run", "--key", f"{key}.key", "--output-dir", str(out), "--quiet"])
    for name in ("provenance.sigstore.json", "sbom.sigstore.json"):
        subjects = {s["name"]: s["digest"]["sha256"] for s in payload(out / name)["subject"]}
        assert "services/storefront/package-lock.json" in subjects
        assert "k8s/orders/deployment.yaml" in subjects
        for path, digest in subjects.items():
            assert hashlib.sha256((shop / path).read_bytes()).hexdigest() == digest
    described = payload(out / "sbom.sigstore.json")
    assert described["predicateType"] == "https://cyclonedx.org/bom"
    assert described["predicate"] == json.loads((out / "sbom.cdx.json").read_bytes())


def test_verify_accepts_what_run_signed_and_refuses_another_byte(shop: Path, key: str) -> None:
    out = shop.parent / "out"
    main(["run", "--key", f"{key}.key", "--output-dir", str(out), "--quiet"])
    arguments = ["--bundle", str(out / "provenance.sigstore.json"), "--key", f"{key}.pub"]
    assert main(["verify", "k8s/orders/deployment.yaml", *arguments]) == 0
    manifest = shop / "k8s/orders/deployment.yaml"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    assert main(["verify", "k8s/orders/deployment.yaml", *arguments]) == 1


def test_the_same_input_gives_the_same_bytes_anywhere(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = shop.parent / "one", shop.parent / "two"
    main(["run", "--output-dir", str(first), "--quiet"])
    moved = shop.parent / "elsewhere" / "deeper"
    shutil.copytree(shop, moved)
    monkeypatch.chdir(moved)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    main(["run", "--output-dir", str(second), "--quiet"])
    assert names(first) == names(second) == sorted(UNSIGNED)
    for name in UNSIGNED:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_the_gate_can_be_deferred(shop: Path) -> None:
    out = shop.parent / "out"
    assert main(["run", "--output-dir", str(out), "--defer-gate", "--quiet"]) == 0
    assert main(["gate", "--from", str(out)]) == 1
    assert main(["gate", "--from", str(out), "--fail-on", "never"]) == 0


def test_nothing_to_judge_is_exit_3_unless_allowed(shop: Path) -> None:
    empty = shop / "empty"
    empty.mkdir()
    out = str(shop.parent / "out")
    assert main(["run", "empty", "--output-dir", out, "--quiet"]) == 3
    assert main(["run", "empty", "--output-dir", out, "--quiet", "--allow-empty"]) == 0


def test_a_pull_request_signs_nothing(
    shop: Path, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI_PIPELINE_SOURCE", "merge_request_event")
    out = shop.parent / "out"
    for given in (f"{key}.key", "key-of-a-secret-that-forks-do-not-get"):
        assert main(["run", "--key", given, "--output-dir", str(out)]) == 1
        assert names(out) == sorted(UNSIGNED)
        assert "Nothing was signed" in capsys.readouterr().out


def test_bundles_of_an_earlier_run_do_not_stay(shop: Path, key: str) -> None:
    out = shop.parent / "out"
    main(["run", "--key", f"{key}.key", "--output-dir", str(out), "--quiet"])
    main(["run", "--output-dir", str(out), "--quiet"])
    assert names(out) == sorted(UNSIGNED)


def test_a_broken_lock_is_a_finding_and_the_others_go_on(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "services/orders/uv.lock").write_text('version = 1\n[[package]\nname = "x"\n')
    assert main(["run", "--output-dir", str(shop.parent / "out"), "--format", "json", "--quiet"]) == 1
    report = json.loads(capsys.readouterr().out)
    broken = [f for f in report["findings"] if f["rule"] == "unreadable-input"]
    assert [f["location"]["path"] for f in broken] == ["services/orders/uv.lock"]
    inventory = json.loads((shop.parent / "out" / "sbom.cdx.json").read_bytes())
    assert any(c["purl"].startswith("pkg:npm/") for c in inventory["components"] if "purl" in c)
    assert "services/orders/uv.lock" in json.dumps(inventory["metadata"])  # said to be missing


def test_outputs_and_summary_for_a_workflow(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, summary = shop.parent / "output", shop.parent / "summary"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert main(["run", "--output-dir", str(shop.parent / "out"), "--quiet", "--defer-gate"]) == 0
    text = output.read_text()
    assert "result<<" in text
    assert "\nfail\n" in text
    assert "Gate closed" in summary.read_text("utf-8")
