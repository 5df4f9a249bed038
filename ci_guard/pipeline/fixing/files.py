"""`lint --fix`: the edits of findings that count, written into their files, once it is proven what they do.

A file is judged again after each set of edits. Only if the findings that were to go are gone, and no other has come, is
it replaced; what two findings would both write is written for one, and the other is looked at again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from ci_guard.model.errors import InputError
from ci_guard.model.finding import Finding, fingerprint
from ci_guard.model.record import field, record
from ci_guard.pipeline.fixing.proof import unmended_together
from ci_guard.pipeline.lint import LintRequest, surroundings_of
from ci_guard.pipeline.manifests.file import Linted, ManifestLinter
from ci_guard.source.edit import apply, replace_file
from ci_guard.source.files import read_file

Fingerprint = tuple[str, str, str, str, str]
Place = tuple[int, int]
Judging = Callable[[bytes], list[Finding]]


class Failure(NamedTuple):
    """A file that was left as it is, and why."""

    path: str
    reason: str


@record(frozen=False)
class Fixed:
    """What was changed: path -> number of findings that are gone; and the files that were left as they are."""

    files: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def fix(request: LintRequest, findings: Iterable[Finding]) -> Fixed:
    """Mend the files of those `findings` that count and carry edits. A file is replaced in one step, or not at all."""
    wanted: defaultdict[str, set[Fingerprint]] = defaultdict(set)
    for finding in findings:
        if finding.counts and finding.edits:
            wanted[finding.location.path].add(fingerprint(finding))
    linter = ManifestLinter(request.choice, Linted(), surroundings_of(request.root), fixing=True)
    fixed = Fixed()
    for path in sorted(wanted):
        try:
            _fix_file(request, linter, path, wanted[path], fixed)
        except InputError as error:
            fixed.failures.append(Failure(path, str(error)))
    return fixed


def _fix_file(
    request: LintRequest, linter: ManifestLinter, path: str, wanted: Collection[Fingerprint], fixed: Fixed
) -> None:
    def judge(data: bytes) -> list[Finding]:
        linter.into = Linted()
        linter.lint(path, data)
        return linter.into.judged.findings

    before = read_file(request.root, path)
    after, done, flaw = mended(before, wanted, judge)
    if flaw:
        fixed.failures.append(Failure(path, flaw))
    elif after != before:
        replace_file(request.root / path, after)
        fixed.files[path] = done


def mended(data: bytes, wanted: Collection[Fingerprint], judge: Judging) -> tuple[bytes, int, str]:
    """The bytes without the `wanted` findings that have a fix, how many those were, and why it failed ("" if not).

    It comes to an end: each turn there are fewer findings, or it has failed. Raises InputError for edits that cannot be
    applied.
    """
    found, done, flaw = judge(data), 0, ""
    while not flaw and (chosen := list(_apart(f for f in found if f.edits and fingerprint(f) in wanted))):
        data = apply(data, [edit for finding in chosen for edit in finding.edits])
        before, found = found, judge(data)
        flaw = next(unmended_together(chosen, before, found), "")
        done += len(chosen)
    return data, done, flaw


def _apart(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Those whose edits touch nothing that the edits of an earlier one touch, in the order of the text."""
    taken = (0, 0)
    for start, end, finding in sorted((_extent(finding) for finding in findings), key=itemgetter(0, 1)):
        if start > taken:
            taken = end
            yield finding


def _extent(finding: Finding) -> tuple[Place, Place, Finding]:
    """Where the edits of a finding begin and end."""
    regions = [edit.region for edit in finding.edits]
    start = min((r.start_line, r.start_column) for r in regions)
    return start, max((r.end_line, r.end_column) for r in regions), finding
