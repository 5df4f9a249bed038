"""The report as a person wants to read it: the place, the line with the flaw marked, why, what to do, the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby

from ci_guard import TOOL_NAME
from ci_guard.gate import RESULTS, in_words
from ci_guard.model.errors import EXIT_OPEN
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.report import Report, RuleKey, RuleMeta, Verdict
from ci_guard.report.compact import where
from ci_guard.report.escape import terminal, without_commands
from ci_guard.report.prose import blocks
from ci_guard.report.source_line import cells, underlined
from ci_guard.report.style import Style
from ci_guard.report.summary import comparison_sentence, scope_sentence, summary_table

_LISTED = 10  # notices and unjudged subjects that are listed one by one
_HEADLINES = {"open": ("GATE OPEN", "1;32"), "closed": ("GATE CLOSED", "1;31"), "broken": ("COULD NOT JUDGE", "1;33")}


def render(report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:  # noqa: ARG001
    """Findings by file, each rule explained once, a table, what was not judged, the verdict."""
    shown = [f for f in report.findings if f.counts]
    blocks = [_file(path, list(members), style) for path, members in groupby(shown, lambda f: f.location.path)]
    if shown:
        blocks.append(_explanations(report, shown, style))
    if not style.quiet:
        blocks += _closing_blocks(report, shown, verdict, style)
    return without_commands("\n".join(block for block in blocks if block))


def _closing_blocks(report: Report, shown: list[Finding], verdict: Verdict | None, style: Style) -> Iterator[str]:
    if shown:
        yield summary_table(shown, style)
    yield _compared(report, style)
    yield _unjudged(report, style)
    yield _notices(report, style)
    yield _wrapped(scope_sentence(report), style.width)
    if verdict is not None:
        headline, code = _HEADLINES[RESULTS[verdict.exit_code]]
        hint = "" if verdict.exit_code == EXIT_OPEN else f" (exit {verdict.exit_code})"
        yield f"{style.paint(headline, code)}{hint}\n{_wrapped(terminal(verdict.paragraph), style.width)}"


def _file(path: str, findings: list[Finding], style: Style) -> str:
    head = f"{style.paint(terminal(path), '1')}: {in_words(len(findings), 'finding')}\n"
    places = groupby(findings, lambda f: f.location.region)
    return head + "".join("\n" + _place(list(members), style) for _, members in places)


def _place(findings: list[Finding], style: Style) -> str:
    """All findings of one place, then its source line once."""
    lines = [_finding(finding, style) for finding in findings]
    return "".join([*lines, _source(max(findings, key=lambda f: f.severity.rank), style)])


def _finding(finding: Finding, style: Style) -> str:
    place = style.paint(terminal(where(finding.location)), "1")
    severity = style.severity(str(finding.severity), finding.severity)
    head = f"  {place}  {severity}  {_rule_name(finding.tool, finding.rule)}\n"
    message = _wrapped(terminal(finding.message), style.width, "    ")
    return head + message + "".join(_related(related, style) for related in finding.related)


def _source(finding: Finding, style: Style) -> str:
    """The line with carets, in the colour of `finding`."""
    location = finding.location
    if location.region is None or not location.snippet:
        return ""
    number = str(location.region.start_line)
    gutter = max(len(number), 4)
    line, carets = underlined(location.snippet, location.region, style.width - gutter - 5)
    bar = style.paint(style.bar, "2")
    if style.ascii_only:
        line = line.encode("ascii", "backslashreplace").decode()
    marked = style.severity(carets.lstrip(), finding.severity)
    indent = carets[: len(carets) - len(carets.lstrip())]
    return f"  {style.paint(number.rjust(gutter), '2')} {bar} {line}\n  {' ' * gutter} {bar} {indent}{marked}\n"


def _related(place: Location, style: Style) -> str:
    note = f": {terminal(place.note)}" if place.note else ""
    return style.paint(f"    see {terminal(where(place))}{note}", "2") + "\n"


def _rule_name(tool: str, rule: str) -> str:
    return terminal(rule) if tool == TOOL_NAME else f"{terminal(tool)}/{terminal(rule)}"


def _explanations(report: Report, shown: list[Finding], style: Style) -> str:
    """Why and remedy of every rule that found something, once, the worst first."""
    worst: dict[RuleKey, Severity] = {}
    counted: dict[RuleKey, int] = {}
    for finding in shown:
        key = RuleKey(finding.tool, finding.rule)
        counted[key] = counted.get(key, 0) + 1
        if key not in worst or finding.severity.rank > worst[key].rank:
            worst[key] = finding.severity
    order = sorted(worst, key=lambda key: (-worst[key].rank, *key))
    texts = [_explanation(report.rules.get(key), key, worst[key], counted[key], style) for key in order]
    return f"{style.paint('Why, and what to do', '1')}\n" + "".join(texts)


def _explanation(meta: RuleMeta | None, key: RuleKey, severity: Severity, count: int, style: Style) -> str:
    name = style.paint(_rule_name(*key), "1")
    lines = [f"\n  {name}  {style.severity(str(severity), severity)}, {in_words(count, 'finding')}\n"]
    if meta is None:
        return lines[0]
    if meta.title and meta.title != meta.id:
        lines.append(_wrapped(terminal(meta.title) + ".", style.width, "    "))
    for label, text in (("Why", meta.why), ("Remedy", meta.remedy), ("More", meta.help_uri)):
        lines += _labelled(label, text, style)
    return "".join(lines)


def _labelled(label: str, text: str, style: Style) -> Iterator[str]:
    lead = f"    {label + ':':<8}"
    indent = " " * len(lead)
    for block in blocks(text):
        if block.example:
            yield from (f"{lead}  {style.paint(terminal(line), '36')}\n" if line else "\n" for line in block.lines)
        else:
            yield _wrapped(terminal(block.lines[0]), style.width, lead, indent)
        lead = indent


def _compared(report: Report, style: Style) -> str:
    if report.comparison is None:
        return ""
    head = f"{style.paint(comparison_sentence(report), '1')}\n"
    fixed = report.comparison.fixed
    lines = (f"{terminal(where(f.location))}: {_rule_name(f.tool, f.rule)}: {terminal(f.message)}" for f in fixed)
    shown = [
        _wrapped(f"fixed: {line}", style.width, "  ", "    ") for line, _ in zip(lines, range(_LISTED), strict=False)
    ]
    return head + "".join(shown) + _more(len(fixed))


def _unjudged(report: Report, style: Style) -> str:
    if not report.unjudged:
        return ""
    head = f"Could not judge ({in_words(len(report.unjudged), 'case')}, not counted as passed)"
    lines = []
    for case in report.unjudged[:_LISTED]:
        place = f" at {terminal(where(case.location))}" if case.location else ""
        text = f"{terminal(case.rule or report.tool)}: {terminal(case.subject)}{place}: {terminal(case.reason)}"
        lines.append(_wrapped(text, style.width, "  ", "    "))
    return style.paint(head, "1;33") + "\n" + "".join(lines) + _more(len(report.unjudged))


def _notices(report: Report, style: Style) -> str:
    if not report.notices:
        return ""
    lines = []
    for notice in report.notices[:_LISTED]:
        place = f"{terminal(where(notice.location))}: " if notice.location else ""
        lines.append(_wrapped(place + terminal(notice.message), style.width, "  ", "    "))
    return style.paint(f"Notices ({len(report.notices)})", "1") + "\n" + "".join(lines) + _more(len(report.notices))


def _more(count: int) -> str:
    return f"  … and {count - _LISTED} more\n" if count > _LISTED else ""


def _wrapped(text: str, width: int, first: str = "", rest: str | None = None) -> str:
    """`text` in lines of at most `width` cells; words longer than that (paths) stay whole."""
    rest = first if rest is None else rest
    if cells(first) + cells(text) <= width:
        return f"{first}{text}\n" if text else ""
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return _joined(lines)


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
