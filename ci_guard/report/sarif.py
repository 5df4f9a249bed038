"""The report as SARIF 2.1.0; all knowledge of the format is in the room `sarif`."""

from __future__ import annotations

from functools import cache

from ci_guard.engine.catalogue import rules_folder
from ci_guard.engine.frameworks import POD_SECURITY, Framework, read_all
from ci_guard.model.ports import ReadBytes
from ci_guard.model.report import Report, Verdict
from ci_guard.report.style import Style
from ci_guard.sarif.taxonomy import Taxon, Taxonomy
from ci_guard.sarif.writer import write


def render(report: Report, verdict: Verdict | None, style: Style, read: ReadBytes) -> str:  # noqa: ARG001
    """Everything, suppressed results included; what is for upload is written by the pipeline."""
    return write(report, read, taxonomies=frameworks()).decode("ascii")


@cache
def frameworks() -> tuple[Taxonomy, ...]:
    """Every framework that rules may refer to. The Pod Security Standards are written whole. Read once (30 ms)."""
    return tuple(_taxonomy(framework) for framework in read_all(rules_folder()).values())


def _taxonomy(framework: Framework) -> Taxonomy:
    return Taxonomy(
        name=framework.id,
        version=framework.version,
        guid=framework.guid,
        organization=framework.organization,
        title=framework.title,
        information_uri=framework.url,
        comprehensive=framework.id == POD_SECURITY,
        taxa=tuple(Taxon(c.id, c.title, c.description, properties=c.properties) for c in framework.controls),
    )
