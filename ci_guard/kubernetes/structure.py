"""Objects of built-in kinds against their schema: fields that do not exist, and values of the wrong type.

The API server decodes strictly for `kubectl apply` of today, but drops an unknown field silently for older clients and
controllers: a misspelt `securityContext` is protection that is not there. Custom kinds are not judged, and neither is
`status`, which nobody deploys. A text with a placeholder (`${REPLICAS}`) where another type belongs is left alone:
what takes its place is unknown here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ci_guard.kubernetes.resources import Resource
from ci_guard.kubernetes.schema import SCALARS, Field, Schemas
from ci_guard.kubernetes.shapes import Malformed, type_name
from ci_guard.model.location import NodePath
from ci_guard.model.pattern import pattern

_ACCEPTED: Final[Mapping[str, frozenset[type]]] = {
    "s": frozenset({str}),
    "b": frozenset({bool}),
    "i": frozenset({int}),
    "n": frozenset({int, float}),
    "q": frozenset({str, int, float}),
    "x": frozenset({int, str}),
}
_NAMES: Final = {
    "s": "string",
    "b": "boolean",
    "i": "integer",
    "n": "number",
    "q": "quantity",
    "x": "integer or string",
}
_PLACEHOLDER = pattern(r"\$\{|\$\(|\$[A-Z_]|\{\{|<%|%\(|@@|__[A-Z]|\A<.+>\Z")
# Written by tools into an object, and taken out again before it is applied.
_FOREIGN: Final = frozenset({"sops"})


class Step(NamedTuple):
    """A struct on the way to a field: where it stands, its type, its value."""

    path: NodePath
    type: str
    value: Mapping[str, Any]


class UnknownField(NamedTuple):
    """A field that its type does not have; `way` leads from the object to what the field stands in.

    `known` is the field's span where another version has it, None where none does.
    """

    path: NodePath
    name: str
    way: tuple[Step, ...]
    known: Field | None = None


Flaw = UnknownField | Malformed


def flaws(resource: Resource, schemas: Schemas, minor: int = 0) -> Iterator[Flaw]:
    """What is wrong with the structure of an object, in document order; nothing for a custom kind.

    `minor` is the version to judge by; 0 lets pass what any supported version has. Never raises on any tree.
    """
    kind = schemas.kind(resource.api_version, resource.kind)
    if kind is not None:
        value = {key: v for key, v in resource.value.items() if key != "status" and key not in _FOREIGN}
        target = minor and max(schemas.oldest, min(minor, schemas.newest))
        yield from _Walk(schemas, target).struct(kind.type, value, resource.path, ())


class _Walk:
    def __init__(self, schemas: Schemas, minor: int) -> None:
        self._fields = schemas.fields
        self._minor = minor

    def struct(self, type_: str, value: Any, path: NodePath, way: tuple[Step, ...]) -> Iterator[Flaw]:
        if type(value) is not dict:
            yield from _wrong(path, "object", value)
            return
        fields, minor = self._fields(type_), self._minor
        here: tuple[Step, ...] = ()
        for name, child in value.items():
            field = fields.get(name)
            if field is None or (minor and not field.since <= minor <= field.until):
                if not str(name).startswith("$"):  # a directive of a strategic merge patch
                    here = here or (*way, Step(path, type_, value))
                    yield UnknownField((*path, name), name, here, field)
            elif type(child) not in _ACCEPTED.get(field.type, ()) and child is not None:
                here = here or (*way, Step(path, type_, value))
                yield from self.value(field.type, child, (*path, name), here)

    def value(self, type_: str, value: Any, path: NodePath, way: tuple[Step, ...]) -> Iterator[Flaw]:
        if type_ in SCALARS:
            yield from _scalar(type_, value, path)
        elif type_.startswith("[]"):
            yield from self._list(type_[2:], value, path, way)
        elif type_.startswith("{}"):
            yield from self._map(type_[2:], value, path, way)
        else:
            yield from self.struct(type_, value, path, way)

    def _list(self, type_: str, value: Any, path: NodePath, way: tuple[Step, ...]) -> Iterator[Flaw]:
        if type(value) is not list:
            yield from _wrong(path, "array", value)
            return
        accepted = _ACCEPTED.get(type_, frozenset())
        for index, item in enumerate(value):
            if type(item) not in accepted and item is not None:
                yield from self.value(type_, item, (*path, index), way)

    def _map(self, type_: str, value: Any, path: NodePath, way: tuple[Step, ...]) -> Iterator[Flaw]:
        if type(value) is not dict:
            yield from _wrong(path, "object", value)
            return
        accepted = _ACCEPTED.get(type_, frozenset())
        for key, item in value.items():
            if type(item) not in accepted and item is not None:
                yield from self.value(type_, item, (*path, key), way)


def _scalar(type_: str, value: Any, path: NodePath) -> Iterator[Malformed]:
    if type_ == "*" or type(value) in _ACCEPTED[type_]:
        return
    if type_ in "ix" and type(value) is float and value.is_integer():
        return  # 1.0 is the integer 1 once YAML has become JSON
    yield from _wrong(path, _NAMES[type_], value)


def _wrong(path: NodePath, expected: str, value: Any) -> Iterator[Malformed]:
    if not (isinstance(value, str) and _PLACEHOLDER.search(value)):
        yield Malformed(path, expected, type_name(value))
