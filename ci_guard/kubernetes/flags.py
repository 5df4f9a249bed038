"""Command lines of Kubernetes components -> flags, read as the programs themselves read them.

pflag's ways that surprise: `--anonymous-auth false` is *true* and a stray argument, since a boolean takes its value
only behind `=`; `_` in a name counts as `-`; of a repeated flag the last one wins, but lists and feature gates grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ci_guard.model.location import NodePath
from ci_guard.model.record import field, record

_BOOLEAN = """
every program:
  add-dir-header alsologtostderr contention-profiling help leader-elect log-json-split-stream logtostderr one-output
  permit-address-sharing permit-port-sharing profiling skip-headers skip-log-headers version
kube-apiserver:
  allow-privileged anonymous-auth audit-log-compress audit-log-truncate-enabled audit-webhook-truncate-enabled
  disable-http2-serving emulation-forward-compatible enable-aggregator-routing enable-bootstrap-token-auth
  enable-garbage-collector enable-logs-handler enable-priority-and-fairness enable-swagger-ui
  encryption-provider-config-automatic-reload kubelet-https repair-malformed-updates
  runtime-config-emulation-forward-compatible service-account-extend-token-expiration service-account-lookup
  watch-cache
kube-controller-manager, kube-scheduler:
  allocate-node-cidrs authentication-skip-lookup authentication-tolerate-lookup-failure configure-cloud-routes
  disable-attach-detach-reconcile-sync disable-force-detach-on-timeout enable-dynamic-provisioning
  enable-hostpath-provisioner enable-leader-migration use-service-account-credentials
  volume-host-allow-local-loopback
kube-proxy:
  bind-address-hard-fail cleanup cleanup-ipvs enable-dsr forward-healthcheck-vip init-only
  iptables-localhost-nodeports ipvs-strict-arp masquerade-all
kubelet:
  authentication-token-webhook cgroups-per-qos cpu-cfs-quota enable-controller-attach-detach
  enable-debugging-handlers enable-server exit-on-lock-contention fail-cgroupv1 fail-swap-on
  keep-terminated-pod-volumes kernel-memcg-notification local-storage-capacity-isolation make-iptables-util-chains
  protect-kernel-defaults really-crash-for-testing register-node register-schedulable rotate-certificates
  rotate-server-certificates runonce seccomp-default serialize-image-pulls
etcd:
  auto-tls client-cert-auth debug enable-grpc-gateway enable-log-rotation enable-pprof enable-v2
  experimental-compact-hash-check-enabled experimental-enable-distributed-tracing
  experimental-enable-lease-checkpoint experimental-enable-lease-checkpoint-persist
  experimental-initial-corrupt-check experimental-memory-mlock experimental-stop-grpc-service-on-defrag
  force-new-cluster initial-election-tick-advance peer-auto-tls peer-client-cert-auth
  peer-skip-client-san-verification pre-vote socket-reuse-address socket-reuse-port strict-reconfig-check
  unsafe-no-fsync
"""

BOOLEAN: Final = frozenset(word for line in _BOOLEAN.splitlines() if line.startswith(" ") for word in line.split())
"""Flags that take no value but behind `=`, of all programs whose flags are judged."""

GROWING: Final = frozenset(
    {"authorization-mode", "disable-admission-plugins", "enable-admission-plugins", "feature-gates"}
    | {"tls-cipher-suites"}
)
"""Lists and maps: written again, they grow."""

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@record
class Word:
    """One argument of a command line, and the node that it is written in."""

    text: str
    place: NodePath


@record(frozen=False)
class Flags:
    """Name (with `-`, without leading dashes) -> value, and where each one is written.

    Booleans are `true` or `false` however they were spelt; what is no boolean there stays as it is.
    """

    values: dict[str, str] = field(default_factory=dict)
    places: dict[str, NodePath] = field(default_factory=dict)

    def set(self, name: str, value: str, place: NodePath | None = None) -> None:
        """Set a flag as the program would, on top of what is set already."""
        name = normal(name)
        if name in BOOLEAN:
            value = boolean(value)
        if name in GROWING and name in self.places:
            value = f"{self.values[name]},{value}"
        self.values[name] = value
        if place is not None:
            self.places[name] = place

    def default(self, values: Iterable[tuple[str, str]]) -> None:
        """Fill in what is not set."""
        for name, value in values:
            self.values.setdefault(name, value)


def normal(name: str) -> str:
    """The name of a flag as Kubernetes compares it."""
    return name.replace("_", "-")


def boolean(value: str) -> str:
    """A boolean as Go's `ParseBool` reads it; anything else unchanged."""
    return "true" if value in _TRUE else "false" if value in _FALSE else value


def parse(words: Iterable[Word]) -> Flags:
    """The flags of a command line behind the name of its program. Never raises."""
    flags = Flags()
    for name, value, place in _settings(words):
        flags.set(name, value, place)
    return flags


def _settings(words: Iterable[Word]) -> Iterator[tuple[str, str, NodePath]]:
    waiting: Word | None = None  # a flag whose value is the next word
    for word in words:
        if waiting is not None:
            yield waiting.text, word.text, waiting.place
            waiting = None
            continue
        if word.text == "--":
            return
        name, equals, value = word.text.partition("=")
        if not name.startswith("-") or not (name := name.lstrip("-")):
            continue  # a stray argument: the programs ignore it or refuse to start
        if equals:
            yield name, value, word.place
        elif normal(name) in BOOLEAN:
            yield name, "true", word.place
        elif not (len(name) == 1 and word.text[1] != "-"):
            waiting = Word(name, word.place)
    if waiting is not None:
        yield waiting.text, "", waiting.place
