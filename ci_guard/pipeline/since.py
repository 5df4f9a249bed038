"""What was there before: the findings that the same rules make of a file as it was at a revision.

By judging the old text and not by asking which lines changed: a new flaw may come from a line that was removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ci_guard.model.errors import RevisionError
from ci_guard.model.finding import Finding
from ci_guard.pipeline.lint import LintRequest, lint_bytes
from ci_guard.source.files import read_or_none


def findings_before(request: LintRequest, revision: str, findings: Sequence[Finding]) -> list[Finding]:
    """The findings of `revision` in the files that have findings now, under the names the files have now.

    Raises RevisionError when there is no repository or no such revision: never "nothing new".
    """
    from ci_guard.source.revision import GitRepository  # starts processes: only once somebody asks

    repository = GitRepository.discover(request.root)
    if repository is None:
        raise RevisionError(f"--since {revision}: {request.root} is no git repository")
    commit = repository.resolve(revision)
    renames = repository.renames(commit)
    before: list[Finding] = []
    for path, current in _by_path(findings).items():
        old = repository.read(commit, renames.get(path, path))
        if old is None:
            continue
        if old == read_or_none(request.root, path):
            before += current
        else:
            before += lint_bytes(request, path, old).judged.findings
    return before


def _by_path(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.location.path, []).append(finding)
    return found
