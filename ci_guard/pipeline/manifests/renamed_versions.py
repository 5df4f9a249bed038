"""API versions that were given another name and nothing else: the edit that writes the new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ci_guard.kubernetes.structure import flaws
from ci_guard.model.location import Edit
from ci_guard.model.record import replace
from ci_guard.source.document import Document
from ci_guard.source.entries import Entries

if TYPE_CHECKING:
    from ci_guard.kubernetes.resources import Resource
    from ci_guard.kubernetes.schema import Kind, Schemas

_RENAMED: Final = frozenset(
    {
        "apiregistration.k8s.io/v1beta1 APIService",
        "autoscaling/v2beta2 HorizontalPodAutoscaler",
        "batch/v1beta1 CronJob",
        "coordination.k8s.io/v1beta1 Lease",
        "networking.k8s.io/v1beta1 IngressClass",
        "policy/v1beta1 PodDisruptionBudget",
        "rbac.authorization.k8s.io/v1beta1 ClusterRole",
        "rbac.authorization.k8s.io/v1beta1 ClusterRoleBinding",
        "rbac.authorization.k8s.io/v1beta1 Role",
        "rbac.authorization.k8s.io/v1beta1 RoleBinding",
        "scheduling.k8s.io/v1beta1 PriorityClass",
        "storage.k8s.io/v1beta1 CSIDriver",
        "storage.k8s.io/v1beta1 CSINode",
        "storage.k8s.io/v1beta1 StorageClass",
        "storage.k8s.io/v1beta1 VolumeAttachment",
    }
)
"""Kinds of which the deprecation guide names no difference that an object of these fields could show.

https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""


def edits(resource: Resource, kind: Kind, schemas: Schemas | None) -> tuple[Edit, ...]:
    """The new `apiVersion`, for a kind that was renamed and an object that says nothing which the new one lacks."""
    new = kind.replacement.partition(" ")[0]
    if schemas is None or not new or f"{resource.api_version} {resource.kind}" not in _RENAMED:
        return ()
    document = resource.document
    path = (*resource.path, "apiVersion")
    if not isinstance(document, Document) or not document.exists(path) or _selects_nothing(resource.value):
        return ()
    renewed = replace(resource, api_version=new)
    if schemas.kind(new, resource.kind) is None or any(flaws(renewed, schemas, 0)):
        return ()
    return Entries(document).edits({path: new})


def _selects_nothing(value: Any) -> bool:
    """Whether it is a PodDisruptionBudget without a selector that says something: v1beta1 and v1 differ there alone."""
    spec = value.get("spec")
    selector = spec.get("selector") if isinstance(spec, dict) else None
    said = isinstance(selector, dict) and (selector.get("matchLabels") or selector.get("matchExpressions"))
    return value.get("kind") == "PodDisruptionBudget" and not said
