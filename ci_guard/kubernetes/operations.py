"""JSON Patch (RFC 6902) as Kustomize applies it: the part of an object that `add` and `replace` write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from ci_guard.kubernetes.pods import CONTAINER_LISTS, POD_KINDS
from ci_guard.model.location import FieldPath, Location, NodePath, render_path
from ci_guard.model.subject import Positions

_WRITING: Final = frozenset({"add", "replace"})
_MOST: Final = 1_000  # operations of one patch
_DEEPEST: Final = 100
_MAPS: Final = frozenset({"annotations", "labels", "matchLabels", "nodeSelector", "data", "stringData", "limits"})
_INDEX = re.compile(r"\d{1,9}\Z", re.ASCII)
_VERSIONS: Final = {
    **dict.fromkeys(POD_KINDS, "apps/v1"),
    **dict.fromkeys(("Pod", "PodTemplate", "ReplicationController", "Service", "Namespace", "ConfigMap"), "v1"),
    **dict.fromkeys(("Job", "CronJob"), "batch/v1"),
    **dict.fromkeys(("Ingress", "NetworkPolicy"), "networking.k8s.io/v1"),
    **dict.fromkeys(("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"), "rbac.authorization.k8s.io/v1"),
}
"""A target may name its kind alone."""
_TOLD_BY: Final = {
    "/spec/jobTemplate": "CronJob",
    "/spec/template": "Deployment",
    "/rules/": "Role",
    **dict.fromkeys(("/spec/containers", "/spec/initContainers", "/spec/volumes", "/spec/host"), "Pod"),
}


class OperationPositions:
    """Places in the object that a patch is about, told as places of the patch; implements `Positions`."""

    def __init__(self, outer: Positions, written: Mapping[NodePath, NodePath]) -> None:
        self.path = outer.path
        self._outer, self._written = outer, written

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        """Where the operation stands that writes `path`, or the first one."""
        return self._outer.locate(self._source(path) or next(iter(self._written.values())), key=key)

    def exists(self, path: NodePath) -> bool:
        """Whether an operation writes `path`."""
        source = self._source(path)
        return source is not None and self._outer.exists(source)

    def field_path(self, path: NodePath) -> FieldPath:
        """The path in the object."""
        return render_path(path)

    def _source(self, path: NodePath) -> NodePath | None:
        for length in range(len(path), -1, -1):
            if path[:length] in self._written:
                return (*self._written[path[:length]], *path[length:])
        return None


def patched_object(
    operations: Any, target: Mapping[str, Any], outer: Positions
) -> tuple[dict[str, Any], OperationPositions] | None:
    """What the operations write of an object of the target's kind; None when nothing, or of no known kind."""
    kind = _kind(target, operations)
    if not kind:
        return None
    value: dict[str, Any] = {"apiVersion": _api_version(target, kind), "kind": kind}
    written: dict[NodePath, NodePath] = {}
    named = {k: v for k in ("name", "namespace") if isinstance(v := target.get(k), str)}
    if named:
        value["metadata"] = named
    for index, operation in enumerate(operations[:_MOST]):
        pointer = operation.get("path")
        if operation.get("op") in _WRITING and isinstance(pointer, str) and "value" in operation:
            where = _write(value, _steps(pointer), operation["value"])
            if where:
                written[where] = (index, "value")
    return (value, OperationPositions(outer, written)) if written else None


def _kind(target: Mapping[str, Any], operations: Any) -> str:
    """The target's kind, a regular expression to Kustomize; told by the pointers where it does not name one (`.*`)."""
    wanted = target.get("kind")
    for word in re.split(r"[|()^$]+", wanted) if isinstance(wanted, str) else ():
        if re.fullmatch(r"[A-Za-z]+", word):
            return word
    pointers = [p for o in operations[:_MOST] if isinstance(p := o.get("path"), str)]
    return next((kind for start, kind in _TOLD_BY.items() if any(p.startswith(start) for p in pointers)), "")


def _api_version(target: Mapping[str, Any], kind: str) -> str:
    group, version = target.get("group"), target.get("version")
    if isinstance(group, str) and group:
        return f"{group}/{version if isinstance(version, str) and version else 'v1'}"
    return _VERSIONS.get(kind, "v1")


def _steps(pointer: str) -> list[str]:
    return [t.replace("~1", "/").replace("~0", "~") for t in pointer.split("/")[1:]][:_DEEPEST]


def _write(value: dict[str, Any], steps: list[str], new: Any) -> NodePath:
    """Write `new` into the tree, and say where; () when another operation's value stands in the way.

    The index of a list item is counted anew, for the items before it are not known.
    """
    here: Any = value
    path: NodePath = ()
    for place, step in enumerate(steps):
        last = place == len(steps) - 1
        below: Any = deepcopy(new) if last else ([] if _lists(step, steps[place + 1]) else {})
        if isinstance(here, list):
            here.append(_named(below, steps[place - 1], step))
            path = (*path, len(here) - 1)
        elif isinstance(here, dict):
            if last or step not in here:
                here[step] = below
            path = (*path, step)
        else:
            return ()
        here = here[path[-1]]
    return path


def _lists(parent: str, step: str) -> bool:
    return parent not in _MAPS and (step == "-" or _INDEX.match(step) is not None)


def _named(item: Any, key: str, step: str) -> Any:
    """A list item; a container that the base names is called by its number."""
    if key in CONTAINER_LISTS and isinstance(item, dict) and _INDEX.match(step):
        return {"name": f"#{int(step) + 1}", **item}
    return item
