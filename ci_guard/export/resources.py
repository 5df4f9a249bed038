"""Which requests a policy is about: kinds as the API server's rules name them, by group, version and plural."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ci_guard.model.errors import RuleError


class Kind(NamedTuple):
    """A built-in kind: API group ("" is the core), the version that every supported cluster serves, the plural."""

    group: str
    version: str
    plural: str


_RBAC, _NETWORK = "rbac.authorization.k8s.io", "networking.k8s.io"
POD_KINDS: Final[Mapping[str, Kind]] = {
    "Pod": Kind("", "v1", "pods"),
    "PodTemplate": Kind("", "v1", "podtemplates"),
    "ReplicationController": Kind("", "v1", "replicationcontrollers"),
    "ReplicaSet": Kind("apps", "v1", "replicasets"),
    "Deployment": Kind("apps", "v1", "deployments"),
    "StatefulSet": Kind("apps", "v1", "statefulsets"),
    "DaemonSet": Kind("apps", "v1", "daemonsets"),
    "Job": Kind("batch", "v1", "jobs"),
    "CronJob": Kind("batch", "v1", "cronjobs"),
}
"""The built-in kinds that carry a pod."""

KINDS: Final[Mapping[str, Kind]] = {
    **POD_KINDS,
    "ConfigMap": Kind("", "v1", "configmaps"),
    "Endpoints": Kind("", "v1", "endpoints"),
    "LimitRange": Kind("", "v1", "limitranges"),
    "Namespace": Kind("", "v1", "namespaces"),
    "Node": Kind("", "v1", "nodes"),
    "PersistentVolume": Kind("", "v1", "persistentvolumes"),
    "PersistentVolumeClaim": Kind("", "v1", "persistentvolumeclaims"),
    "ResourceQuota": Kind("", "v1", "resourcequotas"),
    "Secret": Kind("", "v1", "secrets"),
    "Service": Kind("", "v1", "services"),
    "ServiceAccount": Kind("", "v1", "serviceaccounts"),
    "Role": Kind(_RBAC, "v1", "roles"),
    "ClusterRole": Kind(_RBAC, "v1", "clusterroles"),
    "RoleBinding": Kind(_RBAC, "v1", "rolebindings"),
    "ClusterRoleBinding": Kind(_RBAC, "v1", "clusterrolebindings"),
    "Ingress": Kind(_NETWORK, "v1", "ingresses"),
    "IngressClass": Kind(_NETWORK, "v1", "ingressclasses"),
    "NetworkPolicy": Kind(_NETWORK, "v1", "networkpolicies"),
    "PodDisruptionBudget": Kind("policy", "v1", "poddisruptionbudgets"),
    "HorizontalPodAutoscaler": Kind("autoscaling", "v2", "horizontalpodautoscalers"),
    "CSIDriver": Kind("storage.k8s.io", "v1", "csidrivers"),
    "StorageClass": Kind("storage.k8s.io", "v1", "storageclasses"),
    "PriorityClass": Kind("scheduling.k8s.io", "v1", "priorityclasses"),
    "RuntimeClass": Kind("node.k8s.io", "v1", "runtimeclasses"),
    "EndpointSlice": Kind("discovery.k8s.io", "v1", "endpointslices"),
    "CertificateSigningRequest": Kind("certificates.k8s.io", "v1", "certificatesigningrequests"),
    "CustomResourceDefinition": Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
    "APIService": Kind("apiregistration.k8s.io", "v1", "apiservices"),
    "MutatingWebhookConfiguration": Kind("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations"),
    "ValidatingWebhookConfiguration": Kind("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations"),
}
"""Built-in kinds by name."""

_ARGO, _FLUX, _ISTIO = "argoproj.io", "source.toolkit.fluxcd.io", "networking.istio.io"
_ANY = "*"
CUSTOM_KINDS: Final[Mapping[str, Kind]] = {
    "SecurityContextConstraints": Kind("security.openshift.io", _ANY, "securitycontextconstraints"),
    "Route": Kind("route.openshift.io", _ANY, "routes"),
    "BuildConfig": Kind("build.openshift.io", _ANY, "buildconfigs"),
    "APIServer": Kind("config.openshift.io", _ANY, "apiservers"),
    "SandboxTemplate": Kind("extensions.agents.x-k8s.io", _ANY, "sandboxtemplates"),
    "Workflow": Kind(_ARGO, _ANY, "workflows"),
    "WorkflowTemplate": Kind(_ARGO, _ANY, "workflowtemplates"),
    "ClusterWorkflowTemplate": Kind(_ARGO, _ANY, "clusterworkflowtemplates"),
    "Rollout": Kind(_ARGO, _ANY, "rollouts"),
    "Application": Kind(_ARGO, _ANY, "applications"),
    "AppProject": Kind(_ARGO, _ANY, "appprojects"),
    "PeerAuthentication": Kind("security.istio.io", _ANY, "peerauthentications"),
    "AuthorizationPolicy": Kind("security.istio.io", _ANY, "authorizationpolicies"),
    "DestinationRule": Kind(_ISTIO, _ANY, "destinationrules"),
    "VirtualService": Kind(_ISTIO, _ANY, "virtualservices"),
    "Gateway": Kind(_ISTIO, _ANY, "gateways"),
    "Certificate": Kind("cert-manager.io", _ANY, "certificates"),
    "TaskRun": Kind("tekton.dev", _ANY, "taskruns"),
    "PipelineRun": Kind("tekton.dev", _ANY, "pipelineruns"),
    "GitRepository": Kind(_FLUX, _ANY, "gitrepositories"),
    "HelmRepository": Kind(_FLUX, _ANY, "helmrepositories"),
    "OCIRepository": Kind(_FLUX, _ANY, "ocirepositories"),
    "Bucket": Kind(_FLUX, _ANY, "buckets"),
    "TLSOption": Kind("traefik.io", _ANY, "tlsoptions"),
}
"""Custom kinds that rules of the catalogue are about, in any version that a cluster serves. None carries a pod here."""

ALL_KINDS: Final[Mapping[str, Kind]] = {**KINDS, **CUSTOM_KINDS}
_FOLLOWED: Final = frozenset({"kind", "group", "version", "pod-owner"})


def kinds_of(match: Mapping[str, tuple[str, ...]], *, pods: bool) -> tuple[str, ...]:
    """The kinds that a rule with this `match` looks at, in the order of the table.

    Raises RuleError when the API server's rules cannot say what `match` says.
    """
    foreign = sorted(match.keys() - _FOLLOWED)
    if foreign:
        raise RuleError(f"a policy cannot match by {', '.join(foreign)}")
    table = POD_KINDS if pods else ALL_KINDS
    asked = [set(match[key]) for key in ("kind", "pod-owner") if key in match]
    if not asked and not pods:
        raise RuleError("it names no kinds, and a policy for everything would stand in every request's way")
    named = set.intersection(*asked) if asked else set(table)
    unknown = sorted(named - ALL_KINDS.keys())
    # Pods of custom kinds are judged when their controllers create them, or a built-in kind in between.
    if unknown and not (pods and named & POD_KINDS.keys()):
        raise RuleError(f"the resource of kind {', '.join(unknown)} is not known")
    found = tuple(kind for kind in table if kind in named and _fits(table[kind], match))
    if not found:
        raise RuleError("no built-in kind matches it, and no custom one that is known")
    return found


def _fits(kind: Kind, match: Mapping[str, tuple[str, ...]]) -> bool:
    versions = match.get("version", (kind.version,))
    return kind.group in match.get("group", (kind.group,)) and kind.version in (_ANY, *versions)


def match_constraints(kinds: tuple[str, ...]) -> dict[str, Any]:
    """`matchConstraints` for creating and changing objects of the kinds; a pod's ephemeral containers are its own."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in kinds:
        kind = ALL_KINDS[name]
        plurals = groups.setdefault((kind.group, kind.version), [])
        plurals += [kind.plural, "pods/ephemeralcontainers"] if name == "Pod" else [kind.plural]
    rules = [
        {"apiGroups": [group], "apiVersions": [version], "operations": ["CREATE", "UPDATE"], "resources": plurals}
        for (group, version), plurals in groups.items()
    ]
    return {"matchPolicy": "Equivalent", "resourceRules": rules}
