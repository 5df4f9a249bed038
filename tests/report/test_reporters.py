"""Every reporter takes every report; nothing untrusted gets out of its sink; machine formats hold their schemas."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.gate import GatePolicy, decide, verdict_document
from ci_guard.model.errors import UsageError
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location, Region
from ci_guard.model.record import replace
from ci_guard.report import REPORTERS, render
from ci_guard.report.prose import blocks
from ci_guard.report.source_line import cells, underlined
from ci_guard.report.style import Style, style_for
from tests import made_reports as made

ROOT = Path(__file__).resolve().parents[2]
any_report = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def schema(name: str) -> Any:
    return jsonschema_rs.validator_for(
        json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    )


def shown(format: str, report: Any = made.REPORT, style: Style | None = None, fail_on: str = "high") -> str:
    return render(format, report, decide(report, GatePolicy(fail_on)), style or Style(), made.read)


@any_report
@given(made.reports, st.sampled_from(REPORTERS), st.booleans(), st.integers(40, 120))
def test_any_report_renders_without_controls(report: made.Report, format: str, quiet: bool, width: int) -> None:
    text = shown(format, report, Style(width=width, quiet=quiet))
    assert text == shown(format, report, Style(width=width, quiet=quiet))
    assert all(c.isprintable() or c == "\n" for c in text)
    text.encode("utf-8")


@any_report
@given(made.reports, st.sampled_from(["text", "compact", "github"]))
def test_no_workflow_command_but_our_own(report: made.Report, format: str) -> None:
    ours = re.compile(r"::(error|warning|notice) (?:[A-Za-z]+=[^:,]*,?)+::")
    for line in shown(format, report).split("\n"):
        assert "##[" not in line
        if line.lstrip().startswith("::"):
            assert format == "github"
            assert ours.match(line)


@any_report
@given(made.reports)
def test_github_keeps_to_ten_a_kind(report: made.Report) -> None:
    many = replace(report, findings=report.findings * 8)
    lines = shown("github", many).split("\n")
    for kind in ("error", "warning", "notice"):
        assert sum(line.startswith(f"::{kind} ") for line in lines) <= 10


def test_github_worst_first_and_the_last_slot_counts() -> None:
    low = [replace(made.FINDINGS[1], message=f"number {n}") for n in range(30)]
    text = shown("github", replace(made.REPORT, findings=(*low, made.FINDINGS[0])))
    errors = [line for line in text.split("\n") if line.startswith("::error")]
    assert "runs privileged" in errors[0]
    assert errors[-1].startswith("::error title=23 more errors::")


@any_report
@given(made.reports)
def test_json_holds_its_schema(report: made.Report) -> None:
    value = json.loads(shown("json", report))
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    schema("report").validate(value)
    verdict = decide(report, GatePolicy())
    schema("verdict").validate(json.loads(json.dumps(verdict_document(verdict, report))))


@any_report
@given(made.reports)
def test_github_escapes_what_commands_read(report: made.Report) -> None:
    finding = replace(made.FINDINGS[0], message="100%0A", location=Location("a%0A,b:c.yaml"))
    text = shown("github", replace(report, findings=(finding,), unjudged=()))
    assert text.startswith("::error file=a%250A%2Cb%3Ac.yaml,title=privileged-container (critical)::100%250A\n")


@any_report
@given(made.reports)
def test_junit_is_xml_and_counts(report: made.Report) -> None:
    root = ET.fromstring(shown("junit", report))
    failures = len(root.findall(".//failure"))
    assert failures == sum(f.counts and f.severity.rank >= 3 for f in report.findings)
    assert len(root.findall(".//error")) == len(report.unjudged)


@any_report
@given(made.reports)
def test_junit_is_read_by_others_and_its_suites_count_right(report: made.Report) -> None:
    junitparser = pytest.importorskip("junitparser")
    suites = junitparser.JUnitXml.fromstring(shown("junit", report).encode())
    for suite in suites:
        said = (suite.tests, suite.failures, suite.errors, suite.skipped)
        assert all(case.name and case.classname is not None for case in suite)
        suite.update_statistics()
        assert said == (suite.tests, suite.failures, suite.errors, suite.skipped)
    shown_ones = [f for f in report.findings if not f.implied_by]
    assert sum(suite.skipped for suite in suites) == sum(f.suppressed is not None for f in shown_ones)


CODE_QUALITY = jsonschema_rs.validator_for(
    {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["description", "check_name", "fingerprint", "severity", "location"],
            "properties": {
                "description": {"type": "string", "minLength": 1},
                "check_name": {"type": "string", "minLength": 1},
                "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                "location": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["path", "lines"],
                    "properties": {
                        "path": {"type": "string", "minLength": 1, "not": {"pattern": "^\\./"}},
                        "lines": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["begin"],
                            "properties": {"begin": {"type": "integer", "minimum": 1}},
                        },
                    },
                },
            },
        },
    }
)
"""What GitLab documents of a Code Quality report."""


@any_report
@given(made.reports)
def test_gitlab_gets_every_field_that_it_asks_for(report: made.Report) -> None:
    text = shown("gitlab", report)
    issues = json.loads(text)
    CODE_QUALITY.validate(issues)
    assert text.isascii(), "no byte order mark, nothing to guess about the encoding"
    assert len(issues) == sum(f.counts for f in report.findings)


@any_report
@given(made.reports)
def test_gitlab_fingerprints_are_unique(report: made.Report) -> None:
    issues = json.loads(shown("gitlab", replace(report, findings=report.findings * 2)))
    assert len({i["fingerprint"] for i in issues}) == len(issues)
    assert all(re.fullmatch("info|minor|major|critical|blocker", i["severity"]) for i in issues)


@any_report
@given(made.reports)
def test_markdown_holds_no_html_link_or_mention_of_others(report: made.Report) -> None:
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", re.sub(r"\\.", "", shown("markdown", replace(report, rules={}))))
    assert "<" not in outside
    assert "](" not in outside
    assert "@" not in outside
    assert "://" not in outside


def test_markdown_stays_below_a_mebibyte() -> None:
    long = tuple(
        replace(made.FINDINGS[4], rule=f"rule-{n}", message="表" * 900, location=Location("é" * 400))
        for n in range(3000)
    )
    text = shown("markdown", replace(made.REPORT, findings=long))
    assert len(text.encode()) <= 1_000_000
    assert "did not fit here" in text
    assert "## Scope" in text


@pytest.mark.parametrize("format", REPORTERS)
def test_sensitive_source_is_shown_nowhere(format: str) -> None:
    assert "hunter2" not in shown(format)


@pytest.mark.parametrize("format", REPORTERS)
def test_what_one_rule_keeps_secret_no_other_shows(format: str) -> None:
    secret = made.FINDINGS[5]
    assert secret.location.region is not None
    beside = replace(
        made.FINDINGS[4],
        location=replace(secret.location, region=replace(secret.location.region, start_column=1, end_column=2)),
        related=(secret.location,),
        flows=(made.Flow((secret.location,)),),
    )
    for report in (replace(made.REPORT, findings=(beside, secret)), suppressed(beside, secret)):
        assert "hunter2" not in shown(format, report)
    assert ("hunter2" in shown(format, replace(made.REPORT, findings=(beside,)))) == (
        format in {"text", "json", "sarif"}
    )


def suppressed(beside: Finding, secret: Finding) -> made.Report:
    accepted = made.Suppression("rotated", "comment", secret.location)
    return replace(made.REPORT, findings=(beside, replace(secret, suppressed=accepted)))


@pytest.mark.parametrize("format", REPORTERS)
def test_nothing_at_all_renders(format: str) -> None:
    assert isinstance(render(format, made.EMPTY, None, Style(), made.read), str)


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no format 'yaml'"):
        render("yaml", made.REPORT, None, Style(), made.read)


def test_a_hook_gets_one_line_a_finding() -> None:
    text = shown("text", style=Style(compact=True))
    first = 'orders/deployment.yaml:12:16: medium: image registry.example/orders:latest of container "api"'
    assert text.startswith(first)
    assert text.split("\n")[1].endswith("[privileged-container]")


def test_colours_only_if_asked() -> None:
    assert "\x1b" not in shown("text")
    painted = shown("text", style=Style(color=True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == shown("text")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "options", "expected"),
    [
        (Terminal(), {}, {}, Style(color=True)),
        (Terminal(), {"NO_COLOR": "1"}, {}, Style()),
        (Terminal(), {"TERM": "dumb"}, {}, Style()),
        (Terminal(), {"COLUMNS": "7"}, {"no_color": True}, Style(width=40)),
        (Terminal(), {"COLUMNS": "999"}, {"no_color": True}, Style(width=120)),
        (Terminal(), {"PRE_COMMIT": "1", "NO_COLOR": "1"}, {"quiet": True}, Style(compact=True, quiet=True)),
        (io.StringIO(), {"FORCE_COLOR": "1"}, {}, Style(color=True, ascii_only=True)),
        (io.StringIO(), {}, {}, Style(ascii_only=True)),
    ],
)
def test_style_fits_the_stream(stream: Any, environ: Any, options: Any, expected: Style) -> None:
    assert style_for(stream, environ, **options) == expected


def test_paragraphs_are_folded_and_examples_kept() -> None:
    text = "Do this\nor that.\n\n    spec:\n      a: 1\n\n      b: 2\nThen\n    this.\n"
    told = [(b.example, b.lines) for b in blocks(text)]
    assert told == [
        (False, ("Do this or that.",)),
        (True, ("spec:", "  a: 1", "", "  b: 2")),
        (False, ("Then this.",)),
    ]
    assert list(blocks("  \n\n")) == []


@given(st.text("ab \n\t\x1b", max_size=60))
def test_no_word_of_a_rule_is_lost(text: str) -> None:
    said = " ".join(line for block in blocks(text) for line in block.lines)
    assert said.split() == text.replace("\x1b", "\\u{1b}").split()


def test_a_remedy_is_told_once() -> None:
    findings = (made.FINDINGS[1], replace(made.FINDINGS[1], key="X"), replace(made.FINDINGS[1], key="Y"))
    text = shown("text", replace(made.REPORT, findings=findings))
    assert text.count("Drop ALL") == 1


@given(made.words | st.text(max_size=200), made.regions(), st.integers(20, 120))
def test_carets_stand_below_the_flaw(line: str, region: Region, width: int) -> None:
    text, carets = underlined(line, region, width)
    assert set(carets) <= {" ", "^"}
    assert "^" in carets
    if len(line) < 5:
        return
    assert cells(text) <= width + 40  # one escaped character may be ten cells wide


@given(st.text("abc表é ", min_size=1, max_size=300), st.data())
def test_wide_lines_are_cropped_around_the_flaw(line: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(1, len(line)))
    end = data.draw(st.integers(start + 1, len(line) + 1))
    text, carets = underlined(line, Region(1, start, 1, end), 60)
    assert cells(text) <= 60
    assert len(carets) <= 60
    lead = len(carets) - len(carets.lstrip())
    position = 0
    for character in text:
        if position == lead:
            assert character == line[start - 1]
            break
        position += cells(character)


def test_text_json_github_and_compact_need_only_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules)\n"
        "import ci_guard.report.text, ci_guard.report.json, ci_guard.report.github, ci_guard.report.compact\n"
        "import ci_guard.report.gitlab, ci_guard.report.junit, ci_guard.report.markdown\n"
        "new = {m.split('.')[0] for m in set(sys.modules) - before}\n"
        "print(sorted(m for m in new if m not in sys.stdlib_module_names and m != 'ci_guard'))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


CASES = sorted((Path(__file__).parent / "cases").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_golden_text(case: Path) -> None:
    """`report.json` names findings by file, place and rule; `source/` has the files; `*.txt` what a person sees."""
    described = json.loads((case / "report.json").read_text("utf-8"))
    report = report_of(described, case / "source")
    style = Style(**described.get("style", {}))
    for expected in sorted(case.glob("expected.*")):
        format = expected.suffix[1:].replace("txt", "text")
        text = render(format, report, decide(report, GatePolicy(described.get("fail-on", "high"))), style, made.read)
        assert text == expected.read_text("utf-8"), f"{case.name}: {format}"


def report_of(described: dict[str, Any], source: Path) -> made.Report:
    rules = [made.RuleMeta("ci-guard", severity=made.Severity(r.pop("severity")), **r) for r in described["rules"]]
    metas = {m.key: m for m in rules}
    findings = [finding_of(item, metas, source) for item in described["findings"]]
    return replace(
        made.EMPTY,
        rules=metas,
        findings=tuple(sorted(findings, key=made.sort_key)),
        scope=made.Scope(**described.get("scope", {})),
        notices=tuple(made.Notice(n) for n in described.get("notices", [])),
        unjudged=tuple(made.Unjudged(*u) for u in described.get("unjudged", [])),
    )


def finding_of(item: dict[str, Any], metas: Any, source: Path) -> Finding:
    file = source / item["file"]
    line = file.read_text("utf-8").split("\n")[item["line"] - 1] if file.is_file() else item.get("text", "")
    column = line.index(item["at"]) + 1
    region = Region(item["line"], column, item.get("end", item["line"]), column + len(item["at"]))
    meta = metas["ci-guard", item["rule"]]
    accepted = made.Suppression(item["reason"], item.get("origin", "comment")) if "reason" in item else None
    return Finding(
        meta.id,
        made.Severity(item.get("severity", meta.severity)),
        item["message"],
        Location(item["file"], region, line),
        made.SubjectId("Deployment", "shop"),
        suppressed=accepted,
    )


def test_every_taxon_of_a_real_run_has_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Titles and versions come from the framework files, so no rule's control is only an id."""
    case = ROOT / "tests" / "compliance" / "cases" / "privileged-fails" / "pod.yaml"
    (tmp_path / "pod.yaml").write_bytes(case.read_bytes())
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "r.sarif"
    assert main(["lint", "pod.yaml", "--profile", "all", "--format", "sarif", "--output", str(file)]) == 1
    taxonomies = [t for run in json.loads(file.read_bytes())["runs"] for t in run.get("taxonomies", ())]
    assert {"cis-kubernetes", "pod-security-standards", "nist-800-53r5", "attack"} <= {t["name"] for t in taxonomies}
    for taxonomy in taxonomies:
        assert taxonomy["version"] and taxonomy["guid"] and taxonomy["organization"]
        for taxon in taxonomy["taxa"]:
            assert taxon["name"] and taxon["shortDescription"]["text"] != taxon["id"]
