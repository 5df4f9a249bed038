"""Configuration files of components as subjects (`each: kubelet`): the file over its versioned defaults.

A field that nobody wrote has its default when rules look at it; a finding about it stands at the nearest field that
is written. Defaults: `SetDefaults_KubeletConfiguration` and its siblings, as far as rules read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ci_guard.kubernetes import audit
from ci_guard.kubernetes.kubeadm import GROUP as KUBEADM
from ci_guard.kubernetes.resources import Resource
from ci_guard.model.subject import Subject
from ci_guard.source.document import Document

READERS: Final[Mapping[tuple[str, str], str]] = {
    ("kubelet.config.k8s.io", "KubeletConfiguration"): "kubelet",
    ("kubeproxy.config.k8s.io", "KubeProxyConfiguration"): "kube-proxy",
    ("kubescheduler.config.k8s.io", "KubeSchedulerConfiguration"): "kube-scheduler",
    ("apiserver.config.k8s.io", "EncryptionConfiguration"): "kube-apiserver",
    ("apiserver.config.k8s.io", "AdmissionConfiguration"): "kube-apiserver",
    ("apiserver.config.k8s.io", "AuthenticationConfiguration"): "kube-apiserver",
    ("apiserver.config.k8s.io", "AuthorizationConfiguration"): "kube-apiserver",
    ("apiserver.k8s.io", "AdmissionConfiguration"): "kube-apiserver",
    ("apiserver.k8s.io", "AuthenticationConfiguration"): "kube-apiserver",
    ("apiserver.k8s.io", "AuthorizationConfiguration"): "kube-apiserver",
    ("pod-security.admission.config.k8s.io", "PodSecurityConfiguration"): "kube-apiserver",
    ("audit.k8s.io", "Policy"): "kube-apiserver",
}
"""API group and kind of a file -> the program that reads it."""

KINDS: Final = frozenset(kind for _, kind in READERS)

_KUBELET: Final[Mapping[str, Any]] = {
    "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}, "x509": {"clientCAFile": ""}},
    "authorization": {"mode": "Webhook"},
    "eventRecordQPS": 50,
    "featureGates": {},
    "makeIPTablesUtilChains": True,
    "podPidsLimit": -1,
    "protectKernelDefaults": False,
    "readOnlyPort": 0,
    "rotateCertificates": False,
    "seccompDefault": False,
    "serverTLSBootstrap": False,
    "streamingConnectionIdleTimeout": "4h0m0s",
    "tlsCertFile": "",
    "tlsCipherSuites": [],
    "tlsMinVersion": "",
    "tlsPrivateKeyFile": "",
}
_KUBEADM_KUBELET: Final[Mapping[str, Any]] = {
    "authentication": {"x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"}},
    "rotateCertificates": True,
}
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "kubelet.config.k8s.io/v1beta1": _KUBELET,
    "kubeproxy.config.k8s.io/v1alpha1": {"metricsBindAddress": "127.0.0.1:10249"},
    "kubescheduler.config.k8s.io/v1beta3": {"enableProfiling": True},
    "kubescheduler.config.k8s.io/v1": {"enableProfiling": True},
}


def reader_of(resource: Resource) -> str:
    """The program that a resource configures, "" if it is no such file."""
    return READERS.get((resource.group, resource.kind), "")


def config_of(resource: Resource) -> Iterator[Subject]:
    """The subject of a configuration file, none for any other resource."""
    program = reader_of(resource)
    if not program:
        return
    match = {"kind": resource.kind, "group": resource.group, "version": resource.version, "program": program}
    variables = {"config": _config(resource), "subject": resource.kind}
    if resource.kind == "Policy":
        variables["audit"] = {"levels": audit.levels(resource.value)}
    yield Subject("kubelet", resource.id, resource.path, resource.document, variables, match=match)


def _config(resource: Resource) -> dict[str, Any]:
    defaults: Any = _DEFAULTS.get(resource.api_version, {})
    if resource.kind == "KubeletConfiguration" and _with_kubeadm(resource):
        defaults = merged(defaults, _KUBEADM_KUBELET)
    config: dict[str, Any] = merged(defaults, resource.value)
    if config.get("metricsBindAddress") == "":
        config["metricsBindAddress"] = defaults.get("metricsBindAddress", "")
    return config


def _with_kubeadm(resource: Resource) -> bool:
    """Whether the file stands beside kubeadm's configuration: then kubeadm completes it before a kubelet reads it."""
    document = resource.document
    return isinstance(document, Document) and f"{KUBEADM}/" in document.text.text


def merged(defaults: Any, value: Any) -> Any:
    """`value` over `defaults`, map by map; a list or scalar replaces the default whole."""
    if not isinstance(defaults, Mapping) or not isinstance(value, dict):
        return value
    out = {key: merged(child, value[key]) if key in value else child for key, child in defaults.items()}
    return {**out, **{key: child for key, child in value.items() if key not in defaults}}
