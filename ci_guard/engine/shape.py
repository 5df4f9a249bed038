"""Shapes of data: one description that checks a value in the hook path and writes its own JSON Schema.

The hooks cannot pay for a schema library, and two descriptions would drift apart; so the rule format is written down
once (`ruleformat.py`) with these parts, and `rules/schema.json` is generated from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from ci_guard.model.location import NodePath

Schema = dict[str, Any]


class Flaw(NamedTuple):
    """Where a value has not the shape it should have, and what was expected there."""

    path: NodePath
    expected: str


class Shape(Protocol):
    """Something that values are measured by."""

    def flaws(self, value: Any, path: NodePath = ()) -> Iterator[Flaw]:
        """What is wrong with `value`, which stands at `path`."""

    def schema(self) -> Schema:
        """The same as JSON Schema 2020-12."""


class Text:
    """A string: by `pattern` (anchored by us), of `choices`, or any that is not empty."""

    def __init__(self, pattern: str = "", choices: tuple[str, ...] = (), what: str = "") -> None:
        self.pattern, self.choices = pattern, choices
        self.what = what or (f"one of {', '.join(choices)}" if choices else "text")

    def flaws(self, value: Any, path: NodePath = ()) -> Iterator[Flaw]:
        """See `Shape`."""
        good = isinstance(value, str) and value != ""
        if good and self.choices:
            good = value in self.choices
        if good and self.pattern:
            good = re.search(f"^(?:{self.pattern})$", value) is not None and not value.endswith("\n")
        if not good:
            yield Flaw(path, self.what)

    def schema(self) -> Schema:
        """See `Shape`."""
        if self.choices:
            return {"enum": list(self.choices)}
        if self.pattern:
            return {"type": "string", "minLength": 1, "pattern": f"^(?:{self.pattern})$"}
        return {"type": "string", "minLength": 1}


class Flag:
    """true or false."""

    def flaws(self, value: Any, path: NodePath = ()) -> Iterator[Flaw]:
        """See `Shape`."""
        if not isinstance(value, bool):
            yield Flaw(path, "true or false")

    def schema(self) -> Schema:
        """See `Shape`."""
        return {"type": "boolean"}


class Whole:
    """A whole number from `low` to `high`."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def flaws(self, value: Any, path: NodePath = ()) -> Iterator[Flaw]:
        """See `Shape`."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            yield Flaw(path, f"a whole number from {self.low} to {self.high}")

    def schema(self) -> Schema:
        """See `Shape`."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class Anything:
    """Any value but null."""

    def flaws(self, value: Any, path: NodePath = ()) -> Iterator[Flaw]:
        """See `Shape`."""
        if value is None:
            yield Flaw(path, "a value")

    def schema(self) -> Schema:
        """See `Shape`."""
        return {"not": {"type": "null"}}


class Many:
    """A list of one kind of thing, of at least `least`."""

    def __init__(self, of: Shape, least: int = 1) -> None:
        self.of, self.least = of, least

    def flaws(self, value: Any, path: NodePath = ()) -> Iterator[Flaw]:
        """See `Shape`."""
        if not isinstance(value, list) or len(value) < self.least:
            yield Flaw(path, f"a list of at least {self.least}" if self.least else "a list")
            return
        for index, member in enumerate(value):
            yield from self.of.flaws(member, (*path, index))

    def schema(self) -> Schema:
        """See `Shape`."""
        return {"type": "array", "minItems": self.least, "items": self.of.schema()}


class Named:
    """A map from names (by `names`) to one kind of thing."""

    def __init__(self, names: Text, of: Shape, least: int = 0) -> None:
        self.names, self.of, self.least = names, of, least

    def flaws(self, value: Any, path: NodePath = ()) -> Iterator[Flaw]:
        """See `Shape`."""
        if not isinstance(value, dict) or len(value) < self.least:
            yield Flaw(path, "a map")
            return
        for key, member in value.items():
            if any(self.names.flaws(key)):
                yield Flaw((*path, key), f"as key: {self.names.what}")
            yield from self.of.flaws(member, (*path, key))

    def schema(self) -> Schema:
        """See `Shape`."""
        return {
            "type": "object",
            "minProperties": self.least,
            "propertyNames": self.names.schema(),
            "additionalProperties": self.of.schema(),
        }


class Fields:
    """A map with known keys; `required` must be there, and exactly one of `one_of` if it is given."""

    def __init__(
        self, fields: Mapping[str, Shape], required: tuple[str, ...] = (), one_of: tuple[str, ...] = ()
    ) -> None:
        self.fields, self.required, self.one_of = fields, required, one_of

    def flaws(self, value: Any, path: NodePath = ()) -> Iterator[Flaw]:
        """See `Shape`."""
        if not isinstance(value, dict):
            yield Flaw(path, "a map")
            return
        for key, member in value.items():
            if key not in self.fields:
                yield Flaw((*path, key), f"one of the keys {', '.join(self.fields)}")
            else:
                yield from self.fields[key].flaws(member, (*path, key))
        for key in self.required:
            if key not in value:
                yield Flaw(path, f"the key {key!r}")
        if self.one_of and sum(k in value for k in self.one_of) != 1:
            yield Flaw(path, f"exactly one of the keys {', '.join(self.one_of)}")

    def schema(self) -> Schema:
        """See `Shape`."""
        out: Schema = {"type": "object", "additionalProperties": False}
        out["properties"] = {key: shape.schema() for key, shape in self.fields.items()}
        if self.required:
            out["required"] = list(self.required)
        if self.one_of:
            out["oneOf"] = [{"required": [key]} for key in self.one_of]
        return out


class Either:
    """The one shape or the other."""

    def __init__(self, first: Shape, second: Shape) -> None:
        self.first, self.second = first, second

    def flaws(self, value: Any, path: NodePath = ()) -> Iterator[Flaw]:
        """See `Shape`: what the first shape says if neither fits, unless the second goes deeper."""
        first = list(self.first.flaws(value, path))
        second = list(self.second.flaws(value, path)) if first else []
        if first and second:
            yield from second if len(second[0].path) > len(first[0].path) else first

    def schema(self) -> Schema:
        """See `Shape`."""
        return {"anyOf": [self.first.schema(), self.second.schema()]}
