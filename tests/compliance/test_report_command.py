"""`ci-guard report`: from manifests over SARIF to what is said of a framework's controls."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.engine.catalogue import rules_folder
from ci_guard.engine.frameworks import read_all
from ci_guard.model.record import replace
from ci_guard.model.report import Report
from ci_guard.model.suppression import Suppression
from ci_guard.pipeline.report import RENDERERS, view
from ci_guard.sarif.writer import write
from tests import made_reports as made

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((Path(__file__).parent / "cases").iterdir())
FRAMEWORKS = read_all(rules_folder())
any_report = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def schema() -> Any:
    text = (ROOT / "docs" / "schemas" / "framework-report.schema.json").read_text("utf-8")
    return jsonschema_rs.validator_for(json.loads(text))


def reported(name: str, files: list[Path], folder: Path, *options: str) -> dict[str, Any]:
    out = folder / "out.json"
    asked = ["report", *map(str, files), "--framework", name, "--format", "json", "--output", str(out), *options]
    assert main(asked) == 0
    value: dict[str, Any] = json.loads(out.read_bytes())
    schema().validate(value)
    return value


@pytest.fixture
def linted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lints the files of a case in a folder of their own; the SARIF file."""

    def lint(case: Path) -> Path:
        work = tmp_path / "work"
        shutil.copytree(case, work)
        (work / "case.yaml").unlink()
        monkeypatch.chdir(work)
        main(["lint", ".", "--profile", "all", "--format", "sarif", "--output", str(tmp_path / "r.sarif")])
        return tmp_path / "r.sarif"

    return lint


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_case(case: Path, tmp_path: Path, linted: Any) -> None:
    told = yaml.load((case / "case.yaml").read_text("utf-8"), yaml.BaseLoader)
    options = ["--edition", told["edition"]] if "edition" in told else []
    value = reported(told["framework"], [linted(case)], tmp_path, *options)
    statuses = {c["id"]: c["status"] for c in value.get("controls", ())}
    assert {id: statuses[id] for id in told.get("expected", ())} == told.get("expected", {})
    assert not statuses.keys() & set(told.get("absent", ()))
    worst = {t["id"]: str(t["worstDread"]) for t in value.get("threats", ())}
    assert {id: worst[id] for id in told.get("threats", ())} == told.get("threats", {})


def test_the_report_names_what_it_rests_on(tmp_path: Path) -> None:
    file = tmp_path / "r.sarif"
    file.write_bytes(write(made.REPORT, made.read))
    value = reported("cis-kubernetes", [file], tmp_path)
    assert value["scope"]["commit"] == made.SCOPE.commit
    assert value["scope"]["digests"] == made.SCOPE.digests
    assert list(value["sources"]) == [str(file)]
    assert {c["id"]: c["status"] for c in value["controls"]}["5.2.2"] == "fail"
    assert "hunter2" not in json.dumps(value)


def test_results_of_other_tools_pass_nothing(tmp_path: Path) -> None:
    log = {"tool": {"driver": {"name": "other tool", "rules": [{"id": "privileged-container"}]}}}
    log["results"] = [{"ruleId": "privileged-container", "message": {"text": "bad"}}]  # type: ignore[assignment]
    file = tmp_path / "other.sarif"
    file.write_text(json.dumps({"version": "2.1.0", "runs": [log]}))
    value = reported("cis-kubernetes", [file], tmp_path)
    assert value["counts"]["pass"] == value["counts"]["fail"] == 0
    assert value["otherTools"] == {"other tool": 1}


def test_a_tool_that_failed_keeps_controls_from_passing(tmp_path: Path) -> None:
    clean = replace(made.REPORT, findings=(), unjudged=())
    ours, other = tmp_path / "r.sarif", tmp_path / "other.sarif"
    ours.write_bytes(write(clean, made.read))
    other.write_text(json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "other tool"}}}]}))
    assert reported("cis-kubernetes", [ours], tmp_path)["counts"]["pass"] == 1
    assert reported("cis-kubernetes", [ours, other], tmp_path)["counts"]["pass"] == 0


def test_what_is_for_upload_is_no_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "upload.sarif"
    file.write_bytes(write(made.REPORT, made.read, suppressed=False))
    assert main(["report", str(file), "--framework", "cis-kubernetes"]) == 2
    assert "lacks what is suppressed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--framework", "none"], "no framework 'none'; there are: attack,"),
        (["--framework", "cis-kubernetes", "--edition", "1.7"], "2.0.1, 1.12"),
        (["--framework", "attack", "--edition", "1.7"], "there is 19"),
    ],
)
def test_what_there_is_not(options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "r.sarif"
    file.write_bytes(write(made.REPORT, made.read))
    assert main(["report", str(file), *options]) == 2
    assert said in capsys.readouterr().err
    assert main(["report", str(tmp_path / "gone"), "--framework", "gdpr"]) == 3


@any_report
@given(made.reports, st.sampled_from(sorted(FRAMEWORKS)))
def test_any_report_is_shown_and_never_called_conformant(report: Report, name: str) -> None:
    seen = view(report, name)
    for render in RENDERERS.values():
        text = render(seen, report, {"a\udcff.sarif": "sha256:" + "0" * 64})
        assert text == render(seen, report, {"a\udcff.sarif": "sha256:" + "0" * 64})
        assert all(c.isprintable() or c == "\n" for c in text)
        assert "complian" not in text.lower()
        text.encode("utf-8")
    schema().validate(json.loads(RENDERERS["json"](seen, report, {})))


@any_report
@given(made.reports, st.sampled_from(["cis-kubernetes", "pod-security-standards", "nist-800-53r5"]))
def test_accepting_findings_never_makes_a_control_pass(report: Report, name: str) -> None:
    accepted = [f if f.suppressed else replace(f, suppressed=Suppression("so", "baseline")) for f in report.findings]
    before = {c.id: c.status for c in view(report, name).controls}
    after = view(replace(report, findings=tuple(accepted)), name)
    for control in after.controls:
        assert control.status != "pass" or before[control.id] == "pass"
        looked = [e for e in control.evidence if e.relation == "direct" and e.looked]
        assert control.status != "pass" or (looked and not control.findings)
