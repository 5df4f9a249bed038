"""Role and binding joined: what the ServiceAccount of a pod may do."""

from __future__ import annotations

from typing import Any, Final

from ci_guard.kubernetes.joins import Joins
from ci_guard.kubernetes.repository import Entry

_MOST = 200  # grants of one account: more are no better evidence
_EVERYTHING = (("*",), ("*",), ("*",), ())
_WRITE = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_EDIT = (
    (("",), ("pods", "pods/exec", "pods/attach", "pods/portforward", "secrets", "configmaps", "services"), _WRITE, ()),
    (("apps",), ("deployments", "daemonsets", "statefulsets", "replicasets"), _WRITE, ()),
)
_VIEW = ((("",), ("pods", "configmaps", "services", "events"), ("get", "list", "watch"), ()),)
BUILT_IN: Final = {
    "cluster-admin": (_EVERYTHING,),
    "admin": (*_EDIT, (("rbac.authorization.k8s.io",), ("roles", "rolebindings"), _WRITE, ())),
    "edit": _EDIT,
    "view": _VIEW,
}
"""The roles that every cluster has, as far as rules ask for them."""

_DISTRIBUTED: Final = frozenset(
    {
        "extension-apiserver-authentication-reader",
        "basic-user",
        "cluster-monitoring-view",
        "cluster-reader",
        "cluster-status",
        "self-provisioner",
        "storage-admin",
    }
)
"""Roles that Kubernetes or OpenShift brings under names without a prefix."""


def is_built_in(name: str) -> bool:
    """Whether a role of that name comes with Kubernetes, kubeadm or OpenShift: no repo need hold it."""
    return name in BUILT_IN or name in _DISTRIBUTED or name.startswith(("system:", "kubeadm:"))


class Grants:
    """Bindings by the account, or the group, that they name."""

    def __init__(self, joins: Joins) -> None:
        self._joins = joins
        self._accounts: dict[str, list[tuple[Entry, str]]] = {}
        self._groups: dict[str, list[Entry]] = {}
        for kind in ("RoleBinding", "ClusterRoleBinding"):
            for binding in joins.by_kind.get(kind, ()):
                self._note(binding)

    def _note(self, binding: Entry) -> None:
        for kind, namespace, name in binding.facts.get("subjects", ()):
            if kind == "ServiceAccount":
                self._accounts.setdefault(name, []).append((binding, namespace))
            elif kind == "Group":
                self._groups.setdefault(name, []).append(binding)

    def of(self, entry: Entry) -> list[dict[str, Any]] | None:
        """The rules that bind the account of the workload `entry`; None where they cannot be known."""
        bindings = self._bindings(entry)
        if bindings is None:
            return None
        grants: list[dict[str, Any]] = []
        for binding in bindings:
            rules = self._rules(binding)
            if rules is None:
                return None
            whole = binding.kind == "ClusterRoleBinding"
            role = binding.facts["role"][1]
            for groups, resources, verbs, names in rules:
                grants.append(
                    {"binding": binding.id.name, "role": role, "clusterWide": whole, "apiGroups": list(groups)}
                    | {"resources": list(resources), "verbs": list(verbs), "resourceNames": list(names)}
                )
        return grants[:_MOST]

    def _bindings(self, entry: Entry) -> list[Entry] | None:
        """The bindings that name the account; None where one only may."""
        home = self._joins.outside.namespace(entry)
        found: list[Entry] = []
        for binding, namespace in self._accounts.get(entry.facts["account"], ()):
            stated = namespace or ("" if binding.kind == "ClusterRoleBinding" else binding.id.namespace)
            if stated and home:
                same: bool | None = stated == home
            else:
                same = self._joins.together(entry, binding, "") if not stated else None
            if same is None:
                return None
            found += [binding] if same else []
        groups = (
            "system:serviceaccounts",
            "system:authenticated",
            *((f"system:serviceaccounts:{home}",) if home else ()),
        )
        found += [b for g in groups for b in self._groups.get(g, ()) if b.kind == "ClusterRoleBinding"]
        return found if found or self._joins.outside.knows(entry) else None

    def _rules(self, binding: Entry) -> Any:
        """The rules of the role that is bound; None for a role that is not in the repo."""
        kind, name = binding.facts["role"]
        if kind == "Role":
            sure = self._joins.named(binding, kind, name).sure
        else:
            if name in BUILT_IN:
                return BUILT_IN[name]
            sure = tuple(self._joins.anywhere(kind, name))
        if not sure:
            return None
        nearest = max(sure, key=lambda role: _shared(role.file, binding.file))
        return nearest.facts.get("rules", ())


def _shared(one: str, other: str) -> int:
    """How many letters of their paths two files share: variants of a role stand in the folder of their binding."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
