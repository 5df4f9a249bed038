"""Tekton: the steps and sidecars of a task are the containers of one pod.

`stepTemplate` gives every step its defaults, as in the task controller (maps are not merged deeply here: a step's
own field replaces the template's). A run's `podTemplate` is the rest of the pod.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.kubernetes.pods import Member, Pod, note_container
from ci_guard.kubernetes.shapes import Shapes
from ci_guard.model.location import NodePath

GROUP = "tekton.dev"
_KINDS = frozenset({"Task", "ClusterTask", "TaskRun", "Pipeline", "PipelineRun"})
Place = tuple[NodePath, dict[str, Any]]


def is_task(group: str, kind: str) -> bool:
    """Whether a resource is a Tekton kind that can hold steps."""
    return group == GROUP and kind in _KINDS


def find_pods(kind: str, value: dict[str, Any], base: NodePath, shapes: Shapes) -> list[Pod]:
    """One pod for each task specification inside the resource `value`."""
    spec, path = shapes.object(value, "spec", base), (*base, "spec")
    template: Place = (path, {})
    for owner in (shapes.object(spec, "taskRunTemplate", path), spec):
        where = (*path, "taskRunTemplate") if owner is not spec else path
        found = shapes.field(owner, "podTemplate", where, dict)
        if found is not None:
            template = ((*where, "podTemplate"), found)
            break
    pods = [_pod(where, task, template, shapes) for where, task in _tasks(kind, spec, path, shapes)]
    return [pod for pod in pods if pod.containers]


def _tasks(kind: str, spec: dict[str, Any], path: NodePath, shapes: Shapes) -> Iterator[Place]:
    if kind in {"Task", "ClusterTask"}:
        yield path, spec
    elif kind == "TaskRun":
        yield (*path, "taskSpec"), shapes.object(spec, "taskSpec", path)
    elif kind == "PipelineRun":
        yield from _tasks("Pipeline", shapes.object(spec, "pipelineSpec", path), (*path, "pipelineSpec"), shapes)
    else:
        for key in ("tasks", "finally"):
            for where, task in shapes.objects(spec, key, path):
                yield (*where, "taskSpec"), shapes.object(task, "taskSpec", where)


def _pod(path: NodePath, task: dict[str, Any], template: Place, shapes: Shapes) -> Pod:
    where, pod = template
    defaults = shapes.object(task, "stepTemplate", path)
    containers = [Member(p, _container({**defaults, **s})) for p, s in shapes.objects(task, "steps", path)]
    containers += [Member(p, _container(s)) for p, s in shapes.objects(task, "sidecars", path)]
    volumes = [Member(p, v) for p, v in shapes.objects(task, "volumes", path)]
    for container in containers:
        note_container(container, shapes)
    spec = {**pod, "containers": [c.value for c in containers]}
    spec |= {"volumes": [v.value for v in volumes]} if volumes else {}
    security = where if "securityContext" in pod else path
    return Pod(path, shapes.object(task, "metadata", path), spec, security, containers, volumes)


def _container(step: dict[str, Any]) -> dict[str, Any]:
    """A step as a container: what v1 calls `computeResources` was `resources` in v1beta1, as in a pod."""
    return {"resources": step["computeResources"], **step} if "computeResources" in step else step
