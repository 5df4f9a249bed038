"""Takes source text out of a report where a sensitive rule says that it holds a secret.

Not only out of that rule's own findings: another rule may point at the same line.
"""

from __future__ import annotations

from collections.abc import Iterator

from ci_guard.model.finding import Finding
from ci_guard.model.location import Flow, Location
from ci_guard.model.record import replace
from ci_guard.model.report import Report, RuleKey

_LINES = 10_000  # of one region; longer ones are no secrets but documents

Line = tuple[str, int]


def without_secrets(report: Report) -> Report:
    """The report without the source text of every line that a sensitive rule points at, and without its fixes.

    The report itself when no sensitive rule found anything, which is the common case.
    """
    keys = {RuleKey(f.tool, f.rule) for f in report.findings}
    sensitive = {key for key in keys if key in report.rules and report.rules[key].sensitive}
    if not sensitive:
        return report
    found = [f for f in report.findings if RuleKey(f.tool, f.rule) in sensitive]
    hidden = {line for finding in found for line in _lines(finding.location)}
    return replace(
        report, findings=tuple(_hide(f, hidden, whole=RuleKey(f.tool, f.rule) in sensitive) for f in report.findings)
    )


def _lines(location: Location) -> Iterator[Line]:
    region = location.region
    if region is not None:
        last = min(region.end_line, region.start_line + _LINES)
        yield from ((location.path, number) for number in range(region.start_line, last + 1))


def _hide(finding: Finding, hidden: set[Line], *, whole: bool) -> Finding:
    """`whole`: all of the finding's source text goes, and its fixes."""

    def bare(place: Location) -> Location:
        covered = whole or (place.region is not None and (place.path, place.region.start_line) in hidden)
        return replace(place, snippet="") if covered and place.snippet else place

    accepted = finding.suppressed
    if accepted is not None and accepted.location is not None:
        accepted = replace(accepted, location=bare(accepted.location))
    return replace(
        finding,
        location=bare(finding.location),
        related=tuple(map(bare, finding.related)),
        flows=tuple(Flow(tuple(map(bare, flow.steps))) for flow in finding.flows),
        edits=() if whole else finding.edits,
        suppressed=accepted,
    )
