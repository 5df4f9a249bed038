"""SARIF of any tool is read, of ours given back as it was, and nothing hostile raises anything but InputError."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_guard.model.errors import InputError
from ci_guard.model.finding import Severity, fingerprint
from ci_guard.model.location import Location, Region
from ci_guard.model.record import replace
from ci_guard.sarif.encoding import message_text, path_of, plain_text, uri_of
from ci_guard.sarif.reader import merge, read
from ci_guard.sarif.writer import write
from tests import made_reports as made


def run(**parts: Any) -> dict[str, Any]:
    return {"tool": {"driver": {"name": "Other", "rules": parts.pop("rules", [])}}, "results": [], **parts}


def log(*runs: Any) -> bytes:
    return json.dumps({"version": "2.1.0", "runs": list(runs)}).encode()


def result(**parts: Any) -> dict[str, Any]:
    where = {"physicalLocation": {"artifactLocation": {"uri": "a%20b.py"}, "region": {"startLine": 3}}}
    return {"ruleId": "R1", "message": {"text": "bad"}, "locations": [where], **parts}


def only(data: bytes) -> made.Finding:
    (finding,) = read(data, "x.sarif").findings
    return finding


def test_our_own_findings_come_back() -> None:
    data = write(made.REPORT, made.read, categories=("workflows",))
    back = read(data, "ci-guard.sarif")
    for before, after in zip(made.REPORT.findings, back.findings, strict=True):
        if before.rule == "secret-in-env":  # its source line and its fix are not written
            before = replace(before, location=replace(before.location, snippet=""), edits=())
        assert after == before
    assert back.rules == made.REPORT.rules
    assert (back.scope, back.evaluated, back.version) == (made.REPORT.scope, made.REPORT.evaluated, "0.1.0")
    assert (back.unjudged, back.notices) == (made.REPORT.unjudged, made.REPORT.notices)
    assert write(back, made.read, categories=("workflows",)) == data


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(made.reports)
def test_counts_and_fingerprints_of_any_report_survive(report: made.Report) -> None:
    back = read(write(report, made.read), "x.sarif")
    assert len(back.findings) == len(report.findings)
    ours = [f for f in report.findings if f.tool == "ci-guard" and printable(f)]
    kept = {fingerprint(f) for f in back.findings}
    assert all(fingerprint(f) in kept for f in ours)
    assert sum(f.counts for f in back.findings if f.tool == "ci-guard") == sum(
        f.counts for f in report.findings if f.tool == "ci-guard"
    )
    assert len([u for u in back.unjudged if not u.rule]) == len([u for u in report.unjudged if not u.rule])


def printable(finding: made.Finding) -> bool:
    """Lone surrogates are written as escapes: the one thing that JSON cannot carry."""
    text = "".join(fingerprint(finding)) + finding.implied_by
    return text.encode("utf-8", "replace").decode() == text and not finding.location.path.startswith("./")


@pytest.mark.parametrize(
    ("properties", "level", "default", "expected"),
    [
        ({"security-severity": "9.5"}, "note", None, Severity.CRITICAL),
        ({"security-severity": "8.9"}, "note", None, Severity.HIGH),
        ({"security-severity": "4.0"}, "error", None, Severity.MEDIUM),
        ({"security-severity": 0.1}, "error", None, Severity.LOW),
        ({"security-severity": "0.0"}, "error", None, Severity.NOTE),
        ({"security-severity": "high"}, "error", None, Severity.HIGH),
        ({"security-severity": "nan"}, "error", None, Severity.HIGH),
        ({"security-severity": True}, None, "note", Severity.LOW),
        ({}, None, "error", Severity.HIGH),
        ({}, "none", "error", Severity.NOTE),
        ({}, None, None, Severity.MEDIUM),
        ({}, "made-up", None, Severity.MEDIUM),
    ],
)
def test_severity(properties: Any, level: str | None, default: str | None, expected: Severity) -> None:
    rule: dict[str, Any] = {"id": "R1", "properties": properties}
    if default:
        rule["defaultConfiguration"] = {"level": default}
    parts = {"level": level} if level else {}
    assert only(log(run(rules=[rule], results=[result(**parts)]))).severity is expected


def test_a_foreign_finding() -> None:
    prints = {"primaryLocationLineHash": "abc:1", "other": "z"}
    finding = only(log(run(results=[result(partialFingerprints=prints)])))
    assert (finding.tool, finding.rule, finding.key) == ("Other", "R1", "abc:1")
    assert finding.location == Location("a b.py", Region(3, 1, 3, 1))
    assert str(finding.subject) == "file a b.py"


def test_what_is_no_finding() -> None:
    nothing = [result(kind="pass"), result(kind="notApplicable"), result(baselineState="absent")]
    assert read(log(run(results=nothing)), "x").findings == ()
    assert only(log(run(results=[result(kind="informational", level="none")]))).severity is Severity.NOTE


def test_suppressions_are_honoured_unless_under_review() -> None:
    accepted = only(log(run(results=[result(suppressions=[{"kind": "inSource", "justification": "known"}])])))
    assert accepted.suppressed is not None
    assert (accepted.suppressed.origin, accepted.suppressed.reason) == ("external", "known")
    pending = [{"kind": "external"}, {"kind": "external", "status": "underReview"}]
    assert only(log(run(results=[result(suppressions=pending)]))).counts
    assert only(log(run(results=[result(suppressions=[])]))).counts


def test_rules_by_index_extension_and_hierarchy() -> None:
    rules = [{"id": "R0"}, {"id": "R1", "shortDescription": {"text": "One"}, "helpUri": "javascript:alert(1)"}]
    by_index = {"ruleIndex": 1, "message": {"id": "m", "arguments": ["x"]}}
    rules[1]["messageStrings"] = {"m": {"text": "bad {0} {1}"}}  # type: ignore[assignment]
    finding = only(log(run(rules=rules, results=[by_index])))
    assert (finding.rule, finding.message) == ("R1", "bad x {1}")
    assert read(log(run(rules=rules)), "x").rules["Other", "R1"].help_uri == ""  # type: ignore[index]
    extended = run(results=[{"rule": {"index": 0, "toolComponent": {"index": 0}}, "message": {"text": "m"}}])
    extended["tool"]["extensions"] = [{"name": "plug", "rules": [{"id": "E1"}]}]
    assert only(log(extended)).rule == "E1"
    deep = [{"id": "CA1", "defaultConfiguration": {"level": "error"}}]
    assert only(log(run(rules=deep, results=[result(ruleId="CA1/x")]))).severity is Severity.HIGH


def test_a_message_cannot_be_inflated() -> None:
    message = {"text": "{0}" * 100_000, "arguments": ["x" * 1_000_000]}
    assert len(only(log(run(results=[result(message=message)]))).message) == 10_000


def test_paths_by_index_file_uri_and_root() -> None:
    here = {"physicalLocation": {"artifactLocation": {"index": 0}}}
    parts = {"artifacts": [{"location": {"uri": "src/a.c"}}]}
    assert only(log(run(results=[result(locations=[here])], **parts))).location.path == "src/a.c"
    there = {"physicalLocation": {"artifactLocation": {"uri": "file:///repo/src/a.c"}}}
    root = {"originalUriBaseIds": {"%SRCROOT%": {"uri": "file:///repo/"}}}
    assert only(log(run(results=[result(locations=[there])], **root))).location.path == "src/a.c"
    assert only(log(run(results=[result(locations=[there])]))).location.path == "/repo/src/a.c"


def test_a_tool_that_failed_is_unjudged() -> None:
    failed = run(invocations=[{"executionSuccessful": False}])
    assert [u.rule for u in read(log(failed), "x").unjudged] == [""]
    silent = run()
    del silent["results"]
    assert "did not judge" in read(log(silent), "x").unjudged[0].reason
    assert read(log(run()), "x").scope.files == {"sarif-run": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"null",
        b'{"version": "2.1.0"}',
        b'{"version": "2.0.0", "runs": []}',
        b'{"version": "2.1.0", "runs": {}}',
        b'{"version":"2.1.0","runs":' + b"[" * 200_000,
        b'{"version":"2.1.0","runs":[],"x":' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_sarif_names_the_file(data: bytes) -> None:
    with pytest.raises(InputError, match=r"evil\.sarif"):
        read(data, "evil.sarif")


keys = st.sampled_from(
    [
        "tool",
        "driver",
        "name",
        "rules",
        "id",
        "results",
        "ruleId",
        "ruleIndex",
        "rule",
        "message",
        "text",
        "locations",
        "physicalLocation",
        "artifactLocation",
        "uri",
        "index",
        "region",
        "startLine",
        "endLine",
        "startColumn",
        "endColumn",
        "suppressions",
        "status",
        "properties",
        "ciGuard",
        "subject",
        "security-severity",
        "invocations",
        "executionSuccessful",
        "toolExecutionNotifications",
        "codeFlows",
        "threadFlows",
        "fixes",
        "artifactChanges",
        "level",
        "kind",
        "extensions",
        "artifacts",
        "automationDetails",
        "evaluated",
        "scope",
        "files",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | made.words | st.just("ci-guard")
nodes = st.recursive(scalars, lambda c: st.lists(c, max_size=3) | st.dictionaries(keys, c, max_size=6), max_leaves=40)


@settings(max_examples=300, deadline=None)
@given(nodes)
def test_anything_in_a_run_is_a_report_or_an_input_error(node: Any) -> None:
    data = json.dumps({"version": "2.1.0", "runs": [node, {"tool": node, "results": [node]}]}).encode(
        "utf-8", "replace"
    )
    try:
        report = read(data, "x")
    except InputError:
        return
    write(report, made.read)


def test_merging_adds_up() -> None:
    one = read(write(made.REPORT, made.read), "a")
    both = merge([one, read(log(run(results=[result()])), "b")])
    assert len(both.findings) == len(made.REPORT.findings) + 1
    assert both.scope.documents == 5
    assert both.scope.files["sarif-run"] == 1


@given(made.words)
def test_messages_and_paths_survive(text: str) -> None:
    assert plain_text(message_text(text)) == message_text_without_escapes(text)
    clean = text.encode("utf-8", "ignore").decode()
    if not clean.startswith("./"):
        assert path_of(uri_of(clean)) == clean


def message_text_without_escapes(text: str) -> str:
    from ci_guard.model.printable import visible

    return visible(text)
