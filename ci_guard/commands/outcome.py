"""What a command hands back to `cli`."""

from __future__ import annotations

from ci_guard.model.errors import EXIT_OPEN
from ci_guard.model.record import record
from ci_guard.model.report import Report


@record
class Outcome:
    """The exit code, and the report where the command judged something."""

    report: Report | None = None
    exit_code: int = EXIT_OPEN
