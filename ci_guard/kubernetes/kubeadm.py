"""kubeadm and Cluster API: the programs that their configuration starts, with kubeadm's own defaults merged in.

What is judged is what runs: a default that nobody wrote counts, and an `extraArgs` entry overrides it by name.
Defaults: kubeadm's `getAPIServerCommand`, `getControllerManagerCommand`, `getSchedulerCommand`, `getEtcdCommand` and
the kubelet's flags; `extraArgs` is a map in v1beta3 (Cluster API v1beta1) and a list in v1beta4 (v1beta2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ci_guard.kubernetes.flags import Flags
from ci_guard.kubernetes.programs import FLAGS, Program
from ci_guard.kubernetes.resources import Resource
from ci_guard.model.location import NodePath
from ci_guard.model.record import field, record
from ci_guard.model.subject import Subject

GROUP: Final = "kubeadm.k8s.io"
_BOOTSTRAP: Final = "bootstrap.cluster.x-k8s.io"
_CONTROL_PLANE: Final = "controlplane.cluster.x-k8s.io"

_SPECS: Final[Mapping[tuple[str, str], NodePath]] = {
    (_CONTROL_PLANE, "KubeadmControlPlane"): ("spec", "kubeadmConfigSpec"),
    (_CONTROL_PLANE, "KubeadmControlPlaneTemplate"): ("spec", "template", "spec", "kubeadmConfigSpec"),
    (_BOOTSTRAP, "KubeadmConfig"): ("spec",),
    (_BOOTSTRAP, "KubeadmConfigTemplate"): ("spec", "template", "spec"),
}
"""Where each Cluster API kind keeps its `KubeadmConfigSpec`."""

_NODES: Final = {"InitConfiguration": "initConfiguration", "JoinConfiguration": "joinConfiguration"}
_TEXTS = (str, bool, int, float)


@record
class Section:
    """A map somewhere in the document; an absent one is empty and knows where it would stand."""

    value: Mapping[str, Any]
    path: NodePath

    def child(self, key: str) -> Section:
        """The map at `key`, empty if it is absent or something else."""
        value = self.value.get(key)
        return Section(value if isinstance(value, dict) else {}, (*self.path, key))

    def text(self, key: str, default: str = "") -> str:
        """The string at `key`."""
        value = self.value.get(key)
        return value if isinstance(value, str) and value else default

    @property
    def is_written(self) -> bool:
        """Whether anything is there."""
        return bool(self.value)


@record(frozen=False)
class Kubeadm:
    """The parts of a kubeadm configuration: one of the cluster or none, and those of nodes."""

    cluster: Section | None = None
    nodes: list[Section] = field(default_factory=list)


def is_kubeadm(resource: Resource) -> bool:
    """Whether a resource configures kubeadm, by itself or for Cluster API."""
    return resource.group == GROUP or (resource.group, resource.kind) in _SPECS


def config_spec(resource: Resource) -> Section | None:
    """The `KubeadmConfigSpec` of a Cluster API object."""
    path = _SPECS.get((resource.group, resource.kind))
    if path is None:
        return None
    section = Section(resource.value, resource.path)
    for key in path:
        section = section.child(str(key))
    return section


def programs_of(resource: Resource) -> Iterator[Subject]:
    """The components that a kubeadm or Cluster API object starts."""
    parts = _parts(resource)
    match = {"kind": resource.kind, "group": resource.group, "version": resource.version}
    if parts.cluster is not None:
        yield from _control_plane(resource, parts.cluster, match)
    for node in parts.nodes:
        kubelet = _program("kubelet", node, "kubeletExtraArgs", _KUBELET)
        yield kubelet.subject(resource.document, resource.id, match)


def _parts(resource: Resource) -> Kubeadm:
    here = Section(resource.value, resource.path)
    spec = config_spec(resource)
    if spec is None:
        cluster = here if resource.kind == "ClusterConfiguration" else None
        nodes = [here.child("nodeRegistration")] if resource.kind in _NODES else []
        return Kubeadm(cluster, [n for n in nodes if n.is_written])
    written = spec.child("clusterConfiguration")
    runs_control_plane = written.is_written or (resource.group == _CONTROL_PLANE and spec.is_written)
    nodes = [spec.child(key).child("nodeRegistration") for key in _NODES.values()]
    return Kubeadm(written if runs_control_plane else None, [n for n in nodes if n.is_written])


def _control_plane(resource: Resource, cluster: Section, match: Mapping[str, str]) -> Iterator[Subject]:
    pki = cluster.text("certificatesDir", "/etc/kubernetes/pki")
    etcd = cluster.child("etcd")
    server = _program(
        "kube-apiserver", cluster.child("apiServer"), "extraArgs", _apiserver(pki, etcd.child("external"))
    )
    yield server.subject(resource.document, resource.id, match)
    manager = _program("kube-controller-manager", cluster.child("controllerManager"), "extraArgs", _manager(pki))
    yield manager.subject(resource.document, resource.id, match)
    scheduler = _program("kube-scheduler", cluster.child("scheduler"), "extraArgs", _SCHEDULER)
    yield scheduler.subject(resource.document, resource.id, match)
    if not etcd.child("external").is_written:
        client_ca = server.flags.values.get("client-ca-file", "")
        local = _program("etcd", etcd.child("local"), "extraArgs", _etcd(pki))
        yield local.subject(resource.document, resource.id, match, client_ca=client_ca)


def _program(name: str, section: Section, key: str, defaults: Mapping[str, str]) -> Program:
    flags = Flags()
    path = (*section.path, key)
    for flag, value, place in _extra_args(section.value.get(key), path):
        flags.set(flag, value, place)
    if "authorization-config" in flags.values:
        defaults = {k: v for k, v in defaults.items() if k != "authorization-mode"}
    flags.default(defaults.items())
    _environment(name, section, flags)
    return Program(name, flags, (*section.path, FLAGS), path)


def _extra_args(value: Any, path: NodePath) -> Iterator[tuple[str, str, NodePath]]:
    """Name, value and place of each entry of `extraArgs`, map or list."""
    if isinstance(value, dict):
        for name, text in value.items():
            if isinstance(text, _TEXTS):
                yield str(name), _text(text), (*path, name)
    for index, item in enumerate(value if isinstance(value, list) else ()):
        name, text = (item.get("name"), item.get("value", "")) if isinstance(item, dict) else (None, None)
        if isinstance(name, str) and isinstance(text, _TEXTS):
            yield name, _text(text), (*path, index, "value") if "value" in item else (*path, index)


def _environment(name: str, section: Section, flags: Flags) -> None:
    """`extraEnvs` of v1beta4, which etcd reads flags from."""
    env = section.value.get("extraEnvs") if name == "etcd" else None
    for index, item in enumerate(env if isinstance(env, list) else ()):
        key, value = (item.get("name"), item.get("value")) if isinstance(item, dict) else (None, None)
        if isinstance(key, str) and isinstance(value, str) and key.startswith("ETCD_"):
            flag = key.removeprefix("ETCD_").lower().replace("_", "-")
            if flag not in flags.values:
                flags.set(flag, value, (*section.path, "extraEnvs", index))


def _text(value: str | bool | float) -> str:
    """A value that should have been quoted, as it would read if it were."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _apiserver(pki: str, external: Section) -> dict[str, str]:
    """What kubeadm starts the API server with; the flags that nobody judges are left out."""
    flags = {
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "client-ca-file": f"{pki}/ca.crt",
        "enable-admission-plugins": "NodeRestriction",
        "enable-bootstrap-token-auth": "true",
        "kubelet-client-certificate": f"{pki}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{pki}/apiserver-kubelet-client.key",
        "secure-port": "6443",
        "service-account-key-file": f"{pki}/sa.pub",
        "service-account-signing-key-file": f"{pki}/sa.key",
        "tls-cert-file": f"{pki}/apiserver.crt",
        "tls-private-key-file": f"{pki}/apiserver.key",
    }
    if not external.is_written:
        return flags | {
            "etcd-cafile": f"{pki}/etcd/ca.crt",
            "etcd-certfile": f"{pki}/apiserver-etcd-client.crt",
            "etcd-keyfile": f"{pki}/apiserver-etcd-client.key",
            "etcd-servers": "https://127.0.0.1:2379",
        }
    given = {"etcd-cafile": "caFile", "etcd-certfile": "certFile", "etcd-keyfile": "keyFile"}
    endpoints = external.value.get("endpoints")
    servers = ",".join(e for e in endpoints if isinstance(e, str)) if isinstance(endpoints, list) else ""
    files = {flag: external.text(key) for flag, key in given.items() if external.text(key)}
    return flags | files | ({"etcd-servers": servers} if servers else {})


def _manager(pki: str) -> dict[str, str]:
    return {
        "bind-address": "127.0.0.1",
        "client-ca-file": f"{pki}/ca.crt",
        "leader-elect": "true",
        "root-ca-file": f"{pki}/ca.crt",
        "service-account-private-key-file": f"{pki}/sa.key",
        "use-service-account-credentials": "true",
    }


_SCHEDULER: Final = {"bind-address": "127.0.0.1", "leader-elect": "true"}
_KUBELET: Final = {"config": "/var/lib/kubelet/config.yaml"}


def _etcd(pki: str) -> dict[str, str]:
    return {
        "cert-file": f"{pki}/etcd/server.crt",
        "client-cert-auth": "true",
        "key-file": f"{pki}/etcd/server.key",
        "peer-cert-file": f"{pki}/etcd/peer.crt",
        "peer-client-cert-auth": "true",
        "peer-key-file": f"{pki}/etcd/peer.key",
        "peer-trusted-ca-file": f"{pki}/etcd/ca.crt",
        "trusted-ca-file": f"{pki}/etcd/ca.crt",
    }
