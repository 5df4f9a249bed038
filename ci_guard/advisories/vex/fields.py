"""Typed access to the members of a VEX document; what has the wrong type is an error at its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_guard.model.errors import ConfigError
from ci_guard.model.location import Location, NodePath
from ci_guard.model.record import record
from ci_guard.source.document import Document


@record
class Reader:
    """Reads one document. Every method raises ConfigError that names file and line."""

    document: Document

    def error(self, path: NodePath, message: str) -> ConfigError:
        """The error at a node."""
        region = self.document.locate(path).region
        return ConfigError(message, path=self.document.path, line=region.start_line if region else 0)

    def place(self, path: NodePath) -> Location:
        """The place of a node: its first line only, not all that a statement says."""
        return self.document.locate(path)

    def table(self, value: Any, path: NodePath) -> Mapping[str, Any]:
        """`value` as an object; nothing is an empty one."""
        if value is not None and not isinstance(value, dict):
            raise self.error(path, f"expected an object at {self.document.field_path(path) or 'the top'}")
        return value or {}

    def rows(self, table: Mapping[str, Any], key: str, path: NodePath) -> list[tuple[NodePath, Mapping[str, Any]]]:
        """The objects of the list `table[key]`, each with its path."""
        items = self.items(table, key, path)
        return [(at, self.table(item, at)) for at, item in items]

    def items(self, table: Mapping[str, Any], key: str, path: NodePath) -> list[tuple[NodePath, Any]]:
        """The members of the list `table[key]`, each with its path."""
        value = table.get(key)
        if value is not None and not isinstance(value, list):
            raise self.error((*path, key), f"expected a list at {self.document.field_path((*path, key))}")
        return [((*path, key, n), item) for n, item in enumerate(value or ())]

    def texts(self, table: Mapping[str, Any], key: str, path: NodePath) -> list[str]:
        """The texts of the list `table[key]`."""
        found = self.items(table, key, path)
        for at, item in found:
            if not isinstance(item, str):
                raise self.error(at, f"expected text at {self.document.field_path(at)}")
        return [item for _, item in found]

    def text(self, table: Mapping[str, Any], key: str, path: NodePath) -> str:
        """The text at `key`, "" when it is absent."""
        value = table.get(key)
        if value is not None and not isinstance(value, str):
            raise self.error((*path, key), f"expected text at {self.document.field_path((*path, key))}")
        return value or ""


def joined(*parts: str) -> str:
    """The parts that say something, as one line."""
    return " ".join(": ".join(part for part in parts if part).split())
