"""An accepted finding: why, where it was accepted, until when, by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ci_guard.model.location import Location


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding is not shown and not gated.

    `origin` is `comment`, `annotation`, `config`, `baseline` or `external` (read from another tool's SARIF).
    """

    reason: str
    origin: str
    location: Location | None = None
    expires: date | None = None
    approver: str = ""
