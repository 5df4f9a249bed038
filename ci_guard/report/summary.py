"""How many of what, and where: the table and the sentence that close a report."""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable

from ci_guard.gate import in_words, kind_of_suppression
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import STDIN_PATH
from ci_guard.model.report import Report
from ci_guard.report.escape import terminal
from ci_guard.report.source_line import cells
from ci_guard.report.style import Style

_ROWS = 15
_NAME_CELLS = 48
_HOW = {"baseline": "in the baseline", "profile": "exempt by the profile"}
_ARTIFACTS = {"pkg", "oci", "sha256", "sha512"}  # places that are no files


def folders(findings: Iterable[Finding]) -> dict[str, Counter[Severity]]:
    """Severity counts by folder, in path order; artifacts outside the tree are their own row.

    The folder is the one that the file stands in; with too many of them, as many leading parts as fit a screen.
    """
    members = list(findings)
    for depth in (99, 4, 3, 2, 1):
        rows: dict[str, Counter[Severity]] = defaultdict(Counter)
        for finding in members:
            rows[_folder(finding.location.path, depth)][finding.severity] += 1
        if len(rows) <= _ROWS:
            break
    return dict(sorted(rows.items()))


def summary_table(findings: Iterable[Finding], style: Style) -> str:
    """Severity by folder for a terminal; totals last."""
    rows = folders(findings)
    total: Counter[Severity] = Counter()
    for counts in rows.values():
        total.update(counts)
    names = {name: _cut(terminal(name)) for name in rows}
    width = max([cells(n) for n in names.values()] + [len("Summary")]) + 2
    head = "Summary".ljust(width) + "".join(f"{s!s:>10}" for s in Severity) + f"{'total':>8}"
    lines = [style.paint(head, "1")]
    shown = list(rows.items())[:_ROWS]
    lines += [_row(names[name], counts, width, style) for name, counts in shown]
    if len(rows) > len(shown):
        lines.append(f"… and {len(rows) - len(shown)} more folders")
    if len(rows) > 1:
        lines.append(_row("total", total, width, style))
    return "".join(f"{line}\n" for line in lines)


def scope_sentence(report: Report) -> str:
    """What was looked at, and what is known but not shown; already escaped."""
    scope = report.scope
    parts = []
    if scope.files:
        outcomes = ", ".join(f"{count} {terminal(name)}" for name, count in sorted(scope.files.items()))
        parts.append(f"Looked at {in_words(sum(scope.files.values()), 'file')} ({outcomes})")
    if scope.documents or scope.subjects:
        parts.append(f"{in_words(scope.documents, 'document')}, {in_words(scope.subjects, 'subject')}")
    if scope.profile:
        parts.append(f"profile {terminal(scope.profile)}")
    if scope.pod_security_version:
        parts.append(f"Pod Security {terminal(scope.pod_security_version)}")
    sentence = "; ".join(parts) + "." if parts else ""
    hidden = _hidden(report.findings)
    return " ".join(filter(None, (sentence, hidden)))


def comparison_sentence(report: Report) -> str:
    """What is new, gone and unchanged since a revision; already escaped; "" for a run that compared nothing."""
    against = report.comparison
    if against is None:
        return ""
    counts = f"{in_words(against.new, 'new finding')}, {len(against.fixed)} fixed, {against.unchanged} unchanged"
    return f"Since {terminal(against.revision)}: {counts}."


def _hidden(findings: Iterable[Finding]) -> str:
    counts: Counter[str] = Counter()
    for finding in findings:
        if finding.suppressed is not None:
            counts[_HOW.get(kind_of_suppression(finding.suppressed), "suppressed")] += 1
        elif finding.implied_by:
            counts["implied by a more specific finding"] += 1
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"Not shown: {listed}." if listed else ""


def _folder(path: str, depth: int) -> str:
    scheme, colon, _ = path.partition(":")
    if colon and scheme in _ARTIFACTS:
        return f"{scheme}:"
    if path == STDIN_PATH:
        return path
    folder = posixpath.dirname(path)
    return "/".join(folder.split("/")[:depth]) + "/" if folder else "./"


def _row(name: str, counts: Counter[Severity], width: int, style: Style) -> str:
    numbers = [style.severity(f"{counts[s]:>10}", s) if counts[s] else style.paint(f"{'-':>10}", "2") for s in Severity]
    return name + " " * max(width - cells(name), 1) + "".join(numbers) + f"{sum(counts.values()):>8}"


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_CELLS else "…" + name[-(_NAME_CELLS - 1) :]
