"""Where the pods of a resource are: the nine pod-bearing kinds by name, everything else by structure.

By structure means: somewhere below the spec, a key ending in `template` holds a map whose `spec` has `containers`
of which at least one names an image. That finds Argo Rollouts, Knative Services, OpenKruise, Kubeflow, Ray, Agones
and JobSets without a list of their kinds, and finds nothing in schemas, policies and Helm values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.kubernetes.shapes import Shapes
from ci_guard.model.location import NodePath
from ci_guard.model.record import field, record

POD_KINDS: dict[str, NodePath] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "ReplicationController": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""The built-in kinds that carry a pod, and the path to `{metadata, spec}`."""

CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
"""In the order in which Pod Security admission visits them."""

# Custom kinds whose template stands where a Deployment's does. Known by name so that a wrong type in them is noted.
_LIKE_DEPLOYMENT = {
    ("argoproj.io", "Rollout"),
    ("serving.knative.dev", "Service"),
    ("serving.knative.dev", "Configuration"),
    ("apps.openshift.io", "DeploymentConfig"),
    ("apps.kruise.io", "CloneSet"),
    ("apps.kruise.io", "StatefulSet"),
    ("apps.kruise.io", "DaemonSet"),
}

# Below these keys stand schemas, patterns, policies and another program's values: pods in the eye of a naive search.
_NO_PODS_BELOW = frozenset(
    {"openAPIV3Schema", "schema", "pattern", "anyPattern", "patchStrategicMerge", "overlay", "overlays"}
    | {"values", "valuesObject", "rules", "status", "managedFields"}
)
_POLICY_GROUPS = ("kyverno.io", "gatekeeper.sh", "apiextensions.crossplane.io", "openpolicyagent.org")
_MAX_DEPTH = 16


@record(frozen=False)
class Member:
    """A container or a volume: where it stands (absolute in the document), and its value."""

    path: NodePath
    value: dict[str, Any]
    label: str = ""


@record(frozen=False)
class Pod:
    """A pod or pod template. `path` is where `{metadata, spec}` stand; both are maps whatever was written.

    `security` is the path whose child `securityContext` is the pod's own; `containers` are init, main, ephemeral.
    """

    path: NodePath
    metadata: dict[str, Any]
    spec: dict[str, Any]
    security: NodePath
    containers: list[Member] = field(default_factory=list)
    volumes: list[Member] = field(default_factory=list)
    label: str = ""

    @property
    def complete(self) -> bool:
        """Whether every container names an image, as the API server demands of what it stores."""
        images = [c.value.get("image") for c in self.containers]
        return bool(images) and all(images)


def is_builtin(group: str) -> bool:
    """Whether an API group is Kubernetes' own (`apps`, `rbac.authorization.k8s.io`, but not `*.x-k8s.io`)."""
    return "." not in group or (group.endswith(".k8s.io") and not group.endswith(".x-k8s.io"))


def find_pods(group: str, kind: str, value: dict[str, Any], base: NodePath, shapes: Shapes) -> list[Pod]:
    """All pods of the resource `value`, which stands at `base`; wrong types on the way are noted in `shapes`."""
    if is_builtin(group):
        return _at(value, base, POD_KINDS[kind], shapes) if kind in POD_KINDS else []
    if (group, kind) in _LIKE_DEPLOYMENT:
        return _at(value, base, ("spec", "template"), shapes)
    if group.endswith(_POLICY_GROUPS):
        return []
    spec = value.get("spec")
    return [
        _pod(template, path, shapes)
        for path, template in _templates(spec, (*base, "spec"), 0)
    ]  # fmt: skip


def _at(value: dict[str, Any], base: NodePath, path: NodePath, shapes: Shapes) -> list[Pod]:
    """The pod at a known path; none when a step of the path is missing or of the wrong type."""
    here = base
    for key in path:
        step = shapes.field(value, str(key), here, dict)
        if step is None:
            return []
        value, here = step, (*here, key)
    return [_pod(value, here, shapes)] if "spec" in value else []


def _templates(value: Any, path: NodePath, depth: int) -> Iterator[tuple[NodePath, dict[str, Any]]]:
    """Every pod template at or below `value`, outermost first; a template is not searched again."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str) or key in _NO_PODS_BELOW:
                continue
            if key.lower().endswith("template") and _is_template(child):
                yield (*path, key), child
            elif isinstance(child, dict | list):
                yield from _templates(child, (*path, key), depth + 1)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, dict | list):
                yield from _templates(child, (*path, index), depth + 1)


def _is_template(value: Any) -> bool:
    spec = value.get("spec") if isinstance(value, dict) else None
    containers = spec.get("containers") if isinstance(spec, dict) else None
    return isinstance(containers, list) and any(isinstance(c, dict) and "image" in c for c in containers)


def _pod(template: dict[str, Any], path: NodePath, shapes: Shapes) -> Pod:
    metadata = shapes.object(template, "metadata", path)
    shapes.field(metadata, "annotations", (*path, "metadata"), dict)
    spec, where = shapes.object(template, "spec", path), (*path, "spec")
    containers = [Member(p, c) for key in CONTAINER_LISTS for p, c in shapes.objects(spec, key, where)]
    for container in containers:
        note_container(container, shapes)
    volumes = [Member(p, v) for p, v in shapes.objects(spec, "volumes", where)]
    return Pod(path, metadata, spec, where, containers, volumes)


def note_container(container: Member, shapes: Shapes) -> None:
    """Note wrong types in the fields of a container that its identity and its image facts rest on."""
    for key in ("name", "image"):
        shapes.field(container.value, key, container.path, str)
