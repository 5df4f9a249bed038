"""The values that reading manifests yields, and the outcomes that files are counted by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ci_guard.model.location import Location
from ci_guard.model.record import record

if TYPE_CHECKING:
    from ci_guard.kubernetes.resources import Resource
    from ci_guard.source.document import Document

OUTCOMES = (*("unreadable", "judged", "helm-template", "template", "kustomize-patch", "kustomization", "no-manifest"),)
"""All outcomes; the first that applies to any of its documents is the outcome of a file."""

NOTICED = frozenset({"helm-template", "template", "kustomize-patch"})
"""The outcomes of which the user is told: something here may be deployed and was not judged."""


class ManifestDocument(NamedTuple):
    """A document and the API objects in it; positions live in the document, so judge before taking the next."""

    document: Document
    resources: list[Resource]


class PatchDocument(NamedTuple):
    """A patch on objects that stand elsewhere: judged by what it says, not by what it leaves out.

    Each of `resources` is completed by all that rules ask for, and knows the places of the patch alone.
    """

    document: Document
    resources: list[Resource]
    reason: str
    location: Location

    @property
    def skipped(self) -> Skipped:
        """What a reader says who wants whole objects."""
        return Skipped(self.document.path, "kustomize-patch", self.reason, self.location)


@record
class Skipped:
    """A file, or a document of it, that is not judged. Each outcome is reported once a file."""

    path: str
    outcome: str
    reason: str
    location: Location | None = None


def outcome_of(item: object) -> str:
    """The outcome of one value of `read_manifests`, one of `OUTCOMES`."""
    if isinstance(item, Skipped):
        return item.outcome
    if isinstance(item, PatchDocument):
        return "kustomize-patch"
    return "judged" if isinstance(item, ManifestDocument) else "unreadable"


def outcome_of_file(outcomes: Iterable[str]) -> str:
    """The outcome of a file, given those of its documents: unreadable before judged before skipped."""
    return min(outcomes, key=OUTCOMES.index, default="no-manifest")
