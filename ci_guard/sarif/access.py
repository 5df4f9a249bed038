"""Reads values out of JSON that may be anything: a wrong type is the same as an absent one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ci_guard.model.errors import InputError

JsonObject = dict[str, Any]
_SIZE_LIMIT = 256 << 20  # bytes; GitHub stops at 10 MB compressed


def parse(data: bytes, path: str) -> JsonObject:
    """The JSON object in `data`. Raises InputError (naming `path`) when it is none, too deep or too large."""
    if len(data) > _SIZE_LIMIT:
        raise InputError(f"{path}: {len(data):,} bytes are more than the {_SIZE_LIMIT:,} that are read")
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deeply") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: not a JSON object")
    return value


def child(node: JsonObject, *names: str) -> JsonObject:
    """The object at `names`, or an empty one."""
    for name in names:
        value = node.get(name)
        if not isinstance(value, dict):
            return {}
        node = value
    return node


def children(node: JsonObject, name: str) -> Iterator[JsonObject]:
    """The objects in the list `name`; whatever else stands there is passed over."""
    for value in items(node, name):
        if isinstance(value, dict):
            yield value


def items(node: JsonObject, name: str) -> list[Any]:
    """The list `name`, or an empty one."""
    value = node.get(name)
    return value if isinstance(value, list) else []


def at(values: list[Any], index: int) -> JsonObject:
    """The object at `index`, or an empty one; -1 (SARIF's "none") is out of range."""
    value = values[index] if 0 <= index < len(values) else None
    return value if isinstance(value, dict) else {}


def text(node: JsonObject, name: str) -> str:
    """The string `name`, or ""."""
    value = node.get(name)
    return value if isinstance(value, str) else ""


def integer(node: JsonObject, name: str, default: int) -> int:
    """The integer `name`, or `default`."""
    value = node.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def texts(node: JsonObject, name: str) -> tuple[str, ...]:
    """The strings in the list `name`."""
    return tuple(v for v in items(node, name) if isinstance(v, str))


def counts(node: JsonObject, name: str) -> dict[str, int]:
    """The object `name` as text -> non-negative integer."""
    values = child(node, name)
    return {k: v for k, v in values.items() if isinstance(v, int) and not isinstance(v, bool) and v >= 0}


def strings(node: JsonObject, name: str) -> dict[str, str]:
    """The object `name` as text -> text."""
    return {k: v for k, v in child(node, name).items() if isinstance(v, str)}
