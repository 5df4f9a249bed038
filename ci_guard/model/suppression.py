"""An accepted finding: why, where it was accepted, until when, by whom."""

from __future__ import annotations

from datetime import date

from ci_guard.model.location import Location
from ci_guard.model.record import record


@record
class Suppression:
    """Why a finding is not shown and not gated.

    `origin` is `comment`, `annotation`, `config`, `baseline`, `vex` or `external` (read from another tool's SARIF).
    """

    reason: str
    origin: str
    location: Location | None = None
    expires: date | None = None
    approver: str = ""
