"""The proof of a fix: applied to what it was made for, its finding is gone and no other has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ci_guard.model.errors import InputError
from ci_guard.model.finding import Finding
from ci_guard.source.edit import apply

Judging = Callable[[bytes], Sequence[Finding]]
"""The findings of a file's bytes."""


def unmended(data: bytes, findings: Sequence[Finding], judge: Judging) -> Iterator[str]:
    """Why the edits of each of `findings`, all of `data`, do not mend it; nothing where they do, or have none."""
    for finding in findings:
        if finding.edits:
            try:
                after = judge(apply(data, finding.edits))
            except InputError as error:
                yield f"the fix of {_named(finding)} cannot be applied: {error}"
            else:
                yield from unmended_together([finding], findings, after)


def unmended_together(mended: Sequence[Finding], before: Sequence[Finding], after: Sequence[Finding]) -> Iterator[str]:
    """Which of `mended` are still there, and which findings came, from before to after their edits."""
    was, now = Counter(map(_what, before)), Counter(map(_what, after))
    wanted = Counter(map(_what, mended))
    still = (finding for finding in mended if now[_what(finding)] > was[_what(finding)] - wanted[_what(finding)])
    yield from (f"the fix does not mend {_named(finding)}" for finding in still)
    came = Counter(map(_about, after)) - Counter(map(_about, before))
    yield from (f"the fix brings {rule} for {subject}" for rule, subject in sorted(came))


def _named(finding: Finding) -> str:
    line = f" in line {finding.location.region.start_line}" if finding.location.region else ""
    return f"{finding.rule}{line}"


def _what(finding: Finding) -> tuple[str, str, str, str]:
    return (*_about(finding), finding.path, finding.key)


def _about(finding: Finding) -> tuple[str, str]:
    """Rule and subject, without the API version, which a fix may change."""
    return finding.rule, str(finding.subject)
