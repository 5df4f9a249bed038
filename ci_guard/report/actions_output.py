"""What a workflow step hands on: the runner's files `GITHUB_OUTPUT`, `GITHUB_STEP_SUMMARY` and `GITHUB_ARTIFACTS`.

The runner reads `name<<DELIMITER`, the value, `DELIMITER`, each on a line of its own, and fails the step on anything
else. A value may come from a hostile file name, so the delimiter is random and every value uses this form: no value
can end itself and start another output. `GITHUB_ENV` and `GITHUB_PATH` are never written.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from ci_guard.model.errors import EXIT_CLOSED, EXIT_OPEN
from ci_guard.model.report import Verdict

SUMMARY_LIMIT = 1000 * 1024
"""Bytes of a step's summary; the runner drops the whole summary above 1,048,576."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_FILES = {
    "sarif-file": "ci-guard.sarif",
    "upload-file": "upload.sarif",
    "sbom-file": "sbom.cdx.json",
    "spdx-file": "sbom.spdx.json",
    "bundle-path": "provenance.sigstore.json",
    "report-file": "report.md",
    "verdict-file": "verdict.json",
}
_CUT = "\n\n_The report is longer than a job summary may be; the rest is in `report.md`._\n"


def outputs_of(verdict: Verdict, output_dir: Path, *, compared: bool = False) -> dict[str, str]:
    """The action's outputs: result, counts by severity, and the files that the run left in `output_dir`.

    `compared`: what was there before (by a baseline, or a revision) does not count, so what counts is new. A file that
    is not there (nothing was signed) is an empty output.
    """
    result = {EXIT_OPEN: "pass", EXIT_CLOSED: "fail"}.get(verdict.exit_code, "error")
    findings = str(sum(verdict.counts.values()))
    values = {"result": result, "findings": findings, "output-dir": str(output_dir)}
    values["new-findings"] = findings if compared else ""
    values |= {severity: str(count) for severity, count in verdict.counts.items()}
    for name, file in _FILES.items():
        path = output_dir / file
        values[name] = str(path) if path.is_file() else ""
    return values


def write_outputs(path: Path, values: Mapping[str, str]) -> None:
    """Append `values` to the runner's output file `path` (`GITHUB_OUTPUT`).

    Raises ValueError for a name that is no output name, OSError when the file cannot be written.
    """
    _append(path, "".join(_block(name, value) for name, value in values.items()))


def write_summary(path: Path, markdown: str) -> None:
    """Append `markdown` to the step's summary file `path` (`GITHUB_STEP_SUMMARY`), cut to what the runner keeps.

    Raises OSError when the file cannot be written.
    """
    used = path.stat().st_size if path.exists() else 0
    _append(path, shortened(markdown, SUMMARY_LIMIT - used))


def write_artifacts(path: Path, made: Iterable[Path]) -> None:
    """Append files to the job's list of artifacts (`GITHUB_ARTIFACTS`), from which others make attestations.

    As `file:` URIs, for a plain path must not hold `=` or start with `#`. Raises OSError when it cannot be written.
    """
    _append(path, "".join(f"{file.absolute().as_uri()}\n" for file in made))


def shortened(markdown: str, limit: int) -> str:
    """`markdown` in at most `limit` bytes of UTF-8, cut after a whole line, with a word about the cut."""
    data = markdown.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode("utf-8")
    room = limit - len(_CUT.encode("utf-8"))
    if room <= 0:
        return ""
    head = data[:room].decode("utf-8", "ignore")
    return head[: head.rfind("\n") + 1] + _CUT


def _block(name: str, value: str) -> str:
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is no name of an output")
    delimiter = f"ci-guard-{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _append(path: Path, text: str) -> None:
    # Binary: a text file would turn "\n" into "\r\n" on Windows, and a lone surrogate must not raise.
    with path.open("ab") as file:
        file.write(text.encode("utf-8", "replace"))
