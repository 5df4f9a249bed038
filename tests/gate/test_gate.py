"""The decision table, the paragraph, and the command on files of several tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.compliance.outcomes import control_results
from ci_guard.gate import GatePolicy, decide, verdict_json
from ci_guard.model.finding import Severity
from ci_guard.model.record import replace
from ci_guard.model.report import Report, Scope, Unjudged
from ci_guard.sarif.reader import read
from ci_guard.sarif.writer import write
from ci_guard.suppress import baseline
from tests import made_reports as made

BROKEN = Unjudged("", "advisories", "the service did not answer")
NAMED = Unjudged("host-network", "Pod x", "a text where a boolean belongs")


def report(*severities: str, **parts: Any) -> Report:
    findings = tuple(replace(made.FINDINGS[0], severity=Severity(s)) for s in severities)
    return replace(made.EMPTY, scope=Scope(documents=2, subjects=3), findings=findings, **parts)


@pytest.mark.parametrize(
    ("judged", "policy", "expected"),
    [
        (report(), GatePolicy(), 0),
        (report("medium", "low", "note"), GatePolicy(), 0),
        (report("high"), GatePolicy(), 1),
        (report("critical"), GatePolicy("critical"), 1),
        (report("high"), GatePolicy("critical"), 0),
        (report("note"), GatePolicy("note"), 1),
        (report("critical"), GatePolicy("never"), 0),
        (report(unjudged=(NAMED,)), GatePolicy(), 0),
        (report(unjudged=(BROKEN,)), GatePolicy(), 3),
        (report(unjudged=(BROKEN,)), GatePolicy("never"), 3),
        (report("critical", unjudged=(BROKEN, NAMED)), GatePolicy(), 3),
        (made.EMPTY, GatePolicy(), 3),
        (made.EMPTY, GatePolicy(allow_empty=True), 0),
        (replace(made.EMPTY, unjudged=(BROKEN,)), GatePolicy(allow_empty=True), 3),
        (replace(made.EMPTY, scope=Scope(files={"no-manifest": 3})), GatePolicy(), 3),
        (replace(made.EMPTY, evaluated={"x": 1}), GatePolicy(), 0),
    ],
)
def test_decision(judged: Report, policy: GatePolicy, expected: int) -> None:
    assert decide(judged, policy).exit_code == expected


def test_suppressed_and_implied_findings_do_not_close() -> None:
    accepted = replace(made.FINDINGS[0], suppressed=made.Suppression("known", "baseline"))
    implied = replace(made.FINDINGS[0], implied_by="other")
    verdict = decide(replace(report(), findings=(accepted, implied, made.FINDINGS[3])), GatePolicy())
    assert (verdict.exit_code, verdict.suppressed, verdict.baselined) == (0, 1, 1)
    assert "accepted by the baseline" in verdict.paragraph


def test_what_a_profile_exempts_is_told_apart() -> None:
    exempt = replace(made.FINDINGS[0], suppressed=made.Suppression("static pod", "profile default"))
    verdict = decide(replace(report(), findings=(exempt,)), GatePolicy())
    assert verdict.paragraph.endswith("1 finding was exempt by the profile.")
    assert verdict.suppressed == 1


def test_the_paragraph_says_why() -> None:
    verdict = decide(report("critical", "high", "low", unjudged=(NAMED,)), GatePolicy())
    assert verdict.paragraph == (
        "The gate is closed: 2 findings at or above high (1 critical, 1 high), by privileged-container (2). "
        "1 finding below high is listed but does not close it. "
        "1 judgement could not be made, which does not count as passed: host-network (1)."
    )
    assert verdict.reasons == ("privileged-container: 1 critical", "privileged-container: 1 high")
    assert verdict.counts == {"critical": 1, "high": 1, "medium": 0, "low": 1, "note": 0}
    both = decide(report("critical", unjudged=(BROKEN,)), GatePolicy())
    assert "neither a pass nor a fail" in both.paragraph
    assert "would close the gate" in both.paragraph
    assert "no findings in 2 documents" in decide(report(), GatePolicy()).paragraph


@settings(deadline=None, max_examples=60)
@given(made.reports, st.sampled_from([*map(str, Severity), "never"]), st.booleans())
def test_any_report_is_decided(judged: Report, fail_on: str, allow_empty: bool) -> None:
    policy = GatePolicy(fail_on, allow_empty)
    verdict = decide(judged, policy)
    assert verdict.exit_code in {0, 1, 3}
    assert verdict.paragraph
    assert verdict_json(verdict, judged) == verdict_json(decide(judged, policy), judged)
    if any(not u.rule for u in judged.unjudged):
        assert verdict.exit_code == 3


def test_controls_pass_only_by_a_direct_rule_that_looked() -> None:
    outcomes = {(r.framework, r.control): r.outcome for r in control_results(made.REPORT)}
    assert outcomes == {
        ("attack", "T1611"): "failed",
        ("cis-kubernetes", "5.2.2"): "failed",
        ("nist-800-53r5", "CM-7"): "touched",
    }
    clean = replace(made.REPORT, findings=())
    assert {r.control: r.outcome for r in control_results(clean)}["5.2.2"] == "passed"
    accepted = replace(made.FINDINGS[0], suppressed=made.Suppression("known", "config"))
    suppressed = replace(made.REPORT, findings=(accepted,))
    assert {r.control: r.outcome for r in control_results(suppressed)}["5.2.2"] == "accepted"
    implied = replace(made.REPORT, findings=(replace(made.FINDINGS[0], implied_by="other"),))
    assert {r.control: r.outcome for r in control_results(implied)}["5.2.2"] == "failed"
    idle = replace(clean, evaluated={})
    assert {r.control: r.outcome for r in control_results(idle)}["5.2.2"] == "not judged"
    hindered = replace(clean, unjudged=(Unjudged("privileged-container", "Pod x", "no boolean"),))
    assert {r.control: r.outcome for r in control_results(hindered)}["5.2.2"] == "not judged"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, without a configuration or an event of the machine that runs the tests."""
    for name in ("GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME", "GITHUB_ACTIONS", "CI_GUARD_FAIL_ON", "PRE_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def foreign(level: str, **parts: Any) -> bytes:
    result = {"ruleId": "E1", "level": level, "message": {"text": "bad"}}
    run = {"tool": {"driver": {"name": "Other"}}, "results": [result] if level else [], **parts}
    return json.dumps({"version": "2.1.0", "runs": [run]}).encode()


@pytest.mark.parametrize(
    ("contents", "options", "expected"),
    [
        ([foreign("error")], [], 1),
        ([foreign("warning")], [], 0),
        ([foreign("warning")], ["--fail-on", "medium"], 1),
        ([foreign("")], [], 0),
        ([foreign(""), foreign("error")], [], 1),
        ([foreign("error", invocations=[{"executionSuccessful": False}])], [], 3),
        ([b'{"version":"2.1.0","runs":[]}'], [], 3),
        ([b'{"version":"2.1.0","runs":[]}'], ["--allow-empty"], 0),
        ([b"no json"], [], 3),
        ([], [], 2),
        ([write(made.REPORT, made.read)], [], 1),
        ([write(made.REPORT, made.read)], ["--fail-on", "never"], 0),
        ([write(made.EMPTY, made.read)], [], 3),
    ],
)
def test_gate_command(
    contents: list[bytes],
    options: list[str],
    expected: int,
    elsewhere: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = []
    for number, data in enumerate(contents):
        files.append(elsewhere / f"{number}.sarif")
        files[-1].write_bytes(data)
    assert main(["gate", *map(str, files), *options]) == expected
    said = capsys.readouterr()
    assert bool(said.err) == (expected == 2 or contents == [b"no json"])


def test_gate_from_a_run_keeps_its_threshold(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "ci-guard.sarif").write_bytes(write(made.REPORT, made.read))
    assert main(["gate", "--from", str(elsewhere)]) == 3
    assert "verdict.json" in capsys.readouterr().err
    (elsewhere / "verdict.json").write_bytes(verdict_json(decide(made.REPORT, GatePolicy("never")), made.REPORT))
    assert main(["gate", "--from", str(elsewhere)]) == 0
    assert main(["gate", "--from", str(elsewhere), "--fail-on", "critical"]) == 1
    (elsewhere / "verdict.json").write_bytes(b'{"failOn": "sometimes"}')
    assert main(["gate", "--from", str(elsewhere)]) == 3


def test_gate_writes_a_file(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = elsewhere / "a.sarif"
    source.write_bytes(write(made.REPORT, made.read))
    out = elsewhere / "out.json"
    assert main(["gate", str(source), "--format", "json", "--output", str(out)]) == 1
    assert json.loads(out.read_text("utf-8"))["verdict"]["result"] == "closed"
    assert capsys.readouterr().out == ""


def test_gate_takes_the_configuration_and_the_baseline(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "a.sarif").write_bytes(foreign("warning"))
    assert main(["gate", "a.sarif"]) == 0
    (elsewhere / ".ci-guard.yaml").write_text("version: 1\nfail-on: medium\n", "utf-8")
    assert main(["gate", "a.sarif"]) == 1
    assert main(["gate", "a.sarif", "--fail-on", "high"]) == 0
    found = made_findings(elsewhere / "a.sarif")
    (elsewhere / "baseline.json").write_bytes(baseline.write(baseline.from_findings(found)))
    capsys.readouterr()
    assert main(["gate", "a.sarif", "--baseline", "baseline.json"]) == 0
    assert "accepted by the baseline" in capsys.readouterr().out
    assert main(["gate", "a.sarif", "--baseline", "missing.json"]) == 2
    (elsewhere / ".ci-guard.yaml").write_text("fail-on: sometimes\n", "utf-8")
    assert main(["gate", "a.sarif"]) == 2


def made_findings(path: Path) -> tuple[made.Finding, ...]:
    return read(path.read_bytes(), path.name).findings
