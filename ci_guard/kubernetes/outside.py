"""How much of a repo's deployment the repo shows: what Helm, Kustomize or somebody else adds is not seen.

A rule that says "there is none" must know that it sees everything; these facts say where it does not.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from ci_guard.kubernetes.kustomization import kustomization_of
from ci_guard.kubernetes.lean import as_list, as_map, as_text
from ci_guard.kubernetes.repository import Entry
from ci_guard.model.record import field, record
from ci_guard.model.subject import SubjectId

UNSEEN = frozenset({"helm-template", "template", "unreadable", "kustomization"})
"""The outcomes of files that bring resources which no index holds."""


@record(frozen=False)
class Outside:
    """What is known of what is not seen.

    `complete` is false where only a part of the repo was looked at. `folders` hold what is rendered elsewhere,
    `moved` are files and folders whose namespace a kustomization sets, `generated` what a kustomization makes.
    """

    complete: bool = True
    folders: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    generated: list[Entry] = field(default_factory=list)

    def note(self, path: str) -> None:
        """A file from which resources are made elsewhere; of a chart's template, the whole chart."""
        folder = path.partition("/templates/")[0] if "/templates/" in path else posixpath.dirname(path)
        self.folders.add("" if path.startswith("templates/") else folder)

    def note_kustomization(self, path: str, value: Any) -> None:
        """What the kustomization `value` at `path` adds to the files that it names."""
        fields = as_map(value)
        known = kustomization_of(path, fields)
        resources = [as_text(r) for key in ("resources", "bases", "components") for r in as_list(fields.get(key))]
        if fields.get("helmCharts") or fields.get("generators") or any("://" in r or "?ref=" in r for r in resources):
            self.note(path)
        if as_text(fields.get("namespace")):
            self.moved |= known.resources
        for key, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
            for made in map(as_map, as_list(fields.get(key))):
                if as_text(made.get("name")):
                    id = SubjectId(kind, made["name"], as_text(made.get("namespace")), "v1")
                    self.generated.append(Entry(path, 0, (key,), id))

    def knows(self, entry: Entry) -> bool:
        """Whether everything that is deployed beside `entry` is in the repo as it stands."""
        folder = posixpath.dirname(entry.file)
        return self.complete and not any(_on_one_branch(folder, other) for other in self.folders)

    def namespace(self, entry: Entry) -> str:
        """The namespace of a resource, "" where the file does not say or a kustomization says otherwise."""
        if self.moved and any(part in self.moved for part in _self_and_above(entry.file)):
            return ""
        return entry.id.namespace


def near(one: Entry, other: Entry) -> bool:
    """Whether two resources stand so close that one `kubectl apply` would bring both: in one folder or side by side."""
    a, b = posixpath.dirname(one.file), posixpath.dirname(other.file)
    if a == b or _on_one_branch(a, b):
        return True
    return posixpath.dirname(a) == posixpath.dirname(b) != ""


def _on_one_branch(one: str, other: str) -> bool:
    return one == other or _below(one, other) or _below(other, one)


def _below(inner: str, outer: str) -> bool:
    return outer == "" or inner.startswith(outer + "/")


def _self_and_above(path: str) -> Iterator[str]:
    while path:
        yield path
        path = posixpath.dirname(path)
