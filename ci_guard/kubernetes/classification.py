"""What each document of a file is, once it is worth parsing; importing this module imports YAML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.kubernetes import patches, sniff
from ci_guard.kubernetes.kustomization import Surroundings, inline_patches, is_kustomization
from ci_guard.kubernetes.outcomes import ManifestDocument, PatchDocument, Skipped
from ci_guard.kubernetes.resources import Resource, is_resource, resources_of
from ci_guard.kubernetes.sniff import BrokenText
from ci_guard.source import reader
from ci_guard.source.document import Document, Unreadable

_Item = ManifestDocument | PatchDocument | Unreadable | Skipped


def classify(path: str, data: bytes, surroundings: Surroundings) -> Iterator[_Item]:
    """What each document of a file is that may hold manifests, in order."""
    directives = any(sign in data for sign in patches.BYTES)
    text = BrokenText(data)
    for document in _documents(path, data):
        if isinstance(document, Unreadable):
            yield _broken(document, text)
            continue
        value = _without_nulls(document.value) if document.dialect == "json" else document.value
        yield from _classified(document, value, surroundings, directives=directives)


def _documents(path: str, data: bytes) -> Iterator[Document | Unreadable]:
    """JSON as JSON whatever its file is called, as kubectl reads it: libyaml refuses some of it. The rest as YAML."""
    if path.lower().endswith(".json"):
        return reader.read(path, data, "json")
    if data.lstrip()[:1] == b"{" and not data.lstrip().startswith((b"{{", b"{%", b"{#")):
        documents = list(reader.read(path, data, "json"))
        if not any(isinstance(d, Unreadable) for d in documents):
            return iter(documents)
    return reader.read(path, data, "kubernetes")


def _broken(unreadable: Unreadable, text: BrokenText) -> Unreadable | Skipped:
    region = unreadable.location.region
    part = text.document_at(region.start_line if region else 1)
    outcome = sniff.template_kind(part)
    if outcome:
        reason = "it is no YAML before its template is rendered"
        return Skipped(unreadable.path, outcome, reason, unreadable.location)
    if sniff.looks_like_manifest(part):
        return unreadable
    return Skipped(unreadable.path, "no-manifest", "no manifest, and no YAML either")


def _classified(document: Document, value: Any, surroundings: Surroundings, *, directives: bool) -> Iterator[_Item]:
    path = document.path
    if is_kustomization(path, value):
        yield Skipped(path, "kustomization", "a list of what Kustomize builds from")
        yield from _inline(document, value)
        return
    if not is_resource(value):
        yield _json_patch(document, value, surroundings) or Skipped(path, "no-manifest", "no API object")
        return
    by, _ = surroundings.patched_by(path)
    resources = list(resources_of(document, value))
    signs = [patches.patch_sign(r, directives=directives) for r in resources]
    if by:
        yield _patch(document, resources, f"{by} uses it as a patch")
    elif resources and all(signs):
        yield _patch(document, resources, f"a patch, not an object: {signs[0]}")
    else:
        yield ManifestDocument(document, resources)


def _patch(document: Document, resources: list[Resource], reason: str) -> PatchDocument:
    from ci_guard.kubernetes.laid_over import laid_over  # only where there is a patch

    completed = [found for r in resources if not r.path for found in laid_over(r)]
    return PatchDocument(document, completed, reason, document.locate(()))


def _json_patch(document: Document, value: Any, surroundings: Surroundings) -> PatchDocument | Skipped | None:
    if not patches.is_json_patch(value):
        return None
    from ci_guard.kubernetes.laid_over import patched

    by, target = surroundings.patched_by(document.path)
    resources = patched(value, target, document)
    if not resources:
        return Skipped(document.path, "kustomize-patch", "a JSON patch", document.locate(()))
    reason = f"{by} uses it as a JSON patch" if by else "a JSON patch"
    return PatchDocument(document, resources, reason, document.locate(()))


def _inline(document: Document, value: Any) -> Iterator[PatchDocument | Skipped]:
    """The patches that stand as text within a kustomization; what is written to an unknown kind is told."""
    judged: list[Resource] = []
    place = None
    for patch in inline_patches(value):
        from ci_guard.kubernetes.laid_over import inline_resources

        resources, here = list(inline_resources(document, patch)), document.locate(patch.where)
        judged, place = judged + resources, place or here
        if not resources and "value" in patch.text:
            yield Skipped(document.path, "kustomize-patch", "a patch in it does not say for which kind it is", here)
    if judged and place:
        yield PatchDocument(document, judged, "it holds patches", place)


def _without_nulls(value: Any) -> Any:
    """The tree without null members of maps: the API server drops them, and JSON keeps them."""
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    return [_without_nulls(child) for child in value] if isinstance(value, list) else value
