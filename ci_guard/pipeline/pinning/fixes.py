"""What the lock of digests could mend, as edits of the findings that complain about it: SARIF's `fixes`."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from ci_guard.config.digests import NO_LOCK, DigestLock
from ci_guard.model.record import replace
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.source.files import read_or_none

PINS = frozenset(
    {
        "action-not-pinned",
        "build-frontend-not-pinned",
        "build-image-not-pinned",
        "hook-not-pinned",
        "image-digest-disagrees",
        "image-latest-or-no-tag",
        "image-without-digest",
    }
)
"""The rules that ask for a digest or a commit."""


def attach_fixes(root: Path, linted: Linted, lock: DigestLock) -> None:
    """Give the findings of missing or wrong pins the edits that `deps pin` would make by `lock`."""
    if lock == NO_LOCK:
        return
    from ci_guard.kubernetes.kustomization import Surroundings  # all that pinning needs: only where there is a lock
    from ci_guard.pipeline.pinning.edits import edits_of
    from ci_guard.pipeline.pinning.sources import Locked
    from ci_guard.pipeline.pinning.tree import Pinner
    from ci_guard.source.text import SourceText

    by_file: defaultdict[str, list[int]] = defaultdict(list)
    findings = linted.judged.findings
    for index, finding in enumerate(findings):
        if finding.rule in PINS and finding.location.region is not None:
            by_file[finding.location.path].append(index)
    around, source = Surroundings(lambda path: read_or_none(root, path)), Locked(lock)
    for path, indexes in by_file.items():
        data = read_or_none(root, path)
        pinner = Pinner([source])
        if data is None or pinner.file(path, data, around) == data:
            continue
        changes = pinner.result.files[0].changes
        edits = edits_of(SourceText(path, data), changes)
        mended = {change.place.location.region: made for change, made in zip(changes, edits, strict=True)}
        for index in indexes:
            found = findings[index]
            findings[index] = replace(found, edits=mended.get(found.location.region, ()))
