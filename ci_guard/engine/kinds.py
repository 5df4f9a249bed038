"""Subject kinds: what a rule with that `each` may read, and where its paths start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Kind(NamedTuple):
    """`root` is the variable at which `at` and `items` start; `variables` are all that expressions may name.

    `within` is the kind whose subjects carry this one ("" for a kind of its own), `own` what each member brings;
    everything else is said once, of the carrier. `admission` are the variables that an admission policy has too: a
    rule that reads others is not portable.
    """

    root: str
    variables: frozenset[str]
    within: str = ""
    own: frozenset[str] = frozenset()
    admission: frozenset[str] = frozenset()


# `selected` of a resource is what its selector matches; of a pod, the Services that match it.
_JOINED = frozenset({"serviceAccount", "grants", "networkPolicies", "workload", "exposed", "selected", "ns", "repo"})
_POD = frozenset({"pod"})


def _pod_part(root: str, *variables: str, derived: tuple[str, ...] = ()) -> Kind:
    own = frozenset(variables)
    return Kind(root, own | _POD | _JOINED, "pod", own, (own | _POD) - set(derived))


def _facts(*variables: str) -> Kind:
    return Kind(variables[0], frozenset(variables) | {"repo"})


KINDS: Final[Mapping[str, Kind]] = {
    "resource": Kind(
        "object",
        frozenset({"object", "api", "role", "target", "selected", "budgets", "scalers", "duplicates", "schedule"})
        | {"ns", "repo"},
        admission=frozenset({"object"}),
    ),
    # One mention of another resource; only where the whole repo is looked at.
    "reference": Kind("reference", frozenset({"reference", "target", "duplicates", "repo"})),
    "pod": Kind("pod", _POD | _JOINED, admission=_POD),
    "container": _pod_part("container", "container", "securityContext", "image", "duplicates", derived=("duplicates",)),
    # Pod and containers alike: paths start at what carries the `securityContext`, so `at` begins with that word.
    "security-context": _pod_part("", "securityContext"),
    "volume": _pod_part("volume", "volume"),
    "annotation": _pod_part("annotation", "annotation"),
    "program": _facts("flags", "program"),
    "kubelet": _facts("config", "audit"),
    "component": _facts("component"),
    "package-setting": _facts("setting"),
    "image": _facts("image"),
    "artifact": _facts("artifact"),
    "workflow": _facts("workflow"),
    "workflow-job": _facts("job"),
    "workflow-step": _facts("step", "job", "workflow"),
    "advisory-match": _facts("advisory", "component"),
}

NESTED: Final = tuple(each for each, kind in KINDS.items() if kind.within)
"""The kinds that a pod carries, in the order in which they are judged."""

VARIABLES: Final = frozenset[str]().union(*(k.variables for k in KINDS.values())) | {"item"}

MATCH_KEYS: Final[Mapping[str, str]] = {
    "kinds": "kind",
    "group": "group",
    "versions": "version",
    "pod-owners": "pod-owner",
    "programs": "program",
    "ecosystems": "ecosystem",
    "types": "type",
    "platforms": "platform",
    "files": "file",
    "references": "reference",
}
"""What a rule's `match` may say -> the key of `Subject.match` that it is compared with."""
