"""SARIF of any tool -> what it shows of a framework's controls, or of threats, as Markdown or JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ci_guard.compliance.assessment import assess
from ci_guard.compliance.threats import threats
from ci_guard.engine.catalogue import load_catalogue
from ci_guard.engine.frameworks import choose, read_all
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.record import record
from ci_guard.model.report import Report
from ci_guard.model.secrecy import without_secrets
from ci_guard.report import framework, framework_json
from ci_guard.report.framework import View
from ci_guard.sarif.reader import is_for_upload, merge, read

RENDERERS = {"markdown": framework.render, "json": framework_json.render}
"""Format -> what writes it."""


@record
class Results:
    """What SARIF files say, and the files: name -> `sha256:…`."""

    report: Report
    sources: Mapping[str, str]


def read_results(files: Sequence[Path]) -> Results:
    """Read and merge SARIF files. Raises InputError; UsageError for one that was written for upload."""
    reports, sources = [], {}
    for path in files:
        data = _bytes(path)
        if is_for_upload(data, str(path)):
            raise UsageError(f"{path} is for upload and lacks what is suppressed: take ci-guard.sarif")
        reports.append(read(data, str(path)))
        sources[str(path)] = "sha256:" + hashlib.sha256(data).hexdigest()
    return Results(without_secrets(merge(reports)), sources)


def view(report: Report, name: str, edition: str = "") -> View:
    """The report seen by one framework. Raises UsageError for an unknown framework or edition."""
    catalogue = load_catalogue()
    chosen = choose(read_all(catalogue.folder), name)
    if chosen.kind == "threats":
        chosen.in_edition(edition)
        return threats(report, chosen)
    return assess(report, chosen, [catalogue.meta(rule) for rule in catalogue.rule_ids], edition)


def render(files: Sequence[Path], name: str, edition: str, format: str) -> str:
    """The whole way from files to text. Raises InputError, UsageError."""
    results = read_results(files)
    return RENDERERS[format](view(results.report, name, edition), results.report, results.sources)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
