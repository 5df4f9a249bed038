"""The repo as a whole: what rules want to know of other resources, looked up in indexes, never searched.

Every answer is sure or not there: two resources belong together when both name the same namespace, or when neither
names one and they stand close together. Where only a maybe is found, or the repo does not show everything, the
variable is left out, and the engine reports the rule as not judged.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from ci_guard.kubernetes.lean import Facts, selector_of
from ci_guard.kubernetes.outside import Outside, near
from ci_guard.kubernetes.repository import Entry

BY_CLUSTER: Final = frozenset(
    {"CiliumClusterwideNetworkPolicy", "GlobalNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy"}
)
"""Policies of the whole cluster: where one is in the repo, a pod without a policy of its own is not judged."""


_NO_MAKERS: Final = frozenset(
    {"ServiceMonitor", "PodMonitor", "Probe", "PrometheusRule", "AlertmanagerConfig", "ScrapeConfig", "Issuer"}
    | {"ClusterIssuer", "Certificate", "SealedSecret", "ExternalSecret", "SecretStore", "VirtualService", "Gateway"}
    | {"DestinationRule", "ScaledObject", "CiliumNetworkPolicy", "ServiceEntry", "PeerAuthentication", "Kustomization"}
)
"""Custom kinds from which nobody makes pods and Services: any other may be an operator's order for some."""


class Matches(NamedTuple):
    """What a look-up found: what surely belongs to the asking resource, and whether something else might."""

    sure: tuple[Entry, ...] = ()
    maybe: bool = False


