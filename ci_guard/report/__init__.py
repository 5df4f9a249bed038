"""Reporters: a report and a verdict become text for a person, or a format for a machine."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from ci_guard.model.errors import UsageError
from ci_guard.model.ports import ReadBytes
from ci_guard.model.report import Report, Verdict
from ci_guard.model.secrecy import without_secrets
from ci_guard.report.style import Style

REPORTERS = ("text", "compact", "json", "sarif", "github", "gitlab", "junit", "markdown")
"""Format -> the module `ci_guard.report.<format>`, imported only when that format is asked for."""


class Reporter(Protocol):
    """What a reporter module offers."""

    def render(self, report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:
        """The report as text that ends with a line end."""


def render(format: str, report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:
    """`report` in `format`; `text` in a hook is `compact`. Raises UsageError for a format there is not.

    `read` gives the bytes of repo-relative paths, for line hashes only: no reporter prints what it reads.
    """
    if format == "text" and style.compact:
        format = "compact"
    if format not in REPORTERS:
        raise UsageError(f"no format {format!r}; there are {', '.join(REPORTERS)}")
    reporter = cast(Reporter, importlib.import_module(f"ci_guard.report.{format}"))
    shown = report if format == "compact" else without_secrets(report)  # compact prints no source
    return reporter.render(shown, verdict, style, read)
