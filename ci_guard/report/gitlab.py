"""GitLab Code Quality: the JSON that a merge request widget shows."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from ci_guard.model.finding import Finding, Severity, fingerprint
from ci_guard.model.ports import ReadBytes
from ci_guard.model.printable import visible
from ci_guard.model.report import Report, Verdict
from ci_guard.report.style import Style

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.NOTE: "info",
}


def render(report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:  # noqa: ARG001
    """A JSON array of the findings that count; fingerprints are unique, as GitLab drops repeated ones."""
    seen: Counter[str] = Counter()
    issues = [_issue(f, seen) for f in report.findings if f.counts]
    return json.dumps(issues, indent=1, ensure_ascii=True) + "\n"


def _issue(finding: Finding, seen: Counter[str]) -> dict[str, object]:
    identity = "\0".join(fingerprint(finding))
    seen[identity] += 1
    text = f"{identity}\0{seen[identity]}"
    region = finding.location.region
    return {
        "description": visible(finding.message) or finding.rule,
        "check_name": visible(finding.rule),
        "fingerprint": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": visible(finding.location.path.removeprefix("./")),
            "lines": {"begin": region.start_line if region else 1},
        },
    }
