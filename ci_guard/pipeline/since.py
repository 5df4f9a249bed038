"""What was there before: the findings that the same rules make of a file as it was at a revision.

By judging the old text and not by asking which lines changed: a new flaw may come from a line that was removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ci_guard.model.errors import RevisionError
from ci_guard.model.finding import Finding
from ci_guard.source.files import read_or_none

Judge = Callable[[str, bytes], list[Finding]]
"""Judges one file, whatever it is, under the path it has now."""


def findings_before(root: Path, revision: str, findings: Sequence[Finding], judge: Judge) -> list[Finding]:
    """The findings of `revision` in the files that have findings now, under the names the files have now.

    Raises RevisionError when there is no repository or no such revision: never "nothing new".
    """
    from ci_guard.source.revision import GitRepository  # starts processes: only once somebody asks

    repository = GitRepository.discover(root)
    if repository is None:
        raise RevisionError(f"--since {revision}: {root} is no git repository")
    commit = repository.resolve(revision)
    renames = repository.renames(commit)
    before: list[Finding] = []
    for path, current in _by_path(findings).items():
        old = repository.read(commit, renames.get(path, path))
        if old is None:
            continue
        if old == read_or_none(root, path):
            before += current
        else:
            before += judge(path, old)
    return before


def _by_path(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.location.path, []).append(finding)
    return found
