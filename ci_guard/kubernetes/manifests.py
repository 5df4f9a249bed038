"""What a file is, and the resources in it: read one document after the other, so that memory stays flat.

| outcome | what happens |
|---|---|
| `judged` | at least one document is an API object: `ManifestDocument` |
| `unreadable` | it was meant as a manifest and does not parse: `Unreadable`, a finding |
| `helm-template`, `template` | text from which manifests are made: skipped with a notice |
| `kustomize-patch` | part of an object: `PatchDocument`, judged by what it says; `Skipped` if its target is unknown |
| `kustomization` | a list of files: skipped quietly, but for the patches in it |
| `no-manifest` | anything else (values, compose, CI files …): skipped quietly |

What parses is judged, braces or not: `kubectl` would deploy it. Only a chart's `templates/` is exempt, since
what is deployed from there is what Helm renders.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ci_guard.kubernetes import sniff
from ci_guard.kubernetes.kustomization import ALONE, Surroundings
from ci_guard.kubernetes.outcomes import (
    NOTICED,
    OUTCOMES,
    ManifestDocument,
    PatchDocument,
    Skipped,
    outcome_of,
    outcome_of_file,
)
from ci_guard.model.location import Location, Region

if TYPE_CHECKING:
    from ci_guard.source.document import Unreadable

__all__ = [
    "NOTICED",
    "OUTCOMES",
    "ManifestDocument",
    "PatchDocument",
    "Skipped",
    "outcome_of",
    "outcome_of_file",
    "read_manifests",
]


def read_manifests(
    path: str, data: bytes, surroundings: Surroundings = ALONE
) -> Iterator[ManifestDocument | PatchDocument | Unreadable | Skipped]:
    """What stands in the file `path`; `surroundings` knows the charts and kustomizations above it.

    Never raises on any bytes. Yields at least one value; a file without any manifest is one quiet `Skipped`.
    """
    skipped = _skip_unread(path, data, surroundings)
    if skipped is not None:
        yield skipped
        return
    from ci_guard.kubernetes.classification import classify  # all that parsing needs: only once there is a manifest

    seen: set[str] = set()
    for item in classify(path, data, surroundings):
        outcome = outcome_of(item)
        if isinstance(item, Skipped) and (outcome in seen - {"kustomize-patch"} or outcome == "no-manifest"):
            continue
        seen.add(outcome)
        yield item
    if not seen:
        yield Skipped(path, "no-manifest", "no document is an API object")


def _skip_unread(path: str, data: bytes, surroundings: Surroundings) -> Skipped | None:
    """What can be said without parsing."""
    if sniff.is_named_template(path) and sniff.may_hold_manifest(data):
        return Skipped(path, "template", "its name says that manifests are made from it")
    if not sniff.has_manifest_name(path):
        return Skipped(path, "no-manifest", "not .yaml, .yml or .json")
    if not sniff.may_hold_manifest(data) and not sniff.may_hold_patch(path, data):
        return Skipped(path, "no-manifest", "no apiVersion and kind in it")
    if b"{{" in data and (chart := surroundings.chart_of(path)):
        line = data[: data.index(b"{{")].count(b"\n") + 1
        reason = f"a template of the chart {chart}; judge what `helm template` renders"
        return Skipped(path, "helm-template", reason, Location(path, Region(line, 1, line, 1)))
    return None
