"""One line a finding, for hooks: editors and people jump from `path:line:col` straight to the place."""

from __future__ import annotations

from ci_guard.gate import nothing_judged
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.report import Notice, Report, Verdict
from ci_guard.report.escape import terminal, without_commands
from ci_guard.report.style import Style

_NOTICES = 5


def render(report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:  # noqa: ARG001
    """`path:line:col: severity: message [rule]` a finding that counts, then the verdict and notices."""
    lines = [_line(f, style) for f in report.findings if f.counts]
    if not style.quiet:
        lines += [
            f"{terminal(u.rule or report.tool)}: could not judge {terminal(_what(u.subject, u.location))}: "
            f"{terminal(u.reason)}"
            for u in report.unjudged
        ]
        if verdict is not None and (lines or verdict.exit_code or nothing_judged(report)):
            lines.append(terminal(verdict.paragraph))
        lines += [_notice(notice) for notice in report.notices[:_NOTICES]]
        if len(report.notices) > _NOTICES:
            lines.append(f"{len(report.notices) - _NOTICES} more notices")
    return without_commands("".join(f"{line}\n" for line in lines))


def where(location: Location) -> str:
    """`path:line:col`, or the path alone where there is no region; not yet escaped."""
    region = location.region
    return f"{location.path}:{region.start_line}:{region.start_column}" if region else location.path


def _line(finding: Finding, style: Style) -> str:
    severity = style.severity(str(finding.severity), finding.severity)
    rule = terminal(finding.rule)
    return f"{terminal(where(finding.location))}: {severity}: {terminal(finding.message)} [{rule}]"


def _notice(notice: Notice) -> str:
    place = f"{terminal(where(notice.location))}: " if notice.location else ""
    return f"{place}notice: {terminal(notice.message)}"


def _what(subject: str, location: Location | None) -> str:
    return f"{subject} ({where(location)})" if location else subject
