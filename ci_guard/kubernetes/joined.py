"""Subjects with the values that rules about the whole repo ask for; a value that is not sure is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ci_guard.kubernetes.grants import Grants
from ci_guard.kubernetes.joins import BY_CLUSTER, Joins, Matches, peer
from ci_guard.kubernetes.lean import as_text
from ci_guard.kubernetes.pods import Pod
from ci_guard.kubernetes.references import Reference, references_of
from ci_guard.kubernetes.repository import Entry
from ci_guard.kubernetes.resources import Resource
from ci_guard.kubernetes.subjects import subjects
from ci_guard.model.subject import Subject

_MOST_NAMES = 10  # names in a value: enough for a message, and the engine copies every value
_IN_NAMESPACE: Final = {
    "policies": ("NetworkPolicy", "CiliumNetworkPolicy"),
    "limits": ("LimitRange",),
    "quotas": ("ResourceQuota",),
    "workloads": ("Deployment", "StatefulSet", "DaemonSet", "Pod", "Job", "CronJob"),
}
_OPEN_TYPES = frozenset({"NodePort", "LoadBalancer"})


class Joined:
    """Turns resources into subjects that know their surroundings."""

    def __init__(self, joins: Joins) -> None:
        self._joins = joins
        self._grants = Grants(joins)
        self._accounts: dict[tuple[str, str], set[str]] = {}
        self._targets: dict[tuple[str, str, str], list[Entry]] = {}
        self._backends: dict[str, list[Entry]] = {}
        self._hosts: dict[str, list[Entry]] = {}
        self._selectors: dict[str, list[Entry]] = {}
        for entries in joins.by_kind.values():
            for entry in entries:
                self._note(entry)

    def _note(self, entry: Entry) -> None:
        facts = entry.facts
        if "account" in facts:
            key = (self._joins.outside.namespace(entry), facts["account"])
            self._accounts.setdefault(key, set()).add(f"{entry.kind} {entry.id.name}")
        if "target" in facts:
            self._targets.setdefault((entry.kind, *facts["target"]), []).append(entry)
        for name in set(facts.get("backends", ())):
            self._backends.setdefault(name, []).append(entry)
        if entry.kind == "Service" and "hosts" in facts:
            for host in filter(None, facts["hosts"].split(",")):
                self._hosts.setdefault(host.strip(), []).append(entry)
            if facts["selector"]:
                self._selectors.setdefault(repr(sorted(facts["selector"].items())), []).append(entry)

    def subjects(self, resource: Resource, entry: Entry) -> Iterator[Subject]:
        """The subjects of `resource`, its references among them, with all that is sure about their surroundings."""
        repo = {"complete": self._joins.outside.knows(entry)}
        pods = iter(resource.pods)
        for subject in subjects(resource):
            subject.variables["repo"] = repo
            if subject.each == "resource":
                subject.variables |= self._of_resource(entry)
            elif subject.each == "pod":
                subject.variables |= self._of_pod(entry, next(pods))
            yield subject
        for reference in references_of(resource):
            match = {"kind": resource.kind, "group": resource.group, "reference": reference.kind}
            facts = {"kind": reference.kind, "name": reference.name, **reference.facts}
            variables = {"reference": facts, "repo": repo, "subject": f'{resource.kind} "{resource.name}"'}
            variables |= self._of_reference(entry, reference)
            yield Subject("reference", resource.id, reference.path, resource.document, variables, match=match)

    # The resource itself.

    def _of_resource(self, entry: Entry) -> dict[str, Any]:
        out: dict[str, Any] = {}
        facts, kind = entry.facts, entry.kind
        if "selector" in facts:
            wanted = "Service" if kind == "ServiceMonitor" else "Pod"
            self._put(out, "selected", entry, self._joins.selected(entry, facts["selector"], wanted), self._described)
        if kind == "Namespace":
            out |= self._of_namespace(entry)
        if "account" in facts:
            self._put(out, "budgets", entry, self._joins.selecting(entry, "PodDisruptionBudget"), _counted)
            self._put(out, "scalers", entry, self._scalers(entry), _counted)
        others = self._others(entry)
        if others is not None:
            out["duplicates"] = others
        return out

    def _put(
        self, out: dict[str, Any], name: str, entry: Entry, found: Matches, shape: Callable[[Matches], Any]
    ) -> None:
        if self._joins.settled(entry, found):
            out[name] = shape(found)

    def _described(self, found: Matches) -> dict[str, Any]:
        """The workloads that a selector matches: how many, their ports, and how few copies may run."""
        facts = [e.facts for e in found.sure]
        scaled = [s.facts["least"] for e in found.sure for s in self._scalers(e).sure]
        return {
            **_counted(found),
            "ports": sorted({p for f in facts for p in f.get("ports", ())}),
            "portNames": sorted({p for f in facts for p in f.get("port-names", ())}),
            "images": sorted({i for f in facts for i in f.get("images", ())})[:_MOST_NAMES],
            "replicas": sum(f.get("replicas", 1) for f in facts),
            "scaled": bool(scaled),
            "scaledTo": min((s for s in scaled if isinstance(s, int)), default=1),
        }

    def _scalers(self, entry: Entry) -> Matches:
        found = [
            scaler
            for kind in ("HorizontalPodAutoscaler", "ScaledObject")
            for scaler in self._targets.get((kind, entry.kind, entry.id.name), ())
        ]
        return self._joins.sort(entry, found)

    def _of_namespace(self, entry: Entry) -> dict[str, Any]:
        """How much of each kind stands in the namespace; known only if nothing is left without one."""
        counts = {}
        for name, kinds in _IN_NAMESPACE.items():
            found = [e for kind in kinds for e in self._joins.by_kind.get(kind, ())]
            homes = [self._joins.outside.namespace(e) for e in found]
            counts[name] = homes.count(entry.id.name)
            if not counts[name] and ("" in homes or not self._joins.outside.knows(entry)):
                return {}
        return {"ns": counts}

    def _others(self, entry: Entry) -> list[str] | None:
        """Others of the kind that claim the same; None where that cannot be known."""
        facts = entry.facts
        if "target" in facts:
            candidates = self._targets.get((entry.kind, *facts["target"]), [])
        elif entry.kind == "Service" and facts.get("hosts"):
            candidates = [e for h in facts["hosts"].split(",") for e in self._hosts.get(h.strip(), ())]
        elif entry.kind == "Service" and facts.get("selector"):
            candidates = self._selectors.get(repr(sorted(facts["selector"].items())), [])
        else:
            return None
        found = self._joins.sort(entry, (c for c in candidates if c.id.name != entry.id.name))
        return _names(found) if self._joins.settled(entry, found) else None

    # Pods.

    def _of_pod(self, entry: Entry, pod: Pod) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if "account" not in entry.facts:
            return out
        account = self._account(entry, pod)
        if account is not None:
            out["serviceAccount"] = account
        grants = self._grants.of(entry)
        if grants is not None:
            out["grants"] = grants
        policies = self._policies(entry)
        if policies is not None:
            out["networkPolicies"] = policies
        self._put(out, "selected", entry, self._joins.selecting(entry, "Service"), _counted)
        exposed = self._exposed(entry)
        if exposed is not None:
            out["exposed"] = exposed
        home = self._joins.outside.namespace(entry)
        if home and self._joins.outside.knows(entry):
            sharing = self._accounts[home, entry.facts["account"]] - {f"{entry.kind} {entry.id.name}"}
            out["workload"] = {"sharing": sorted(sharing)[:_MOST_NAMES]}
        return out

    def _account(self, entry: Entry, pod: Pod) -> dict[str, Any] | None:
        """Name and `automount`: the pod's own word, else the account's, else true."""
        name = entry.facts["account"]
        own = pod.spec.get("automountServiceAccountToken")
        if isinstance(own, bool):
            return {"name": name, "automount": own}
        found = self._joins.named(entry, "ServiceAccount", name)
        if found.sure:
            return {"name": name, "automount": all(e.facts.get("automount", True) for e in found.sure)}
        if name == "default" and self._joins.settled(entry, found):
            return {"name": name, "automount": True}
        return None

    def _policies(self, entry: Entry) -> dict[str, int] | None:
        """How many policies hold the pod, by direction."""
        found = [self._joins.selecting(entry, kind) for kind in _IN_NAMESPACE["policies"]]
        sure = [e for matches in found for e in matches.sure]
        cluster = any(kind in self._joins.by_kind for kind in BY_CLUSTER)
        maybe = cluster or any(matches.maybe for matches in found)
        if not self._joins.settled(entry, Matches(tuple(sure), maybe)):
            return None
        types = [t for e in sure for t in e.facts["types"]]
        return {"ingress": types.count("Ingress"), "egress": types.count("Egress")}

    def _exposed(self, entry: Entry) -> dict[str, list[str]] | None:
        """By what the pod can be reached from outside."""
        services = self._joins.selecting(entry, "Service")
        if not self._joins.settled(entry, services):
            return None
        open_ = [s for s in services.sure if s.facts["type"] in _OPEN_TYPES]
        routes = [r for s in services.sure for r in self._joins.sort(s, self._backends.get(s.id.name, ())).sure]
        return {"by": _names(Matches(tuple(open_))), "through": _names(Matches(tuple(routes)))}

    # References.

    def _of_reference(self, entry: Entry, reference: Reference) -> dict[str, Any]:
        if reference.kind == "Route":
            others = self._claimed(entry, reference)
            return {} if others is None else {"duplicates": others}
        if reference.kind == "StorageClass":
            found = Matches(tuple(self._joins.anywhere(reference.kind, reference.name)))
        elif reference.kind == "ClusterRole":
            found = self._joins.of_cluster(entry, reference.kind, reference.name)
        elif reference.kind == "Pod":
            found = self._joins.selected(entry, peer(reference.facts["selector"]))
        else:
            found = self._joins.named(entry, reference.kind, reference.name, reference.namespace)
        if not self._joins.settled(entry, found):
            return {}
        return {"target": {"found": bool(found.sure), **_fitting(found, reference.facts)}}

    def _claimed(self, entry: Entry, reference: Reference) -> list[str] | None:
        """Other Ingresses of the same class that claim the same host and path; variants of one share its name."""
        if not self._joins.outside.complete:
            return None
        host, path = as_text(reference.facts["host"]), as_text(reference.facts["path"])
        others = [
            other
            for other in self._joins.routes.get((host, path), ())
            if other.id.name != entry.id.name
            and other.facts["class"] == entry.facts.get("class", "")
            and self._joins.together(entry, other) is not None
        ]
        return _names(Matches(tuple(others))) if host else []


def _fitting(found: Matches, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Whether what was found has the port or key that was asked for; and what a storage class says of encryption."""
    out: dict[str, Any] = {}
    port, key = facts.get("port"), facts.get("key")
    if isinstance(port, int | str):
        out["hasPort"] = any(port in (*e.facts.get("ports", ()), *e.facts.get("port-names", ())) for e in found.sure)
    if isinstance(key, str):
        out["hasKey"] = any("keys" not in e.facts or key in e.facts["keys"] for e in found.sure)
    encrypted = [e.facts["encrypted"] for e in found.sure if "encrypted" in e.facts]
    if encrypted:
        out["encrypted"] = all(e == "true" for e in encrypted)
    return out


def _counted(found: Matches) -> dict[str, Any]:
    return {"count": len(found.sure), "names": _names(found)}


def _names(found: Matches) -> list[str]:
    return sorted({f"{e.kind} {e.id.name}" for e in found.sure})[:_MOST_NAMES]
