"""What the index keeps of a resource for joins: names, labels, ports, rules; never its document, never a value.

Values of any type may stand anywhere: what is not of the type that is read here counts as absent; that it is wrong
is said by the rules about wrong types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ci_guard.kubernetes.resources import Resource

Facts = dict[str, Any]
_MOST = 500  # members of one list that are kept: more is nobody's manifest, and memory must stay bounded


def as_map(value: Any) -> dict[str, Any]:
    """`value` if it is a map, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """`value` if it is text, else ""."""
    return value if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    """The texts of a list."""
    return [v for v in as_list(value)[:_MOST] if isinstance(v, str)]


def lean_facts(resource: Resource) -> Facts:
    """The facts of `resource`; empty for kinds that no join looks at."""
    spec = as_map(resource.value.get("spec"))
    reader = _READERS.get((resource.group, resource.kind))
    facts = reader(resource.value) if reader else {}
    if resource.pods:
        facts |= _workload(resource, spec)
    return facts


def _workload(resource: Resource, spec: Mapping[str, Any]) -> Facts:
    pod = resource.pods[0]
    replicas = spec.get("replicas", 1)
    containers = [as_map(c) for c in as_list(pod.spec.get("containers"))]
    ports = [as_map(p) for c in containers for p in as_list(c.get("ports"))]
    return {
        "labels": _labels(pod.metadata.get("labels")),
        "account": account_of(pod.spec),
        "replicas": replicas if isinstance(replicas, int) and not isinstance(replicas, bool) else 1,
        "ports": [p["containerPort"] for p in ports[:_MOST] if isinstance(p.get("containerPort"), int)],
        "port-names": [n for p in ports[:_MOST] if (n := as_text(p.get("name")))],
        "images": [i for c in containers[:_MOST] if (i := as_text(c.get("image")))],
    }


def account_of(spec: Mapping[str, Any]) -> str:
    """The ServiceAccount that a pod runs as."""
    return as_text(spec.get("serviceAccountName")) or as_text(spec.get("serviceAccount")) or "default"


def _labels(value: Any) -> dict[str, str]:
    return {k: v for k, v in list(as_map(value).items())[:_MOST] if isinstance(v, str)}


def _selector(value: Any) -> Facts:
    """A label selector: pairs and expressions."""
    selector = as_map(value)
    expressions = [
        (as_text(e.get("key")), as_text(e.get("operator")), tuple(texts(e.get("values"))))
        for e in as_list(selector.get("matchExpressions"))[:_MOST]
        if isinstance(e, dict)
    ]
    return {"pairs": _labels(selector.get("matchLabels")), "expressions": expressions}


def selector_of(value: Any) -> Facts:
    """The facts of a label selector as they stand in NetworkPolicies, budgets and monitors."""
    return _selector(value)


def _service(value: Facts) -> Facts:
    spec = as_map(value.get("spec"))
    annotations = as_map(as_map(value.get("metadata")).get("annotations"))
    return {
        "selector": _labels(spec.get("selector")),
        "labels": _labels(as_map(value.get("metadata")).get("labels")),
        "type": as_text(spec.get("type")) or "ClusterIP",
        "ports": [p["port"] for p in map(as_map, as_list(spec.get("ports"))[:_MOST]) if isinstance(p.get("port"), int)],
        "port-names": [n for p in map(as_map, as_list(spec.get("ports"))[:_MOST]) if (n := as_text(p.get("name")))],
        "hosts": as_text(annotations.get("external-dns.alpha.kubernetes.io/hostname")),
    }


def _ingress(value: Facts) -> Facts:
    spec = as_map(value.get("spec"))
    routes, backends = [], []
    for rule in map(as_map, as_list(spec.get("rules"))[:_MOST]):
        for path in map(as_map, as_list(as_map(rule.get("http")).get("paths"))[:_MOST]):
            routes.append((as_text(rule.get("host")), as_text(path.get("path")) or "/"))
            backends.append(backend_of(path.get("backend"))[0])
    backends.append(backend_of(spec.get("defaultBackend") or spec.get("backend"))[0])
    annotations = as_map(as_map(value.get("metadata")).get("annotations"))
    named = as_text(spec.get("ingressClassName")) or as_text(annotations.get("kubernetes.io/ingress.class"))
    return {"routes": routes, "backends": [b for b in backends if b], "class": named}


