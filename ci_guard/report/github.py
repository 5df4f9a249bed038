"""GitHub workflow commands: findings become annotations on the lines of a pull request."""

from __future__ import annotations

from ci_guard.model.errors import EXIT_OPEN
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.report import Report, Verdict
from ci_guard.report.escape import command_data, command_property, terminal, without_commands
from ci_guard.report.style import Style

_PER_KIND = (
    9  # a step shows ten errors, warnings and notices each and drops the rest silently; one is left to its caller
)
_MESSAGE_LIMIT = 4000  # the runner cuts at 4,096 characters
_KINDS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.NOTE: "notice",
}


def render(report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:  # noqa: ARG001
    """At most nine annotations a kind, the worst first, and the verdict as a plain line.

    The last says how many more there are. Something that failed is an error of its own and comes first.
    """
    by_kind: dict[str, list[str]] = {"error": [], "warning": [], "notice": []}
    for case in report.unjudged:
        kind = "warning" if case.rule else "error"
        text = f"could not judge {case.subject}: {case.reason}"
        by_kind[kind].append(_command(kind, case.location, case.rule or report.tool, text))
    counting = sorted((f for f in report.findings if f.counts), key=lambda f: -f.severity.rank)
    for finding in counting:
        kind = _KINDS[finding.severity]
        by_kind[kind].append(_annotation(finding, kind))
    lines = [line for kind, commands in by_kind.items() for line in _limited(kind, commands)]
    if verdict is not None and not style.quiet:
        # Not an annotation: these are scarce. The log has it.
        lines.append(without_commands(terminal(f"{report.tool}: {verdict.paragraph}")))
        if verdict.exit_code != EXIT_OPEN and not any(by_kind.values()):
            lines.append(_command("error", None, report.tool, verdict.paragraph))
    return "".join(f"{line}\n" for line in lines)


def _limited(kind: str, commands: list[str]) -> list[str]:
    if len(commands) <= _PER_KIND:
        return commands
    more = len(commands) - _PER_KIND + 1
    text = f"{more} more are in the log, the job summary and the SARIF file."
    return [*commands[: _PER_KIND - 1], _command(kind, None, f"{more} more {kind}s", text)]


def _annotation(finding: Finding, kind: str) -> str:
    return _command(kind, finding.location, f"{finding.rule} ({finding.severity})", finding.message)


def _command(kind: str, location: Location | None, title: str, text: str) -> str:
    properties = {} if location is None else _place(location)
    properties["title"] = title
    listed = ",".join(f"{name}={command_property(terminal(value))}" for name, value in properties.items() if value)
    message = terminal(text)[:_MESSAGE_LIMIT] or "(no message)"
    return f"::{kind} {listed}::{command_data(message)}"


def _place(location: Location) -> dict[str, str]:
    place = {"file": location.path}
    region = location.region
    if region is not None:
        place |= {"line": str(region.start_line), "endLine": str(region.end_line)}
        if region.start_line == region.end_line:  # the runner drops columns of longer regions
            place |= {"col": str(region.start_column), "endColumn": str(region.end_column)}
    return place
