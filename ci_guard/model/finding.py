"""The finding: the one verdict type, whatever room the subject came from."""

from __future__ import annotations

from enum import StrEnum

from ci_guard.model.location import Edit, FieldPath, Flow, Location
from ci_guard.model.record import record
from ci_guard.model.subject import SubjectId
from ci_guard.model.suppression import Suppression


class Severity(StrEnum):
    """How bad it is; decides the gate. Compare with `rank` (note 0 … critical 4)."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """4 for critical down to 0 for note."""
        return _RANK[self]


_RANK = {s: 4 - i for i, s in enumerate(Severity)}


@record
class Finding:
    """One rule, one subject, one place. Its rule's metadata comes from `Report.rules`."""

    rule: str
    severity: Severity
    message: str
    location: Location
    subject: SubjectId
    path: FieldPath = ""
    key: str = ""
    related: tuple[Location, ...] = ()
    flows: tuple[Flow, ...] = ()
    edits: tuple[Edit, ...] = ()
    implied_by: str = ""
    suppressed: Suppression | None = None
    tool: str = "ci-guard"

    @property
    def counts(self) -> bool:
        """Whether the finding is shown and gated: neither suppressed nor implied by a more specific one."""
        return self.suppressed is None and not self.implied_by


def fingerprint(finding: Finding) -> tuple[str, str, str, str, str]:
    """What a baseline keeps: tool and rule, file path, subject, field path, key. Never the line."""
    return (f"{finding.tool}/{finding.rule}", finding.location.path, str(finding.subject), finding.path, finding.key)


def sort_key(finding: Finding) -> tuple[object, ...]:
    """Stable report order: path, line, column, rule, key. File order and worker order do not show."""
    region = finding.location.region
    place = (region.start_line, region.start_column) if region else (0, 0)
    return (finding.location.path, *place, finding.tool, finding.rule, finding.key, finding.path, finding.message)
