"""A patch laid over an object that nobody objects to: whatever is wrong with the result, the patch itself says.

A patch is part of an object, and the rest of it may be anywhere. Judged alone it would be accused of all that the base
says; not judged at all, it would be the place to hide `privileged: true` in. So the pod that it changes is completed
with everything that rules ask of a pod, and what the patch says takes precedence, as in a strategic merge. The engine
is then asked for flaws that stand in the patch's own text only. What a patch takes away is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ci_guard.kubernetes.embedded import EmbeddedPositions
from ci_guard.kubernetes.kustomization import InlinePatch
from ci_guard.kubernetes.operations import patched_object
from ci_guard.kubernetes.patches import is_json_patch
from ci_guard.kubernetes.pods import POD_KINDS, is_builtin
from ci_guard.kubernetes.resources import Resource, resources_of
from ci_guard.model.location import NodePath
from ci_guard.model.subject import Positions
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read

_CONTAINER: Final[Mapping[str, Any]] = {
    "name": "patched",
    "image": "registry.example/patched:1@sha256:" + "0" * 64,
    "imagePullPolicy": "Always",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": 65532,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
        "appArmorProfile": {"type": "RuntimeDefault"},
    },
    "resources": {
        "requests": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
        "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
    },
}
_POD: Final[Mapping[str, Any]] = {
    "automountServiceAccountToken": False,
    "serviceAccountName": "patched",
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
}
_LISTS: Final = ("containers", "initContainers")


def laid_over(resource: Resource) -> Iterator[Resource]:
    """The resource with its pod completed, none if the patch deletes it; places are still those of the patch."""
    value = _without_directives(resource.value)
    path = POD_KINDS.get(resource.kind) if is_builtin(resource.group) else ("spec", "template")
    owner = _at(value, path) if path is not None else None
    if owner is not None and isinstance(owner.get("spec"), dict):
        spec = owner["spec"] = _merged(_POD, owner["spec"])
        spec.setdefault("containers", [{}])
        for key in _LISTS:
            if isinstance(spec.get(key), list):
                spec[key] = [_merged(_CONTAINER, c) if isinstance(c, dict) else c for c in spec[key]]
    yield from resources_of(resource.document, value)


def laid_over_all(document: Positions, value: Any) -> list[Resource]:
    """The patch that a document is; nobody patches lists."""
    return [found for r in resources_of(document, value) if not r.path for found in laid_over(r)]


def patched(operations: Any, target: Mapping[str, Any], document: Positions) -> list[Resource]:
    """What a JSON patch writes, laid over its target; nothing when that is unknown."""
    found = patched_object(operations, target, document)
    return laid_over_all(found[1], found[0]) if found else []


def inline_resources(document: Document, patch: InlinePatch) -> Iterator[Resource]:
    """What a patch within a kustomization writes, with places of that file; Kustomize refuses what is no YAML."""
    for inner in read(document.path, patch.text.encode(errors="replace"), "kubernetes"):
        if isinstance(inner, Unreadable):
            continue
        positions = EmbeddedPositions(inner, document, patch.where, patch.text)
        if is_json_patch(inner.value):
            yield from patched(inner.value, patch.target, positions)
        else:
            yield from laid_over_all(positions, inner.value)


def _at(value: Any, path: NodePath) -> dict[str, Any] | None:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def _merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`patch` over `base`: maps key by key, anything else as the patch has it."""
    out = dict(base)
    for key, value in patch.items():
        below = base.get(key)
        out[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return out


def _without_directives(value: Any) -> Any:
    """The tree without merge directives; what one deletes stays, empty, so that others keep their places."""
    if isinstance(value, list):
        return [_without_directives(child) for child in value]
    if not isinstance(value, dict):
        return value
    if value.get("$patch") == "delete":
        return {"name": value["name"]} if isinstance(value.get("name"), str) else {}
    return {k: _without_directives(v) for k, v in value.items() if not (isinstance(k, str) and k.startswith("$"))}
