"""What was there before: the findings that the same rules make of a file as it was at a revision.

By judging the old text and not by asking which lines changed: a new flaw may come from a line that was removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ci_guard.model.finding import Finding, fingerprint, sort_key
from ci_guard.pipeline.policy.base import tree_at
from ci_guard.source.files import read_or_none

Judge = Callable[[str, bytes], list[Finding]]
"""Judges one file, whatever it is, under the path it has now."""


def nothing_else(path: str) -> bool:
    """The `judges` of a run that looks at no file but those with findings."""
    del path
    return False


def findings_before(
    root: Path, revision: str, findings: Sequence[Finding], judge: Judge, judges: Callable[[str], bool] = nothing_else
) -> list[Finding]:
    """The findings of `revision`, under the names that their files have now.

    In the files that have findings now, and in every other file that changed and that `judges` says this run looks at.
    Raises RevisionError when there is no repository or no such revision: never "nothing new".
    """
    tree = tree_at(root, revision)
    renames = tree.renames()
    now = _by_path(findings)
    names = {old: new for new, old in renames.items()}
    changed = {names.get(path, path) for path in tree.repository.changed_files(tree.commit)}
    before: list[Finding] = []
    for path in sorted(now.keys() | {path for path in changed if judges(path)}):
        old = tree.read(renames.get(path, path))
        if old is None:
            continue
        if old == read_or_none(root, path):
            before += now.get(path, [])
        else:
            before += judge(path, old)
    return before


def gone(before: Iterable[Finding], now: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings of `before` that are not there any more, by fingerprint and number, in their order."""
    left = Counter(map(fingerprint, now))
    found = []
    for finding in sorted(before, key=sort_key):
        if left[fingerprint(finding)] > 0:
            left[fingerprint(finding)] -= 1
        elif not finding.implied_by:
            found.append(finding)
    return tuple(found)


def _by_path(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.location.path, []).append(finding)
    return found
