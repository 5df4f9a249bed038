"""The places where a resource names another one: `each: reference`, a subject of its own with its own line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.kubernetes.grants import is_built_in
from ci_guard.kubernetes.lean import account_of, as_list, as_map, as_text, backend_of
from ci_guard.kubernetes.pods import Pod
from ci_guard.kubernetes.resources import Resource
from ci_guard.model.location import NodePath
from ci_guard.model.record import field, record

_SCALERS = ("HorizontalPodAutoscaler", "VerticalPodAutoscaler", "ScaledObject")
_BINDINGS = ("RoleBinding", "ClusterRoleBinding")
_ROUTES = ("HTTPRoute", "TCPRoute", "UDPRoute", "TLSRoute", "GRPCRoute")


@record
class Reference:
    """One mention of another resource; `path` is where its name stands, absolute in the document.

    `namespace` is "" where it is that of the resource itself. `facts` is what else rules may ask.
    """

    kind: str
    name: str
    path: NodePath
    namespace: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def references_of(resource: Resource) -> Iterator[Reference]:
    """Every reference of `resource` that a join can follow, in the order of the document."""
    spec = as_map(resource.value.get("spec"))
    base = (*resource.path, "spec")
    if resource.kind == "Ingress" and resource.group in {"networking.k8s.io", "extensions"}:
        yield from _ingress(spec, base)
    elif resource.kind in _ROUTES and resource.group == "gateway.networking.k8s.io":
        yield from _route(spec, base)
    elif resource.kind in _SCALERS:
        yield from _scaled(spec, base)
    elif resource.kind == "NetworkPolicy":
        yield from _peers(spec, base)
    elif resource.kind in _BINDINGS and resource.group == "rbac.authorization.k8s.io":
        yield from _bound(as_map(resource.value.get("roleRef")), (*resource.path, "roleRef", "name"))
    elif resource.kind == "StatefulSet" and as_text(spec.get("serviceName")):
        yield Reference("Service", spec["serviceName"], (*base, "serviceName"))
    elif resource.kind == "PersistentVolume" and as_text(spec.get("storageClassName")):
        yield Reference("StorageClass", spec["storageClassName"], (*base, "storageClassName"))
    made = {as_text(as_map(as_map(t).get("metadata")).get("name")) for t in as_list(spec.get("volumeClaimTemplates"))}
    for pod in resource.pods:
        # A claim template takes the place of a volume of its name, whatever that volume says.
        yield from (r for r in _of_pod(pod) if r.kind != "PersistentVolumeClaim" or r.name not in made)


def _ingress(spec: dict[str, Any], base: NodePath) -> Iterator[Reference]:
    for i, rule in enumerate(map(as_map, as_list(spec.get("rules")))):
        for j, route in enumerate(map(as_map, as_list(as_map(rule.get("http")).get("paths")))):
            facts = {"host": as_text(rule.get("host")), "path": as_text(route.get("path")) or "/"}
            where = (*base, "rules", i, "http", "paths", j)
            yield from _backend(route.get("backend"), (*where, "backend"), facts, where)
    for key in ("defaultBackend", "backend"):
        yield from _backend(spec.get(key), (*base, key), {}, (*base, key))


def _backend(value: Any, path: NodePath, facts: dict[str, Any], route: NodePath) -> Iterator[Reference]:
    name, port = backend_of(value)
    if facts:
        yield Reference("Route", facts["host"] + facts["path"], route, facts=facts)
    if name:
        here = (*path, "service", "name") if "service" in value else (*path, "serviceName")
        yield Reference("Service", name, here, facts={} if port is None else {"port": port})


def _route(spec: dict[str, Any], base: NodePath) -> Iterator[Reference]:
    for i, rule in enumerate(map(as_map, as_list(spec.get("rules")))):
        for j, ref in enumerate(map(as_map, as_list(rule.get("backendRefs")))):
            if as_text(ref.get("group")) or ref.get("kind", "Service") != "Service" or not as_text(ref.get("name")):
                continue
            where = (*base, "rules", i, "backendRefs", j, "name")
            facts = {"port": ref["port"]} if isinstance(ref.get("port"), int) else {}
            yield Reference("Service", ref["name"], where, as_text(ref.get("namespace")), facts)


def _bound(role: dict[str, Any], path: NodePath) -> Iterator[Reference]:
    """The role that a binding gives, unless every cluster, or its distribution, brings it."""
    kind, name = as_text(role.get("kind")), as_text(role.get("name"))
    if kind in {"Role", "ClusterRole"} and not is_built_in(name):
        yield Reference(kind, name, path)


def _scaled(spec: dict[str, Any], base: NodePath) -> Iterator[Reference]:
    for key in ("scaleTargetRef", "targetRef"):
        target = as_map(spec.get(key))
        if as_text(target.get("name")):
            yield Reference(as_text(target.get("kind")) or "Deployment", target["name"], (*base, key, "name"))


def _peers(spec: dict[str, Any], base: NodePath) -> Iterator[Reference]:
    """Pods of the same namespace that a policy lets in or out."""
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(map(as_map, as_list(spec.get(direction)))):
            for j, peer in enumerate(map(as_map, as_list(rule.get(side)))):
                selector = as_map(peer.get("podSelector"))
                if selector and "namespaceSelector" not in peer:
                    where = (*base, direction, i, side, j, "podSelector")
                    yield Reference("Pod", "", where, facts={"selector": selector})


def _of_pod(pod: Pod) -> Iterator[Reference]:
    base = (*pod.path, "spec")
    name = account_of(pod.spec)
    key = "serviceAccountName" if "serviceAccountName" in pod.spec else "serviceAccount"
    if name != "default":
        yield Reference("ServiceAccount", name, (*base, key))
    for container in pod.containers:
        for i, entry in enumerate(map(as_map, as_list(container.value.get("env")))):
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                where = (*container.path, "env", i, "valueFrom", key)
                yield from _named(as_map(entry.get("valueFrom")).get(key), kind, where)
        for i, entry in enumerate(map(as_map, as_list(container.value.get("envFrom")))):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                yield from _named(entry.get(key), kind, (*container.path, "envFrom", i, key))
    for volume in pod.volumes:
        yield from _named(volume.value.get("configMap"), "ConfigMap", (*volume.path, "configMap"))
        yield from _named(volume.value.get("secret"), "Secret", (*volume.path, "secret"), "secretName")
        claim = volume.value.get("persistentVolumeClaim")
        yield from _named(claim, "PersistentVolumeClaim", (*volume.path, "persistentVolumeClaim"), "claimName")


def _named(value: Any, kind: str, path: NodePath, field: str = "name") -> Iterator[Reference]:
    found = as_map(value)
    if as_text(found.get(field)) and found.get("optional") is not True:
        facts = {"key": found["key"]} if as_text(found.get("key")) else {}
        yield Reference(kind, found[field], (*path, field), facts=facts)
