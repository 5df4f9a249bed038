"""Which field an expression stumbled over: the culprit behind an ERROR value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ci_guard.engine.expression import ExhaustedError, MalformedError
from ci_guard.engine.findings import Item, Place
from ci_guard.engine.kinds import VARIABLES
from ci_guard.engine.paths import MISSING, resource_root, value_at
from ci_guard.engine.rule import Clause
from ci_guard.engine.tokens import chains
from ci_guard.model.location import NodePath


class Evaluating(Protocol):
    """An expression, wherever it is evaluated."""

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """The value. Raises MalformedError, ExhaustedError."""


def culprit(
    clause: Clause, place: Place, item: Item | None, expression: Evaluating, variables: Mapping[str, Any]
) -> tuple[NodePath, Any]:
    """Path and value of the field that the clause cannot read; the subject's own if none can be singled out."""
    found = list(_read(clause, variables))
    for name, path in found:
        depth = _stuck(variables[name], path)
        if depth is not None:
            return (*_origin(place, item, name), *path[:depth]), value_at(variables[name], path[:depth])
    for name, path in found:
        value = value_at(variables[name], path)
        if value is not MISSING and path and _heals(expression, variables, name, path):
            return (*_origin(place, item, name), *path), value
    return (item.path, item.value) if item else (place.base, place.root)


def _read(clause: Clause, variables: Mapping[str, Any]) -> Iterator[tuple[str, NodePath]]:
    for text in (clause.require, clause.when):
        for name, *path in chains(text, VARIABLES):
            if name in variables:
                yield name, tuple(path)


def _stuck(value: Any, path: NodePath) -> int | None:
    """How many steps of `path` can be gone before something that is no map stands in the way; None if none does."""
    for depth, part in enumerate(path):
        if not isinstance(value, dict):
            return depth
        if part not in value:
            return None
        value = value[part]
    return None


def _heals(expression: Evaluating, variables: Mapping[str, Any], name: str, path: NodePath) -> bool:
    """Whether the expression can be evaluated once the field is gone: then the field is what was wrong."""
    try:
        expression.evaluate({**variables, name: _without(variables[name], path)})
    except (MalformedError, ExhaustedError):
        return False
    return True


def _without(value: Any, path: NodePath) -> Any:
    first, *rest = path
    if rest:
        return {**value, first: _without(value[first], tuple(rest))}
    return {key: member for key, member in value.items() if key != first}


def _origin(place: Place, item: Item | None, name: str) -> NodePath:
    """Where a variable stands in the document."""
    if name == "item" and item:
        return item.path
    if name == "pod":
        return place.subject.path
    if name == "object":
        return resource_root(place.subject.path)
    return (*place.base, "securityContext") if name == "securityContext" else place.base
