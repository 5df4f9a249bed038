"""The gate on what five other tools wrote, trimmed to a few results each, and on logs that are shaped like those of
three that were not run (Trivy, Grype, CodeQL): a folder is a case.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sigstore.dsse import Statement

from ci_guard.cli import main
from ci_guard.model.errors import ConfigError, InputError
from ci_guard.model.finding import Severity
from ci_guard.pipeline import evidence
from ci_guard.suppress import ratchet
from tests.pipeline.gitrepo import Repo

HERE = Path(__file__).parent
TOOLS = HERE / "tools"
SHAPED = HERE / "shaped"
CASES = sorted((HERE / "cases").iterdir())
VERDICT = jsonschema_rs.validator_for(json.loads((HERE.parents[1] / "docs/schemas/verdict.schema.json").read_bytes()))
RATCHET = jsonschema_rs.validator_for(json.loads((HERE.parents[1] / "docs/schemas/ratchet.schema.json").read_bytes()))
DAY = "1782000000"  # 2026-06-21


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [n for n in os.environ if n.startswith(("CI_GUARD_", "GITHUB_")) and n != "CI_GUARD_SHARED"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", DAY)
    monkeypatch.setenv("COSIGN_PASSWORD", "not a secret")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def results(here: Path, *tools: str) -> list[str]:
    for tool in tools:
        run = TOOLS / f"{tool}.sarif"
        shutil.copy(run if run.exists() else SHAPED / f"{tool}.sarif", here)
    return [f"{tool}.sarif" for tool in tools]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    shutil.copytree(case, here, dirs_exist_ok=True)
    arguments = ["gate", *results(here, *expected["results"]), *expected["options"], "--format", "json"]
    exit_code = main([*arguments, "--output-dir", "out"])
    said = capsys.readouterr()
    assert exit_code == expected["exit"], said
    if "error" in expected:
        assert expected["error"] in said.err
        return
    report = json.loads(said.out)
    assert expected["paragraph"] in report["verdict"]["paragraph"]
    told = sorted(f["rule"] for f in report["findings"] if f["tool"] == "ci-guard")
    assert told == sorted(expected.get("told", []))
    verdict = json.loads(Path("out/verdict.json").read_bytes())
    VERDICT.validate(verdict)
    assert main(["gate", "--replay", "out/verdict.json"]) == exit_code, capsys.readouterr()
    assert verdict["paragraph"] in capsys.readouterr().out


def test_only_what_stands_on_changed_lines(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = Repo(here / "repo")
    lines = ["import subprocess", "import hashlib", "", "def build(name):"]
    before = [*lines, "    subprocess.call('make ' + name, shell=True)", "    return name"]
    first = repo.commit({"app.py": "\n".join(before) + "\n"})
    after = [*before[:5], "    return hashlib.md5(name.encode()).hexdigest()"]
    repo.commit({"app.py": "\n".join(after) + "\n"})
    os.chdir(repo.root)
    results(repo.root, "bandit")
    assert main(["gate", "bandit.sarif"]) == 1
    capsys.readouterr()
    assert main(["gate", "bandit.sarif", "--since", first, "--format", "json", "--output-dir", str(here / "out")]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"]["counts"]["high"] == 1
    assert "by B324 (1)" in report["verdict"]["paragraph"]
    assert "2 findings were there before, on lines that did not change" in report["verdict"]["paragraph"]
    assert main(["gate", "--replay", str(here / "out/verdict.json")]) == 1
    assert main(["gate", "bandit.sarif", "--since", "HEAD"]) == 0
    assert main(["gate", "bandit.sarif", "--since", "no-such"]) == 3


def test_what_is_in_no_file_of_the_repo_is_new(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scanner of images names places in them: no change of the repo shows that they were there before."""
    repo = Repo(here / "repo")
    base = repo.commit({"k8s/pod.yaml": "1\n" * 20, "services/orders/requirements.txt": "requests==2.0.0\n"})
    repo.commit({"k8s/pod.yaml": "1\n" * 8 + "changed\n" + "1\n" * 11})
    os.chdir(repo.root)
    results(repo.root, "trivy", "grype")
    assert main(["gate", "trivy.sarif", "grype.sarif", "--since", base, "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert {f["rule"] for f in report["findings"] if f.get("suppressed")} == {"CVE-2099-0002"}


def test_the_ratchet_is_drawn_closer_and_never_looser(here: Path) -> None:
    files = results(here, "bandit", "hadolint")
    assert main(["gate", *files, "--write-ratchet", "ratchet.json"]) == 1
    assert json.loads(Path("ratchet.json").read_bytes())["counts"] == {
        "critical": 0, "high": 2, "medium": 4, "low": 3, "note": 0
    }  # fmt: skip
    assert main(["gate", *files, "--ratchet", "ratchet.json"]) == 0
    assert main(["gate", "bandit.sarif", "--ratchet", "ratchet.json", "--write-ratchet", "next.json"]) == 0
    assert main(["gate", *files, "--ratchet", "next.json", "--write-ratchet", "next.json"]) == 1
    assert json.loads(Path("next.json").read_bytes())["counts"]["medium"] == 0


def test_a_baseline_of_what_other_tools_say_today(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = results(here, "checkov", "bandit", "zizmor", "hadolint", "semgrep")
    assert main(["gate", *files, "--write-baseline", "all.json"]) == 1
    assert main(["gate", *files, "--baseline", "all.json"]) == 0
    assert main(["gate", *files, "--baseline", "all.json", "--fail-on", "note", "--write-baseline", "all.json"]) == 0
    assert main(["gate", "hadolint.sarif", "--fail-on", "note", "--write-baseline", "some.json"]) == 1
    capsys.readouterr()
    assert main(["gate", *files, "--baseline", "some.json"]) == 1
    assert "6 findings were accepted by the baseline" in " ".join(capsys.readouterr().out.split())


SEVERITIES = st.sampled_from([str(s) for s in Severity])


@given(st.dictionaries(SEVERITIES, st.integers(0, 50)), st.dictionaries(SEVERITIES, st.integers(0, 50)))
def test_no_ratchet_ever_allows_more(before: dict[str, int], counts: dict[str, int]) -> None:
    after = ratchet.tightened(before, counts)
    assert all(after[s] <= n for s, n in before.items())
    assert ratchet.load(ratchet.write(after), "r") == after


@given(st.binary(max_size=80) | st.sampled_from([b"[]", b"{}", b"[" * 100_000, b'{"counts": 1}', b"1" * 5000]))
def test_any_bytes_are_a_ratchet_or_a_config_error(data: bytes) -> None:
    with pytest.raises(ConfigError, match="ratchet"):
        ratchet.load(data, "ratchet.json")


SCALARS = st.none() | st.booleans() | st.integers(-2, 10_000_001) | st.sampled_from([1.0, 1.5, "1"])
RATCHETS = st.fixed_dictionaries(
    {"schema": st.sampled_from([ratchet.SCHEMA, "other"])},
    optional={"counts": st.dictionaries(SEVERITIES | st.just("worst"), SCALARS) | SCALARS, "more": SCALARS},
)


@given(RATCHETS)
def test_loader_and_schema_agree(value: Any) -> None:
    try:
        ratchet.load(json.dumps(value).encode(), "ratchet.json")
        loads = True
    except ConfigError:
        loads = False
    whole = (
        all(type(n) is not float for n in value["counts"].values()) if isinstance(value.get("counts"), dict) else True
    )
    assert loads == (RATCHET.is_valid(value) and whole), "JSON Schema takes 1.0 for a whole number; we do not"


def test_every_changed_byte_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / ".ci-guard.yaml").write_text("ratchet: ratchet.json\nbaseline: base.json\nrule-paths: [own]\n")
    (here / "ratchet.json").write_bytes(ratchet.write({"high": 2}))
    (here / "base.json").write_text('[{"schema": "ci-guard/baseline/1"}\n]\n')
    shutil.copytree(HERE.parent / "pipeline/own-rules", here / "own")
    results(here, "bandit")
    assert main(["gate", "bandit.sarif", "--output-dir", "out"]) == 0
    assert main(["gate", "--replay", "out/verdict.json"]) == 0
    capsys.readouterr()
    for name, words in (
        ("bandit.sarif", "result bandit.sarif is sha256:"),
        (".ci-guard.yaml", "policy .ci-guard.yaml is sha256:"),
        ("ratchet.json", "policy ratchet.json is sha256:"),
        ("base.json", "policy base.json is sha256:"),
        ("own/shop/image-from-elsewhere.yaml", "policy own/shop/image-from-elsewhere.yaml is sha256:"),
    ):
        was = (here / name).read_bytes()
        (here / name).write_bytes(was + b"\n")
        assert main(["gate", "--replay", "out/verdict.json"]) == 3
        assert words in capsys.readouterr().out
        (here / name).write_bytes(was)
    verdict = json.loads((here / "out/verdict.json").read_bytes())
    for change, words in (
        ({"result": "closed", "exitCode": 1}, "exitCode comes out as 0, was 1"),
        ({"evidence": {**verdict["evidence"], "rules": "sha256:0"}}, "the rules are sha256:"),
    ):
        (here / "other.json").write_text(json.dumps({**verdict, **change}))
        assert main(["gate", "--replay", "other.json"]) == 3
        assert words in capsys.readouterr().out
    (here / "bandit.sarif").unlink()
    assert main(["gate", "--replay", "out/verdict.json"]) == 3
    assert "result bandit.sarif is gone" in capsys.readouterr().out


@pytest.mark.parametrize("damage", [{}, {"kind": "x"}, {"results": {"a": 1}}, {"day": "soon"}, {"options": []}])
def test_a_verdict_without_good_evidence_is_exit_3(here: Path, damage: dict[str, Any]) -> None:
    results(here, "hadolint")
    assert main(["gate", "hadolint.sarif", "--output-dir", "."]) == 0
    verdict = json.loads((here / "verdict.json").read_bytes())
    verdict["evidence"] = {**verdict["evidence"], **damage} if damage else None
    (here / "verdict.json").write_text(json.dumps(verdict))
    assert main(["gate", "--replay", "verdict.json"]) == 3


GOOD = evidence.Evidence("gate", {"a.sarif": "0" * 64}, date(2026, 6, 21), options={"select": ["x"]}).document()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(JSON | st.dictionaries(st.sampled_from(sorted(GOOD)), JSON).map(lambda wrong: {"evidence": {**GOOD, **wrong}}))
def test_any_json_is_evidence_or_an_input_error(value: Any) -> None:
    try:
        found = evidence.read(value, "verdict.json")
    except InputError as error:
        assert "verdict.json" in str(error)
    else:
        assert evidence.read({"evidence": found.document()}, "verdict.json") == found


@pytest.fixture
def key(here: Path) -> str:
    assert main(["keygen", "--output-key-prefix", str(here / "demo")]) == 0
    return str(here / "demo.key")


def summary(folder: Path) -> dict[str, Any]:
    envelope = json.loads((folder / "vsa.sigstore.json").read_bytes())["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    Statement(payload)  # somebody else's reading: raises for what is no in-toto statement
    statement: dict[str, Any] = json.loads(payload)
    return statement


def test_the_decision_is_signed_as_a_summary(here: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    results(here, "bandit", "hadolint")
    (here / "app.tar").write_bytes(b"what is released")
    arguments = ["--key", key, "--subject", "app.tar", "--output-dir", "out"]
    verify = ["verify", "app.tar", "--bundle", "out/vsa.sigstore.json", "--key", "demo.pub", "--type", "vsa"]
    assert main(["gate", "hadolint.sarif", *arguments]) == 0
    statement = summary(here / "out")
    assert statement["predicateType"] == "https://slsa.dev/verification_summary/v1"
    described = statement["predicate"]
    assert (described["verificationResult"], described["verifiedLevels"]) == ("PASSED", ["CI_GUARD_GATE_OPEN"])
    assert [i["uri"] for i in described["inputAttestations"]] == ["hadolint.sarif"]
    assert described["timeVerified"].startswith("2026-06-2")
    assert main(verify) == 0
    assert main(["gate", "bandit.sarif", *arguments]) == 1
    assert summary(here / "out")["predicate"]["verificationResult"] == "FAILED"
    capsys.readouterr()
    assert main(verify) == 1, "a summary of a closed gate must not pass for a good one"
    assert "not 'PASSED'" in capsys.readouterr().out
    (here / "empty.sarif").write_text('{"version": "2.1.0", "runs": []}')
    assert main(["gate", "empty.sarif", *arguments]) == 3
    assert not (here / "out/vsa.sigstore.json").exists() and "neither passed nor failed" in capsys.readouterr().out


def test_nothing_is_signed_on_a_pull_request(
    here: Path, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI_PIPELINE_SOURCE", "merge_request_event")
    results(here, "hadolint")
    assert main(["gate", "hadolint.sarif", "--key", key]) == 0
    assert not (here / "vsa.sigstore.json").exists()
    assert "code under review could reach key or identity" in capsys.readouterr().out


def test_a_run_is_replayed_and_summed_up(here: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    shop = here / "shop"
    shop.mkdir()
    (shop / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec: {hostPID: true, containers: [{name: a, image: x}]}\n"
    )
    (shop / "requirements.txt").write_text("left-pad==1.0\n")
    os.chdir(shop)
    assert main(["run", "--key", key, "--output-dir", "../out"]) == 1
    verdict = json.loads((here / "out/verdict.json").read_bytes())
    VERDICT.validate(verdict)
    assert sorted(verdict["evidence"]["inputs"]) == ["pod.yaml", "requirements.txt"]
    assert set(verdict["digests"]) >= {"inputs", "rules", "config"}
    assert {s["name"] for s in summary(here / "out")["subject"]} == {"pod.yaml", "requirements.txt"}
    assert main(["gate", "--replay", "../out/verdict.json"]) == 1
    (shop / ".ci-guard.yaml").write_text("fail-on: never\n")
    capsys.readouterr()
    assert main(["gate", "--replay", "../out/verdict.json"]) == 3
    assert "policy .ci-guard.yaml was not there" in capsys.readouterr().out
    (shop / ".ci-guard.yaml").unlink()
    (shop / "pod.yaml").write_text("x")
    assert main(["gate", "--replay", "../out/verdict.json"]) == 3
    assert "input pod.yaml is sha256:" in capsys.readouterr().out
