"""From a failed judgement to a finding: what it points at, what it is called, what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ci_guard.engine.kinds import KINDS
from ci_guard.engine.messages import render, shown
from ci_guard.engine.paths import MISSING, resource_root, value_at
from ci_guard.engine.rule import Clause
from ci_guard.engine.selection import Selected, Selection
from ci_guard.model.finding import Finding
from ci_guard.model.location import NodePath
from ci_guard.model.subject import Nested, Positions, Subject, SubjectId

_NAMING: Final = {("name",), ("kind",), ("apiVersion",)}


class Item(NamedTuple):
    """What a clause's `items` led to: its place in the document and its value; `of` is the list it is in, if any."""

    path: NodePath
    value: Any
    of: NodePath | None = None


class Place(NamedTuple):
    """Where one judgement looks: a subject, or a member of it; `base` and `root` are where its paths start."""

    subject: Subject
    id: SubjectId
    base: NodePath
    root: Any
    variables: Mapping[str, Any]

    @classmethod
    def of(cls, subject: Subject, each: str, member: Nested | None, variables: Mapping[str, Any]) -> Place:
        """The place of a subject itself, or of one member of it."""
        kind = KINDS[each]
        root = variables.get(kind.root, {}) if kind.root else variables
        return cls(
            subject, member.id if member else subject.id, member.path if member else subject.path, root, variables
        )

    def items(self, clause: Clause) -> Iterator[list[Item]]:
        """The items of a clause, one list for each of its paths, in the order in which the program judged them."""
        for items in clause.items:
            found = value_at(self.root, items.path)
            path = (*self.base, *items.path)
            if not items.each:
                yield [] if found is MISSING else [Item(path, found)]
            elif isinstance(found, list):
                yield [Item((*path, n), value, path) for n, value in enumerate(found)]
            else:
                yield []


def identity(place: Place, item: Item | None) -> tuple[SubjectId, NodePath]:
    """Two findings with the same identity say something about the same thing (see `implied-by`)."""
    # Volumes and annotations have the pod's id: only where they stand tells them apart.
    return place.id, item.path if item else place.base


def finding(selection: Selection, selected: Selected, clause: Clause, place: Place, item: Item | None) -> Finding:
    """The finding of a clause that failed at a place, for one item if the clause has items."""
    base, value = (item.path, item.value) if item else (place.base, place.root)
    variables = {**place.variables, "params": clause.params}
    container = variables.get("container")
    if isinstance(container, dict) and "name" not in container:
        variables["container"] = {**container, "name": place.id.container}  # its number: Knative names its only one
    if item:
        variables["item"] = item.value
    target = _point(place, clause.at or ((),), base)
    document = place.subject.document
    location = document.locate(target)
    path, key = document.field_path(target), ""
    if item and item.of is not None and not isinstance(item.value, dict | list) and target == item.path:
        # The index of a capability changes with every edit above it; the list and the capability do not.
        path, key = document.field_path(item.of), shown(item.value)
    if clause.key:
        key = shown(value_at(value, clause.key))
    text = render(clause.message, variables)
    if selected.rule.sensitive:
        key = ""
    return selection.settled(Finding(clause.rule, selected.severity, text, location, place.id, path, key))


def is_written(clause: Clause, place: Place, item: Item | None) -> bool:
    """Whether the document itself has what the finding of a clause would point at.

    A name and a map on the way are no flaws: what is missed there may be elsewhere. An item, and a volume, are there
    as a whole or not at all.
    """
    base = item.path if item else place.base
    exists = place.subject.document.exists
    paths = [path for path in clause.at or (((),) if item else ()) if exists(absolute(place, path, base))]
    if not paths or item or clause.each == "volume":
        return bool(paths)
    return paths[0][-1:] not in _NAMING and not isinstance(value_at(place.root, paths[0]), dict)


def _point(place: Place, at: tuple[NodePath, ...], base: NodePath) -> NodePath:
    """The first path of `at` that exists, else the first one: its nearest existing ancestor is what is shown."""
    targets = [absolute(place, path, base) for path in at]
    return next((t for t in targets if place.subject.document.exists(t)), targets[0])


def absolute(place: Place, path: NodePath, base: NodePath) -> NodePath:
    """A rule's path as one of the document; `object` and `pod` start where the resource and the pod stand."""
    if path[:1] == ("object",):
        return (*resource_root(place.subject.path), *path[1:])
    if path[:1] == ("pod",) and place.subject.each == "pod":
        return (*place.subject.path, *path[1:])
    return (*base, *path)


def wrong_type(selection: Selection, place: Place, path: NodePath, value: Any) -> Finding | None:
    """The finding for a field that a rule could not read because its type is wrong."""
    document: Positions = place.subject.document
    return selection.emit(
        "wrong-type",
        location=document.locate(path),
        subject=place.id,
        path=document.field_path(path),
        values={"path": document.field_path(path), "type": type_name(value)},
    )


def type_name(value: Any) -> str:
    """JSON's name for the type of a value."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)
