"""The repo as a whole: a small index of its resources for rules that need more than one file.

It keeps names, labels and places, never documents, and is bounded: beyond the bound it says so (`complete` is
false), and rules that need all of the repo must not judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ci_guard.kubernetes.namespaces import NamespacePolicy, namespace_policy
from ci_guard.kubernetes.resources import Resource
from ci_guard.model.location import NodePath
from ci_guard.model.record import field, record
from ci_guard.model.subject import SubjectId

MAX_ENTRIES = 200_000


@record
class Entry:
    """Where a resource is: file, number of the document in it (0-based), path in the document.

    `facts` is what joins need to know of it (see `lean.py`); empty where only one file is looked at.
    """

    file: str
    document: int
    path: NodePath
    id: SubjectId
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def kind(self) -> str:
        """The resource's kind."""
        return self.id.kind


@record
class NamespaceEntry:
    """A Namespace object and what its labels ask of its pods."""

    entry: Entry
    policy: NamespacePolicy


class Index:
    """The resources of a repo by kind, namespace and name; joins of later rules are looked up here.

    Fill it with `add` file by file, in any order; answers are sorted by place, so that file order does not show.
    """

    def __init__(self, limit: int = MAX_ENTRIES) -> None:
        self._limit = limit
        self._count = 0
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        self._namespaces: dict[str, list[NamespaceEntry]] = {}
        self.complete = True

    def __len__(self) -> int:
        return self._count

    def add(self, resource: Resource, document: int = 0, facts: Mapping[str, Any] | None = None) -> None:
        """Keep `resource`, member of the `document`-th document of its file; beyond the bound, only note the loss."""
        if self._count >= self._limit:
            self.complete = False
            return
        self._count += 1
        entry = Entry(resource.document.path, document, resource.path, resource.id, facts or {})
        self._entries.setdefault((resource.kind, resource.name), []).append(entry)
        if resource.kind == "Namespace" and not resource.group:
            labels: Any = resource.metadata.get("labels")
            policy = namespace_policy(labels, (*resource.path, "metadata", "labels"))
            self._namespaces.setdefault(resource.name, []).append(NamespaceEntry(entry, policy))

    def update(self, other: Index) -> None:
        """Take over what another index (of another worker) holds."""
        for key, entries in other._entries.items():
            self._entries.setdefault(key, []).extend(entries)
        for name, namespaces in other._namespaces.items():
            self._namespaces.setdefault(name, []).extend(namespaces)
        self._count += other._count
        self.complete = self.complete and other.complete and self._count <= self._limit

    def find(self, kind: str, name: str, namespace: str | None = None) -> Sequence[Entry]:
        """The resources of that kind and name; `namespace` None means in any."""
        found = self._entries.get((kind, name), [])
        return sorted((e for e in found if namespace is None or e.id.namespace == namespace), key=_place)

    def namespaces(self, name: str) -> Sequence[NamespaceEntry]:
        """The Namespace objects of that name; overlays may define one several times."""
        return sorted(self._namespaces.get(name, []), key=lambda n: _place(n.entry))

    def __iter__(self) -> Iterator[Entry]:
        """All entries by place."""
        return iter(sorted((e for entries in self._entries.values() for e in entries), key=_place))


def _place(entry: Entry) -> tuple[str, int, str]:
    return (entry.file, entry.document, repr(entry.path))