class Table:
    """Entries by a key, and below it by namespace: tenants with the same labels must not be searched through."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], dict[str, list[Entry]]] = {}

    def add(self, key: tuple[str, ...], namespace: str, entry: Entry) -> None:
        """Keep `entry` under `key`."""
        self._found.setdefault(key, {}).setdefault(namespace, []).append(entry)

    def get(self, key: tuple[str, ...], namespace: str) -> list[Entry]:
        """Those under `key` that are, or may be, in `namespace` ("" = nobody knows: all of them)."""
        found = self._found.get(key, {})
        if not namespace:
            return [entry for entries in found.values() for entry in entries]
        return [*found.get(namespace, ()), *found.get("", ())]

    def everywhere(self, key: tuple[str, ...]) -> list[Entry]:
        """Those under `key` in every namespace."""
        return self.get(key, "")


class Joins:
    """Look-ups over the entries of an index. Building is linear in the entries and their labels."""

    def __init__(self, entries: Iterable[Entry], outside: Outside) -> None:
        self.outside = outside
        self.by_kind: dict[str, list[Entry]] = {}
        self._by_name, self._by_label, self._by_selector, self._places = Table(), Table(), Table(), Table()
        self.routes: dict[tuple[str, str], list[Entry]] = {}
        self._seen: set[tuple[str, str, str]] = set()
        for entry in [*entries, *outside.generated]:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        kind, facts, home = entry.kind, entry.facts, self.outside.namespace(entry)
        self.by_kind.setdefault(kind, []).append(entry)
        self._by_name.add((kind, entry.id.name), home, entry)
        labelled = "Pod" if "account" in facts else kind
        for pair in facts.get("labels", {}).items():
            self._by_label.add((labelled, *pair), home, entry)
        if "labels" in facts:
            self._by_label.add((labelled,), home, entry)
        for route in facts.get("routes", ()):
            self.routes.setdefault(route, []).append(entry)
        if "selector" in facts:
            pairs = pairs_of(facts["selector"])
            if pairs or kind != "Service":
                self._by_selector.add((kind, *(min(pairs.items()) if pairs else ())), home, entry)
        for what, is_so in (("makers", makes_others(entry)), ("homes", "account" in facts)):
            place = (what, home, posixpath.dirname(entry.file))
            if is_so and place not in self._seen:  # one of each folder says enough
                self._seen.add(place)
                self._places.add((what,), home, entry)

    def together(self, one: Entry, other: Entry, namespace: str = "") -> bool | None:
        """Whether both are deployed to one namespace; None when nobody can say. `namespace` overrides that of `one`."""
        a, b = namespace or self.outside.namespace(one), self.outside.namespace(other)
        if a and b:
            return a == b
        return True if not a and not b and near(one, other) else None

    def settled(self, entry: Entry, found: Matches) -> bool:
        """Whether the answer may be relied upon: something is there, or surely nothing is."""
        return bool(found.sure) or (not found.maybe and self.outside.knows(entry))

    def sort(self, entry: Entry, candidates: Iterable[Entry], namespace: str = "") -> Matches:
        """Candidates sorted into what is sure and what may be."""
        verdicts = [(other, self.together(entry, other, namespace)) for other in candidates]
        return Matches(tuple(o for o, v in verdicts if v), any(v is None for _, v in verdicts))

    def named(self, entry: Entry, kind: str, name: str, namespace: str = "") -> Matches:
        """The resources of that kind and name beside `entry`, or in `namespace`."""
        home = namespace or self.outside.namespace(entry)
        return self._or_made(entry, self.sort(entry, self._by_name.get((kind, name), home), namespace), namespace)

    def _or_made(self, entry: Entry, found: Matches, namespace: str = "") -> Matches:
        """`found`, or a maybe where an operator is told to make things in the namespace."""
        if found.sure or found.maybe:
            return found
        makers = self._places.get(("makers",), namespace or self.outside.namespace(entry))
        return Matches(maybe=any(self._may_make(entry, maker, namespace) for maker in makers))

    def _may_make(self, entry: Entry, maker: Entry, namespace: str) -> bool:
        verdict = self.together(entry, maker, namespace)
        return near(entry, maker) if verdict is None else verdict

    def of_cluster(self, entry: Entry, kind: str, name: str) -> Matches:
        """The resources of that kind and name, for kinds that have no namespace."""
        return self._or_made(entry, Matches(tuple(self.anywhere(kind, name))))

    def anywhere(self, kind: str, name: str) -> list[Entry]:
        """The resources of that kind and name: for kinds that belong to the cluster."""
        return self._by_name.everywhere((kind, name))

    def selected(self, entry: Entry, selector: Facts, kind: str = "Pod") -> Matches:
        """The workloads (or, by `kind`, the Services) that a selector of `entry` matches."""
        home = self.outside.namespace(entry)
        lists = [self._by_label.get((kind, *pair), home) for pair in pairs_of(selector).items()]
        candidates = min(lists, key=len) if lists else self._by_label.get((kind,), home)
        found = self._or_made(entry, self.sort(entry, [c for c in candidates if fits(selector, c.facts["labels"])]))
        if found.sure or kind != "Pod":
            return found
        # A namespace of which the repo shows no pod at all is somebody else's.
        shown = any(self.together(entry, other) for other in self._places.get(("homes",), home))
        return found if shown else Matches(maybe=True)

    def selecting(self, entry: Entry, kind: str) -> Matches:
        """The resources of `kind` whose selector matches the pods of `entry`."""
        labels, home = entry.facts.get("labels", {}), self.outside.namespace(entry)
        keys = [(kind, *pair) for pair in labels.items()]
        found = [e for key in [*keys, (kind,)] for e in self._by_selector.get(key, home)]
        return self.sort(entry, [e for e in found if fits(e.facts["selector"], labels)])


def makes_others(entry: Entry) -> bool:
    """Whether an operator may make resources from this one: a custom kind without a pod that is not known better."""
    group = entry.id.api_version.rpartition("/")[0]
    custom = "." in group and not group.endswith(".k8s.io") and not group.endswith(".kubernetes.io")
    return custom and "account" not in entry.facts and entry.kind not in _NO_MAKERS


def pairs_of(selector: Mapping[str, Any]) -> dict[str, str]:
    """The label pairs of a selector: a Service's is the map itself."""
    pairs: dict[str, str] = selector["pairs"] if "expressions" in selector else dict(selector)
    return pairs


def fits(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector matches these labels."""
    if any(labels.get(key) != value for key, value in pairs_of(selector).items()):
        return False
    expressions = selector["expressions"] if "pairs" in selector and "expressions" in selector else ()
    return all(_holds(key, operator, values, labels) for key, operator, values in expressions)


def _holds(key: str, operator: str, values: tuple[str, ...], labels: Mapping[str, str]) -> bool:
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) == (operator == "Exists")


def peer(selector: Any) -> Facts:
    """The facts of a selector as it stands in a document."""
    return selector_of(selector)
