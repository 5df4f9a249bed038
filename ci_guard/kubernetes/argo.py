"""Argo Workflows: every template with a container, a script or a container set is a pod of its own.

A template has no pod template; its pod is put together from fields of the template and of the workflow, as the
workflow controller does it. `podSpecPatch` is text for a templating engine and is not applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.kubernetes.pods import Member, Pod, note_container
from ci_guard.kubernetes.shapes import Shapes
from ci_guard.model.location import NodePath

GROUP = "argoproj.io"
_SPECS: dict[str, NodePath] = {
    "Workflow": ("spec",),
    "WorkflowTemplate": ("spec",),
    "ClusterWorkflowTemplate": ("spec",),
    "CronWorkflow": ("spec", "workflowSpec"),
}
# Pod fields that a workflow sets for all its pods; a template of its own wins.
_POD_FIELDS = (
    *("securityContext", "serviceAccountName", "automountServiceAccountToken", "hostNetwork", "hostAliases"),
    *("nodeSelector", "tolerations", "affinity", "priorityClassName", "schedulerName", "imagePullSecrets"),
)
_MAX_DEPTH = 8


def is_workflow(group: str, kind: str) -> bool:
    """Whether a resource is one of Argo's workflow kinds."""
    return group == GROUP and kind in _SPECS


def find_pods(kind: str, value: dict[str, Any], base: NodePath, shapes: Shapes) -> list[Pod]:
    """One pod for each template of the workflow `value` that runs containers, inline templates included."""
    here = base
    for key in _SPECS[kind]:
        value, here = shapes.object(value, str(key), here), (*here, key)
    pods = [_pod(template, path, value, here, shapes) for path, template in _templates(value, here, shapes)]
    return [pod for pod in pods if pod.containers]


def _templates(spec: dict[str, Any], path: NodePath, shapes: Shapes) -> Iterator[tuple[NodePath, dict[str, Any]]]:
    for where, template in shapes.objects(spec, "templates", path):
        yield from _with_inline(where, template, shapes, 0)


def _with_inline(
    path: NodePath, template: dict[str, Any], shapes: Shapes, depth: int
) -> Iterator[tuple[NodePath, dict[str, Any]]]:
    """The template itself and those written inside its steps and tasks."""
    yield path, template
    if depth >= _MAX_DEPTH:
        return
    for where, task in _tasks(path, template, shapes):
        inline = shapes.field(task, "inline", where, dict)
        if inline is not None:
            yield from _with_inline((*where, "inline"), inline, shapes, depth + 1)


def _tasks(path: NodePath, template: dict[str, Any], shapes: Shapes) -> Iterator[tuple[NodePath, dict[str, Any]]]:
    yield from shapes.objects(shapes.object(template, "dag", path), "tasks", (*path, "dag"))
    for index, group in enumerate(shapes.field(template, "steps", path, list) or ()):
        where = (*path, "steps", index)
        members = group if isinstance(group, list) else group.get("steps") if isinstance(group, dict) else None
        where = where if isinstance(group, list) else (*where, "steps")
        for number, step in enumerate(members if isinstance(members, list) else ()):
            if isinstance(step, dict):
                yield (*where, number), step


def _pod(template: dict[str, Any], path: NodePath, workflow: dict[str, Any], base: NodePath, shapes: Shapes) -> Pod:
    label = shapes.text(template, "name", path)
    init = [Member(p, c) for p, c in shapes.objects(template, "initContainers", path)]
    main = list(_mains(template, path, label, shapes))
    main += [Member(p, c) for p, c in shapes.objects(template, "sidecars", path)]
    volumes = [Member(p, v) for p, v in shapes.objects(workflow, "volumes", base)]
    volumes += [Member(p, v) for p, v in shapes.objects(template, "volumes", path)]
    spec = {key: workflow[key] for key in _POD_FIELDS if key in workflow}
    spec |= {key: template[key] for key in _POD_FIELDS if key in template}
    spec["containers"] = [m.value for m in main]
    spec |= {"initContainers": [m.value for m in init]} if init else {}
    spec |= {"volumes": [m.value for m in volumes]} if volumes else {}
    security = path if "securityContext" in template or "securityContext" not in workflow else base
    metadata = shapes.object(template, "metadata", path)
    containers = init + main if main else []
    for container in containers:
        note_container(container, shapes)
    return Pod(path, metadata, spec, security, containers, volumes, label)


def _mains(template: dict[str, Any], path: NodePath, label: str, shapes: Shapes) -> Iterator[Member]:
    """The template's own work: its container, script or container set. Argo names the first two `main`."""
    for key in ("container", "script"):
        value = shapes.field(template, key, path, dict)
        if value is not None:
            named = value if "name" in value else {**value, "name": "main"}
            yield Member((*path, key), named, f"{label}/{named['name']}" if label else "")
    group = shapes.object(template, "containerSet", path)
    yield from (Member(p, c) for p, c in shapes.objects(group, "containers", (*path, "containerSet")))
