"""What the API server writes into an object before admission policies see it, as far as rules could care."""

from __future__ import annotations

import copy
from typing import Any

TEMPLATES = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        ("ReplicationController", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job"), ("spec", "template")
    ),
}
_SPEC = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
    "securityContext": {},
    "enableServiceLinks": True,
}
_CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "resources": {}}
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_OTHERS: dict[str, dict[str, Any]] = {
    "Service": {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"},
    "Deployment": {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
    },
    "StatefulSet": {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
    },
    "DaemonSet": {
        "revisionHistoryLimit": 10,
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
    },
    "ReplicaSet": {"replicas": 1},
    "ReplicationController": {"replicas": 1},
    "Job": {"backoffLimit": 6, "completions": 1, "parallelism": 1, "completionMode": "NonIndexed", "suspend": False},
    "CronJob": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "HorizontalPodAutoscaler": {"minReplicas": 1},
    "NetworkPolicy": {"policyTypes": ["Ingress"]},
}


def defaulted(value: dict[str, Any]) -> dict[str, Any]:
    """A copy with defaults filled in; a bare Pod also gets what the admission plugins before policies add."""
    out = copy.deepcopy(value)
    kind = out["kind"]
    if kind in _OTHERS:
        _fill(out.setdefault("spec", {}), _OTHERS[kind])
    if kind in TEMPLATES:
        here = out
        for key in TEMPLATES[kind]:
            here = here.setdefault(key, {})
        _pod(here.setdefault("spec", {}), bare=kind == "Pod")
    return out


def _fill(target: dict[str, Any], defaults: dict[str, Any]) -> None:
    for key, value in defaults.items():
        target.setdefault(key, copy.deepcopy(value))


def _pod(spec: dict[str, Any], *, bare: bool) -> None:
    if "serviceAccount" in spec:  # one field under two names
        spec.setdefault("serviceAccountName", spec["serviceAccount"])
    _fill(spec, _SPEC)
    for volume in spec.get("volumes", []):
        for key in ("secret", "configMap", "projected", "downwardAPI"):
            if isinstance(volume.get(key), dict):
                volume[key].setdefault("defaultMode", 420)
        if isinstance(volume.get("hostPath"), dict):
            volume["hostPath"].setdefault("type", "")
    containers = [c for key in ("initContainers", "containers") for c in spec.get(key, [])]
    for container in containers:
        _one(container, host_network=bool(spec.get("hostNetwork")))
    if bare:
        _admitted(spec, containers)


def _one(container: dict[str, Any], *, host_network: bool) -> None:
    latest = ":" not in container.get("image", "").rpartition("/")[2] or container["image"].endswith(":latest")
    _fill(container, {**_CONTAINER, "imagePullPolicy": "Always" if latest else "IfNotPresent"})
    for port in container.get("ports", []):
        port.setdefault("protocol", "TCP")
        if host_network and "containerPort" in port:
            port.setdefault("hostPort", port["containerPort"])
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _fill(container[name], _PROBE)
            if "httpGet" in container[name]:
                _fill(container[name]["httpGet"], {"scheme": "HTTP", "path": "/"})
    resources = container["resources"]
    for key, limit in resources.get("limits", {}).items():
        resources.setdefault("requests", {}).setdefault(key, limit)


def _admitted(spec: dict[str, Any], containers: list[dict[str, Any]]) -> None:
    """ServiceAccount, DefaultTolerationSeconds and Priority."""
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    _fill(spec, {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"})
    for key in ("not-ready", "unreachable"):
        toleration = {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
        spec.setdefault("tolerations", []).append({**toleration, "tolerationSeconds": 300})
    if spec.get("automountServiceAccountToken") is False:
        return
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    token = {"name": "kube-api-access-abcde", "projected": {"defaultMode": 420, "sources": sources}}
    spec.setdefault("volumes", []).append(token)
    mount = {"name": "kube-api-access-abcde", "readOnly": True}
    for container in containers:
        path = "/var/run/secrets/kubernetes.io/serviceaccount"
        container.setdefault("volumeMounts", []).append({**mount, "mountPath": path})
