"""Reading a tree whose types nobody promised: what is there, and a note of what has the wrong type.

The API server refuses a manifest with a wrong type. Reading on with nothing in its place would let a rule
pass it, so every wrong type on the way to a pod is kept as a `Malformed` and becomes a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.model.record import record


@record
class Malformed:
    """A field of the wrong type; `path` is absolute in the document, types are JSON's names."""

    path: NodePath
    expected: str
    found: str


_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def type_name(value: Any) -> str:
    """JSON's name of the type of `value` (`null`, `object`, `array` …)."""
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)


class Shapes:
    """Reads maps, lists and strings out of an untrusted tree and collects what has the wrong type."""

    def __init__(self) -> None:
        self.malformed: list[Malformed] = []

    def field(self, parent: Any, key: str, path: NodePath, kind: type) -> Any:
        """`parent[key]` if it is a `kind`; None when it is absent, or (noted) of another type."""
        if not isinstance(parent, dict) or key not in parent:
            return None
        value = parent[key]
        if isinstance(value, kind):
            return value
        self._note((*path, key), kind, value)
        return None

    def object(self, parent: Any, key: str, path: NodePath) -> dict[str, Any]:
        """The map at `key`, or an empty one."""
        value: dict[str, Any] | None = self.field(parent, key, path, dict)
        return {} if value is None else value

    def text(self, parent: Any, key: str, path: NodePath) -> str:
        """The string at `key`, or an empty one."""
        value: str | None = self.field(parent, key, path, str)
        return value or ""

    def objects(self, parent: Any, key: str, path: NodePath) -> Iterator[tuple[NodePath, dict[str, Any]]]:
        """Path and value of each map in the list at `key`; members of another type are noted."""
        for index, item in enumerate(self.field(parent, key, path, list) or ()):
            where = (*path, key, index)
            if isinstance(item, dict):
                yield where, item
            else:
                self._note(where, dict, item)

    def _note(self, path: NodePath, kind: type, value: Any) -> None:
        self.malformed.append(Malformed(path, _NAMES[kind], type_name(value)))
