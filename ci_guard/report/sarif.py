"""The report as SARIF 2.1.0; all knowledge of the format is in the room `sarif`."""

from __future__ import annotations

from functools import cache

from ci_guard.engine.catalogue import load_catalogue
from ci_guard.model.ports import ReadBytes
from ci_guard.model.report import Report, Verdict
from ci_guard.report.style import Style
from ci_guard.sarif.taxonomy import Taxonomy, taxonomy_of
from ci_guard.sarif.writer import write


def render(report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:  # noqa: ARG001
    """Everything, suppressed results included; what is for upload is written by the pipeline."""
    return write(report, read, taxonomies=frameworks()).decode("ascii")


@cache
def frameworks() -> tuple[Taxonomy, ...]:
    """The frameworks whose catalogue we ship whole: the Pod Security Standards. Read once."""
    return (taxonomy_of(load_catalogue().framework()),)
