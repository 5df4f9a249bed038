"""`--since` for SARIF logs: our findings by judging the old files again, another tool's by the lines they are on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ci_guard import TOOL_NAME
from ci_guard.config.types import Config
from ci_guard.model.errors import RevisionError
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location
from ci_guard.model.record import replace
from ci_guard.model.suppression import Suppression
from ci_guard.pipeline.lint import LintRequest
from ci_guard.pipeline.onefile import judge_file
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.pipeline.since import findings_before
from ci_guard.source.revision import GitRepository
from ci_guard.suppress.baseline import Baseline, from_findings


def unchanged_since(
    root: Path, revision: str, findings: Sequence[Finding], choice: RuleChoice, config: Config
) -> list[Finding]:
    """The findings of a SARIF log, those that were there at `revision` marked.

    Ours by judging the old files again; another tool's, which we cannot run, by its lines: a finding on none that
    changed is an old one. What stands in no file of that revision counts. Raises RevisionError.
    """
    repository = GitRepository.discover(root)
    if repository is None:
        raise RevisionError(f"--since {revision}: {root} is no git repository")
    changed = _ChangedLines(repository, repository.resolve(revision))
    ours = [f for f in findings if f.tool == TOOL_NAME]
    if ours:
        request = replace(LintRequest.of(root, (".",), config), choice=choice)
        before = findings_before(
            root, revision, ours, lambda path, data: judge_file(request, path, data).judged.findings
        )
        findings = Baseline(from_findings(before).counts, revision).apply(findings)
    old = Suppression(f"on no line that changed since {revision}", "since")
    return [
        f
        if f.tool == TOOL_NAME or f.suppressed is not None or changed.touch(f.location)
        else replace(f, suppressed=old)
        for f in findings
    ]


class _ChangedLines:
    """Which lines of which files are new since a commit."""

    def __init__(self, repository: GitRepository, commit: str) -> None:
        self._repository = repository
        self._commit = commit
        self._before = frozenset(repository.files(commit))
        self._changed = frozenset(repository.changed_files(commit))
        self._lines: dict[str, Sequence[tuple[int, int]]] = {}

    def touch(self, place: Location) -> bool:
        """Whether anything at `place` changed; a place without lines is its whole file."""
        path, region = place.path, place.region
        if path not in self._before:
            return True
        if path not in self._changed or region is None:
            return path in self._changed
        if path not in self._lines:
            self._lines[path] = self._repository.changed_lines(self._commit, path)
        return any(first <= region.end_line and last >= region.start_line for first, last in self._lines[path])
