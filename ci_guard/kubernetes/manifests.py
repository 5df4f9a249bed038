"""What a file is, and the resources in it: read one document after the other, so that memory stays flat.

| outcome | what happens |
|---|---|
| `judged` | at least one document is an API object: `ManifestDocument` |
| `unreadable` | it was meant as a manifest and does not parse: `Unreadable`, a finding |
| `helm-template`, `template` | text from which manifests are made: skipped with a notice |
| `kustomize-patch`, `kustomization` | part of an object, or a list of files: skipped, a patch with a notice |
| `no-manifest` | anything else (values, compose, CI files …): skipped quietly |

What parses is judged, braces or not: `kubectl` would deploy it. Only a chart's `templates/` is exempt, since
what is deployed from there is what Helm renders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ci_guard.kubernetes import patches, sniff
from ci_guard.kubernetes.kustomization import ALONE, Surroundings, is_kustomization
from ci_guard.kubernetes.resources import Resource, is_resource, resources_of
from ci_guard.model.location import Location, Region

if TYPE_CHECKING:
    from ci_guard.source.document import Document, Unreadable

OUTCOMES = (*("unreadable", "judged", "helm-template", "template", "kustomize-patch", "kustomization", "no-manifest"),)
"""All outcomes; the first that applies to any of its documents is the outcome of a file."""

NOTICED = frozenset({"helm-template", "template", "kustomize-patch"})
"""The outcomes of which the user is told: something here may be deployed and was not judged."""


class ManifestDocument(NamedTuple):
    """A document and the API objects in it; positions live in the document, so judge before taking the next."""

    document: Document
    resources: list[Resource]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a document of it, that is not judged. Each outcome is reported once a file."""

    path: str
    outcome: str
    reason: str
    location: Location | None = None


Manifest = "ManifestDocument | Unreadable | Skipped"


def read_manifests(
    path: str, data: bytes, surroundings: Surroundings = ALONE
) -> Iterator[ManifestDocument | Unreadable | Skipped]:
    """What stands in the file `path`; `surroundings` knows the charts and kustomizations above it.

    Never raises on any bytes. Yields at least one value; a file without any manifest is one quiet `Skipped`.
    """
    skipped = _skip_unread(path, data, surroundings)
    if skipped is not None:
        yield skipped
        return
    seen: set[str] = set()
    for item in _read(path, data, surroundings):
        outcome = outcome_of(item)
        if isinstance(item, Skipped) and (outcome in seen or outcome == "no-manifest"):
            continue
        seen.add(outcome)
        yield item
    if not seen:
        yield Skipped(path, "no-manifest", "no document is an API object")


def outcome_of(item: object) -> str:
    """The outcome of one value of `read_manifests`, one of `OUTCOMES`."""
    if isinstance(item, Skipped):
        return item.outcome
    return "judged" if isinstance(item, ManifestDocument) else "unreadable"


def outcome_of_file(outcomes: Iterable[str]) -> str:
    """The outcome of a file, given those of its documents: unreadable before judged before skipped."""
    return min(outcomes, key=OUTCOMES.index, default="no-manifest")


def _skip_unread(path: str, data: bytes, surroundings: Surroundings) -> Skipped | None:
    """What can be said without parsing."""
    if sniff.is_named_template(path) and sniff.may_hold_manifest(data):
        return Skipped(path, "template", "its name says that manifests are made from it")
    if not sniff.has_manifest_name(path):
        return Skipped(path, "no-manifest", "not .yaml, .yml or .json")
    if not sniff.may_hold_manifest(data):
        return Skipped(path, "no-manifest", "no apiVersion and kind in it")
    if b"{{" in data and (chart := surroundings.chart_of(path)):
        line = data[: data.index(b"{{")].count(b"\n") + 1
        reason = f"a template of the chart {chart}; judge what `helm template` renders"
        return Skipped(path, "helm-template", reason, Location(path, Region(line, 1, line, 1)))
    return None


def _read(path: str, data: bytes, surroundings: Surroundings) -> Iterator[ManifestDocument | Unreadable | Skipped]:
    from ci_guard.source.document import Unreadable

    directives = any(sign in data for sign in patches.BYTES)
    for document in _documents(path, data):
        if isinstance(document, Unreadable):
            yield _broken(document, data)
            continue
        value = _without_nulls(document.value) if document.dialect == "json" else document.value
        yield _classified(document, value, surroundings, directives=directives)


def _documents(path: str, data: bytes) -> Iterator[Document | Unreadable]:
    """JSON as JSON whatever its file is called, as kubectl reads it: libyaml refuses some of it. The rest as YAML."""
    from ci_guard.source import reader  # imports YAML: only once there is something to parse
    from ci_guard.source.document import Unreadable

    if path.lower().endswith(".json"):
        return reader.read(path, data, "json")
    if data.lstrip()[:1] == b"{" and not data.lstrip().startswith((b"{{", b"{%", b"{#")):
        documents = list(reader.read(path, data, "json"))
        if not any(isinstance(d, Unreadable) for d in documents):
            return iter(documents)
    return reader.read(path, data, "kubernetes")


def _broken(unreadable: Unreadable, data: bytes) -> Unreadable | Skipped:
    text = sniff.text_of(data)
    outcome = sniff.template_kind(text)
    if outcome:
        reason = "it is no YAML before its template is rendered"
        return Skipped(unreadable.path, outcome, reason, unreadable.location)
    if sniff.looks_like_manifest(text):
        return unreadable
    return Skipped(unreadable.path, "no-manifest", "no manifest, and no YAML either")


def _classified(
    document: Document, value: Any, surroundings: Surroundings, *, directives: bool
) -> ManifestDocument | Skipped:
    path = document.path
    if is_kustomization(path, value):
        return Skipped(path, "kustomization", "a list of what Kustomize builds from")
    if not is_resource(value):
        if patches.is_json_patch(value):
            return Skipped(path, "kustomize-patch", "a JSON patch", document.locate(()))
        return Skipped(path, "no-manifest", "no API object")
    if by := surroundings.patched_by(path):
        return Skipped(path, "kustomize-patch", f"{by} uses it as a patch", document.locate(()))
    resources = list(resources_of(document, value))
    signs = [patches.patch_sign(r, directives=directives) for r in resources]
    if resources and all(signs):
        return Skipped(path, "kustomize-patch", f"a patch, not an object: {signs[0]}", document.locate(()))
    return ManifestDocument(document, resources)


def _without_nulls(value: Any) -> Any:
    """The tree without null members of maps: the API server drops them, and JSON keeps them."""
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    return [_without_nulls(child) for child in value] if isinstance(value, list) else value
