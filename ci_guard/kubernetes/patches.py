"""Signs, in a manifest itself, that it is a patch on another one.

Every sign is something that the API server refuses as an object of its own, so that nothing that can be deployed
as it is escapes judgement:

- a built-in workload without a pod template, or whose template has no `containers`;
- a workload none of whose containers names an image;
- a strategic merge directive (`$patch: delete`, `$setElementOrder/…`) in what is no complete workload.
  `$patch: merge` does nothing, and anyone could write it anywhere; it is no sign.
"""

from __future__ import annotations

from typing import Any

from ci_guard.kubernetes.pods import POD_KINDS, is_builtin
from ci_guard.kubernetes.resources import Resource

_LISTS = ("$setElementOrder/", "$deleteFromPrimitiveList/")
_MAX_DEPTH = 200
BYTES = (b"$patch", b"$setElementOrder/", b"$deleteFromPrimitiveList/", b"$retainKeys", b"\\")
"""Without any of these a file has no directive (a backslash may spell one)."""


def patch_sign(resource: Resource, *, directives: bool = True) -> str:
    """Why `resource` cannot be an object of its own, "" if it may be one. `directives`: look for them at all."""
    if resource.path or resource.malformed:
        return ""  # kubectl takes no patches from lists; a wrong type is a flaw, whatever else the object is
    if any(pod.complete for pod in resource.pods):
        return ""
    if directives and (found := _directive(resource.value, 0)):
        return f"it has the merge directive {found}"
    if resource.kind not in POD_KINDS or not is_builtin(resource.group):
        return ""
    if not resource.pods:
        return "it has no spec" if resource.kind == "Pod" else "it has no pod template"
    pod = resource.pods[0]
    if "containers" not in pod.spec:
        return "its pod has no containers"
    if pod.spec["containers"] and not any(c.value.get("image") for c in pod.containers):
        return "none of its containers has an image"
    return ""


def is_json_patch(value: Any) -> bool:
    """Whether a document is a list of JSON Patch operations (RFC 6902)."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(v, dict) and {"op", "path"} <= v.keys() for v in value)
    )


def _directive(value: Any, depth: int) -> str:
    """The first strategic merge directive in a tree, "" if there is none."""
    if depth > _MAX_DEPTH:
        return ""
    if isinstance(value, list):
        return next((found for child in value if (found := _directive(child, depth + 1))), "")
    if not isinstance(value, dict):
        return ""
    for key, child in value.items():
        if key == "$patch" and child in ("delete", "replace"):
            return f"$patch: {child}"
        if key == "$retainKeys" or (isinstance(key, str) and key.startswith(_LISTS)):
            return str(key)
        if found := _directive(child, depth + 1):
            return found
    return ""
