"""Subjects: what rooms turn the world into, and what rules judge.

A `Subject` is one thing with facts (`variables`: plain dict, list, str, int, float, bool; never None inside
a map) and a place in a document. A pod carries its containers, volumes and annotations as `Nested` subjects,
so that the engine can judge the whole pod in one go and still name the container and its line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ci_guard.model.location import FieldPath, Location, NodePath
from ci_guard.model.record import field, record


@record(order=True)
class SubjectId:
    """Names a subject without a line number, so that it survives edits above it.

    For Kubernetes: apiVersion, kind, namespace, name, container. For everything else `kind` is the subject
    kind (`component`, `image`, `artifact`, `workflow-step`, `file` …) and `name` its purl, digest, uses or path.
    """

    kind: str
    name: str
    namespace: str = ""
    api_version: str = ""
    container: str = ""

    def __str__(self) -> str:
        owner = f"{self.namespace}/{self.name}" if self.namespace else self.name
        text = f"{self.kind} {owner}"
        return f"{text} (container {self.container})" if self.container else text


class Positions(Protocol):
    """What knows where the nodes of a document stand; `source.Document` is one."""

    path: str

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        """The place of the node at `path`, or of its nearest existing ancestor. `key`: the key, not the value."""

    def exists(self, path: NodePath) -> bool:
        """Whether the document has a node at `path`."""

    def field_path(self, path: NodePath) -> FieldPath:
        """`path` as people read it; list items that have a `name` are named by it."""


@record(frozen=False)
class Nested:
    """One container, volume, annotation or security context of a pod; `path` is absolute in the document."""

    id: SubjectId
    path: NodePath
    variables: dict[str, Any]


@record(frozen=False)
class Subject:
    """One thing to judge. `each` is the subject kind of the rules that may look at it.

    `path` is where `at:` and `items:` start, absolute in `document`. `nested` maps a nested subject kind
    (`container`, `security-context`, `volume`, `annotation`) to its members in document order.
    `match` holds what a rule's `match:` decides by: `kind`, `group`, `version`, `program` …
    """

    each: str
    id: SubjectId
    path: NodePath
    document: Positions
    variables: dict[str, Any]
    nested: Mapping[str, Sequence[Nested]] = field(default_factory=dict)
    match: Mapping[str, str] = field(default_factory=dict)
