"""JUnit XML: what fails the gate is a failed test, for CI servers that know nothing better."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from ci_guard.gate import closes
from ci_guard.model.finding import Finding
from ci_guard.model.ports import ReadBytes
from ci_guard.model.printable import visible
from ci_guard.model.report import Report, Verdict
from ci_guard.report.compact import where
from ci_guard.report.style import Style


def render(report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:  # noqa: ARG001
    """A suite a file with a test a finding, one of rules that found nothing, one of what was not judged."""
    fail_on = verdict.fail_on if verdict else "high"
    suites = [
        _suite(path, [_case(f, fail_on) for f in members])
        for path, members in groupby((f for f in report.findings if not f.implied_by), lambda f: f.location.path)
    ]
    found = {f.rule for f in report.findings if f.counts}
    clean = [
        _element(report.tool, rule) for rule, count in sorted(report.evaluated.items()) if count and rule not in found
    ]
    failed = [
        _element(report.tool, f"{u.rule or report.tool}: {u.subject}", f"<error message={_attribute(u.reason)}/>")
        for u in report.unjudged
    ]
    suites += [
        _suite(name, cases) for name, cases in (("rules without findings", clean), ("not judged", failed)) if cases
    ]
    body = "".join(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name={_attribute(report.tool)}>\n{body}</testsuites>\n'


def _suite(name: str, cases: list[str]) -> str:
    kinds = {kind: sum(f"<{kind} " in case for case in cases) for kind in ("failure", "error", "skipped")}
    counts = (
        f'tests="{len(cases)}" failures="{kinds["failure"]}" errors="{kinds["error"]}" skipped="{kinds["skipped"]}"'
    )
    return f"<testsuite name={_attribute(name)} {counts}>\n{''.join(cases)}</testsuite>\n"


def _case(finding: Finding, fail_on: str) -> str:
    name = f"{finding.rule}: {where(finding.location)}"
    return _element(finding.location.path, name, "".join(_outcome(finding, fail_on)))


def _outcome(finding: Finding, fail_on: str) -> Iterator[str]:
    text = f"{where(finding.location)}: {finding.severity}: {finding.message} [{finding.rule}]"
    if finding.suppressed is not None:
        yield f"<skipped message={_attribute(finding.suppressed.reason or 'suppressed')}/>"
    elif closes(finding.severity, fail_on):
        kind = _attribute(str(finding.severity))
        yield f"<failure message={_attribute(finding.message)} type={kind}>{escape(visible(text))}</failure>"
    else:
        yield f"<system-out>{escape(visible(text))}</system-out>"


def _element(classname: str, name: str, outcome: str = "") -> str:
    head = f"<testcase classname={_attribute(classname)} name={_attribute(name)}"
    return f"{head}>{outcome}</testcase>\n" if outcome else f"{head}/>\n"


def _attribute(text: str) -> str:
    return quoteattr(visible(text))