def backend_of(value: Any) -> tuple[str, Any]:
    """Service and port (number, name or None) that a backend of an Ingress names, in old or new form."""
    backend = as_map(value)
    service = as_map(backend.get("service"))
    port = as_map(service.get("port"))
    number = port.get("number", port.get("name")) if service else backend.get("servicePort")
    return as_text(service.get("name")) or as_text(backend.get("serviceName")), number


def _policy(value: Facts) -> Facts:
    spec = as_map(value.get("spec"))
    kinds = texts(spec.get("policyTypes")) or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return {"selector": _selector(spec.get("podSelector")), "types": kinds}


def _cilium(value: Facts) -> Facts:
    spec = as_map(value.get("spec"))
    kinds = [t for t in ("Ingress", "Egress") if t.lower() in spec or t.lower() + "Deny" in spec]
    return {"selector": _selector(spec.get("endpointSelector")), "types": kinds}


def _budget(value: Facts) -> Facts:
    spec = as_map(value.get("spec"))
    return {"selector": _selector(spec.get("selector")), "least": spec.get("minAvailable")}


def _scaler(value: Facts) -> Facts:
    spec = as_map(value.get("spec"))
    target = as_map(spec.get("scaleTargetRef") or spec.get("targetRef"))
    least = spec.get("minReplicas", 1)
    return {"target": (as_text(target.get("kind")), as_text(target.get("name"))), "least": least}


def _role(value: Facts) -> Facts:
    rules = [
        tuple(tuple(texts(rule.get(key))) for key in ("apiGroups", "resources", "verbs", "resourceNames"))
        for rule in map(as_map, as_list(value.get("rules"))[:_MOST])
    ]
    return {"rules": rules}


def _binding(value: Facts) -> Facts:
    role = as_map(value.get("roleRef"))
    subjects = [
        (as_text(s.get("kind")), as_text(s.get("namespace")), as_text(s.get("name")))
        for s in map(as_map, as_list(value.get("subjects"))[:_MOST])
    ]
    return {"role": (as_text(role.get("kind")), as_text(role.get("name"))), "subjects": subjects}


def _account(value: Facts) -> Facts:
    mounts = value.get("automountServiceAccountToken")
    return {"automount": mounts} if isinstance(mounts, bool) else {}


def _keys(value: Facts) -> Facts:
    keys = {k for field in ("data", "binaryData", "stringData") for k in as_map(value.get(field)) if isinstance(k, str)}
    return {"keys": sorted(keys)[:_MOST]}


def _class(value: Facts) -> Facts:
    encrypted = as_map(value.get("parameters")).get("encrypted")
    return {"encrypted": encrypted} if isinstance(encrypted, str) else {}


_RBAC: Final = "rbac.authorization.k8s.io"
_READERS: Final[Mapping[tuple[str, str], Callable[[Facts], Facts]]] = {
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("extensions", "Ingress"): _ingress,
    ("networking.k8s.io", "NetworkPolicy"): _policy,
    ("cilium.io", "CiliumNetworkPolicy"): _cilium,
    ("policy", "PodDisruptionBudget"): _budget,
    ("monitoring.coreos.com", "ServiceMonitor"): _budget,
    ("autoscaling", "HorizontalPodAutoscaler"): _scaler,
    ("autoscaling.k8s.io", "VerticalPodAutoscaler"): _scaler,
    ("keda.sh", "ScaledObject"): _scaler,
    (_RBAC, "Role"): _role,
    (_RBAC, "ClusterRole"): _role,
    (_RBAC, "RoleBinding"): _binding,
    (_RBAC, "ClusterRoleBinding"): _binding,
    ("", "ServiceAccount"): _account,
    ("", "ConfigMap"): _keys,
    ("storage.k8s.io", "StorageClass"): _class,
}
