"""What the author of an unknown field meant: the name that it resembles, and the place where it belongs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ci_guard.kubernetes.schema import Field, Schemas
from ci_guard.kubernetes.structure import UnknownField
from ci_guard.model.location import NodePath

SECURITY: Final = frozenset(
    {"securityContext", "runAsNonRoot", "runAsUser", "runAsGroup", "privileged", "allowPrivilegeEscalation"}
    | {"readOnlyRootFilesystem", "capabilities", "seccompProfile", "appArmorProfile", "seLinuxOptions", "procMount"}
    | {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "automountServiceAccountToken", "serviceAccountName"}
    | {"shareProcessNamespace", "runtimeClassName", "supplementalGroups", "fsGroup", "sysctls", "policyTypes"}
    | {"resourceNames", "windowsOptions", "protectKernelDefaults", "readOnlyPort"}
)
"""Fields that protect, by names that mean nothing else: misspelt or misplaced they are taken for protection."""

_SECURITY_HERE: Final = frozenset(
    {"podSelector", "namespaceSelector", "ingress", "egress", "from", "to", "ports", "verbs", "apiGroups", "resources"}
    | {"roleRef", "subjects", "immutable", "tls", "readOnly", "limits", "drop", "add", "failurePolicy", "rules"}
    | {"authentication", "authorization", "anonymous", "webhook", "rotateCertificates", "tlsCipherSuites"}
)
"""Fields that protect, by names that mean other things elsewhere: they count where the type has them."""

_COMMON: Final = frozenset({"name", "kind", "type", "value", "key", "path", "status", "apiVersion"})
_ANYWHERE: Final = SECURITY | {"limits", "requests"}
_DEPTH: Final = 4


class Place(NamedTuple):
    """Where a field belongs: names of fields below a node that is there; `[]` after a name for each of its items."""

    base: NodePath
    below: tuple[str, ...]


class Suggestion(NamedTuple):
    """`name`: what was meant, "" if nothing is near; `place`: where that belongs, None if it was only misspelt."""

    name: str = ""
    place: Place | None = None
    security: bool = False


def suggest(flaw: UnknownField, schemas: Schemas, *, widely: bool = True) -> Suggestion:
    """What was meant by an unknown field. Looks in the type first, then around it, then among what protects.

    Not `widely`: only names that differ in case, `-` and `_` are recognised, since the rest is what costs.
    """
    owner = flaw.way[-1]
    if not widely:
        bare = _bare(flaw.name)
        name = next((n for n in (*schemas.fields(owner.type), *SECURITY) if _bare(n) == bare), "")
        return Suggestion(name, None, name in SECURITY)
    name = nearest(flaw.name, schemas.fields(owner.type))
    if name:
        return Suggestion(name, None, name in SECURITY or name in _SECURITY_HERE)
    name = flaw.name if flaw.name not in _COMMON else ""
    place = _place(name, flaw, schemas) if name else None
    if place is None and (meant := nearest(flaw.name, SECURITY)):
        return Suggestion(meant, _place(meant, flaw, schemas), security=True)
    return Suggestion(name if place else "", place, flaw.name in SECURITY)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that `name` is a slip of, "" if there is none; case, `-` and `_` do not count."""
    bare = _bare(name)
    best = ""
    least = 1 + min(3, len(bare) // 4)
    for candidate in known:
        if candidate != name and abs(len(candidate) - len(bare)) < least:
            distance = _distance(bare, _bare(candidate), least)
            if distance < least:
                best, least = candidate, distance
    return best


@lru_cache(maxsize=1000)
def _bare(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()[:80]


def _distance(one: str, other: str, limit: int) -> int:
    """How many letters to insert, drop, replace or swap with the next one; `limit` if it is not less."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        after = [i]
        for j, b in enumerate(other, 1):
            cost = min(row[j] + 1, after[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            after.append(cost)
        before, row = row, after
    return min(row[-1], limit)


def _place(name: str, flaw: UnknownField, schemas: Schemas) -> Place | None:
    """The nearest struct that has a field `name`: below where the flaw stands, else below what encloses it.

    It must be one that the author wrote, lest a field of one volume source be recommended for another.
    """
    for step in reversed(flaw.way):
        for below in _below(step.type, name, schemas):
            if (below or step is not flaw.way[-1]) and (name in _ANYWHERE or _is_written(step.value, below)):
                return Place(step.path, below)
    return None


def _is_written(value: Any, below: tuple[str, ...]) -> bool:
    for name in below:
        value = value.get(name.removesuffix("[]")) if isinstance(value, dict) else None
        if name.endswith("[]"):
            value = value[0] if isinstance(value, list) and value else None
    return isinstance(value, dict)


def _below(type_: str, name: str, schemas: Schemas) -> Iterator[tuple[str, ...]]:
    """Paths from a type to those that have a field, nearest first."""
    level: list[tuple[tuple[str, ...], str]] = [((), type_)]
    seen = {type_}
    for _ in range(_DEPTH):
        following: list[tuple[tuple[str, ...], str]] = []
        for path, here in level:
            fields = schemas.fields(here)
            if name in fields:
                yield path
            for key, field in fields.items():
                if "/" in field.element and field.element not in seen and _is_searched(key, field):
                    seen.add(field.element)
                    following.append(((*path, key + "[]" * field.type.count("[]")), field.element))
        level = following


def _is_searched(key: str, field: Field) -> bool:
    return key != "status" and field.type.count("[]") < 2 and "{}" not in field.type
