"""Resources -> subjects: what rules judge. One subject for the resource, one for each of its pods, and one for each
component of the control plane that it starts or configures.

A pod carries its containers, security contexts, volumes and annotations as nested subjects, so that the engine can
judge the whole pod at once and still name the container and its line. Values are handed on as they were written:
a `securityContext` that is a list is for the engine to refuse, not for this room to hide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from typing import Any

from ci_guard.kubernetes.components import component_subjects
from ci_guard.kubernetes.pods import Member, Pod
from ci_guard.kubernetes.resources import Resource
from ci_guard.kubernetes.schedules import schedule_facts
from ci_guard.model.image_reference import parse_image
from ci_guard.model.location import NodePath
from ci_guard.model.record import record
from ci_guard.model.subject import Nested, Subject, SubjectId


def subjects(resource: Resource, needs: Container[str] = ()) -> Iterator[Subject]:
    """The subject of the resource itself (`each: resource`), then one of each of its pods (`each: pod`), then its
    components (`each: program`, `each: kubelet`).

    `needs` are the variables that rules name; what must be derived (`image`) is left out if nobody asks for it.
    Empty means everything.
    """
    with_image = not needs or "image" in needs
    match = {"kind": resource.kind, "group": resource.group, "version": resource.version}
    variables = {"object": resource.value, "subject": f'{resource.kind} "{resource.name}"'}
    if resource.kind == "CronJob":
        spec = resource.value.get("spec")
        variables["schedule"] = schedule_facts(spec.get("schedule") if isinstance(spec, dict) else None)
    yield Subject("resource", resource.id, resource.path, resource.document, variables, match=match)
    for pod in resource.pods:
        yield _pod_subject(resource, pod, {**match, "pod-owner": resource.kind}, with_image=with_image)
    yield from component_subjects(resource, needs)


@record
class ImageUse:
    """An image that a resource runs or mounts: the facts of `parse_image`, and where its name stands."""

    facts: dict[str, Any]
    path: NodePath
    subject: SubjectId


def images_of(resource: Resource) -> Iterator[ImageUse]:
    """Every image of every pod: containers in the order of `Pod.containers`, then image volumes."""
    for pod in resource.pods:
        for position, container in enumerate(pod.containers):
            if isinstance(container.value.get("image"), str):
                name = _container_name(container, position)
                yield _image_use(container.value, "image", container.path, _within(resource.id, name))
        for volume in pod.volumes:
            source = volume.value.get("image")
            if isinstance(source, dict) and isinstance(source.get("reference"), str):
                yield _image_use(source, "reference", (*volume.path, "image"), resource.id)


def _image_use(owner: dict[str, Any], key: str, path: NodePath, subject: SubjectId) -> ImageUse:
    return ImageUse(parse_image(owner[key]), (*path, key), subject)


def _pod_subject(resource: Resource, pod: Pod, match: dict[str, str], *, with_image: bool) -> Subject:
    names = [_container_name(c, i) for i, c in enumerate(pod.containers)]
    containers = [_container(resource.id, c, name) for c, name in zip(pod.containers, names, strict=True)]
    if with_image:
        for nested in containers:
            nested.variables["image"] = parse_image(nested.variables["container"].get("image"))
    return Subject(
        "pod",
        resource.id,
        pod.path,
        resource.document,
        {"pod": {"metadata": pod.metadata, "spec": pod.spec}, "subject": "pod"},
        nested={
            "container": containers,
            "security-context": [_pod_security(resource.id, pod), *(_container_security(c) for c in containers)],
            "volume": [_volume(resource.id, v) for v in pod.volumes],
            "annotation": list(_annotations(resource.id, pod)),
        },
        match=match,
    )


def _container_name(container: Member, position: int) -> str:
    """What a container is called in reports: Argo's template and name, its name, or its position in the pod."""
    name = container.value.get("name")
    return container.label or (name if isinstance(name, str) and name else f"#{position + 1}")


def _within(owner: SubjectId, container: str) -> SubjectId:
    return SubjectId(owner.kind, owner.name, owner.namespace, owner.api_version, container)


def _container(owner: SubjectId, container: Member, name: str) -> Nested:
    value = container.value
    variables = {
        "container": value,
        "securityContext": value.get("securityContext", {}),
        "duplicates": repeated_names(value.get("env")),
        "subject": f'container "{name}"',
    }
    return Nested(_within(owner, name), container.path, variables)


def repeated_names(entries: Any) -> list[str]:
    """The names that several members of a list have, sorted; in linear time, where an expression takes the square."""
    if not isinstance(entries, list):
        return []
    names = [entry.get("name") for entry in entries if isinstance(entry, dict)]
    counts = Counter(name for name in names if isinstance(name, str))
    return sorted(name for name, count in counts.items() if count > 1)


def _pod_security(owner: SubjectId, pod: Pod) -> Nested:
    return Nested(owner, pod.security, {"securityContext": pod.spec.get("securityContext", {}), "subject": "pod"})


def _container_security(container: Nested) -> Nested:
    shared = ("container", "securityContext", "subject")
    return Nested(container.id, container.path, {key: container.variables[key] for key in shared})


def _volume(owner: SubjectId, volume: Member) -> Nested:
    """A volume with a name and nothing else is an `emptyDir`: the API server fills that in before it judges."""
    value = volume.value if volume.value.keys() - {"name"} else {**volume.value, "emptyDir": {}}
    return Nested(owner, volume.path, {"volume": value, "subject": "pod"})


def _annotations(owner: SubjectId, pod: Pod) -> Iterator[Nested]:
    annotations = pod.metadata.get("annotations")
    for key, value in annotations.items() if isinstance(annotations, dict) else ():
        path = (*pod.path, "metadata", "annotations", key)
        yield Nested(owner, path, {"annotation": {"key": key, "value": value}, "subject": "pod"})
