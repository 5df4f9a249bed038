"""The proof of a fix: applied to what it was made for, its finding is gone and no other has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from ci_guard.model.errors import InputError
from ci_guard.model.finding import Finding
from ci_guard.source.edit import apply

Judging = Callable[[bytes], Sequence[Finding]]
"""The findings of a file's bytes."""


def unmended(data: bytes, findings: Iterable[Finding], judge: Judging) -> Iterator[str]:
    """Why the edits of each of `findings` do not mend `data`; nothing where they do, or where there are none."""
    before = list(findings)
    for finding in before:
        if not finding.edits:
            continue
        line = finding.location.region.start_line if finding.location.region else 0
        try:
            after = judge(apply(data, finding.edits))
        except InputError as error:
            yield f"line {line}: the fix cannot be applied: {error}"
            continue
        if _times(finding, after) >= _times(finding, before):
            yield f"line {line}: the fix does not mend it"
        came = Counter(map(_about, after)) - Counter(map(_about, before))
        yield from (f"line {line}: the fix brings {rule}" for rule, _ in sorted(came))


def _times(finding: Finding, among: Iterable[Finding]) -> int:
    wanted = (_about(finding), finding.path, finding.key)
    return sum((_about(one), one.path, one.key) == wanted for one in among)


def _about(finding: Finding) -> tuple[str, str]:
    """Rule and subject, without the API version, which a fix may change."""
    return finding.rule, str(finding.subject)
