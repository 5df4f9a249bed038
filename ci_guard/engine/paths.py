"""Paths as rule authors write them: `securityContext.capabilities.add[*]`, `metadata.annotations['a.b/c']`."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from ci_guard.engine.tokens import literal
from ci_guard.model.location import NodePath

EACH: Final = "[*]"
"""At the end of an `items` path: each element of the list. Without it, the value itself is the item."""

MISSING: Final = object()
_SEGMENT = re.compile(r"\.?([^.\[\]{}'\"\s]+)|\[(\d+)\]|\['([^']*)'\]")
_IDENTIFIER = re.compile(r"(?!(?:in|true|false|null)\Z)[A-Za-z_][A-Za-z0-9_]*\Z")


@cache
def parse(text: str) -> NodePath:
    """The path as keys and indexes; `[*]` must have been cut off. Raises ValueError."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _SEGMENT.match(text, position)
        if match is None or (position == 0 and text[0] == "."):
            raise ValueError(f"{text!r} is no path: stuck at character {position + 1}")
        name, index, quoted = match.groups()
        parts.append(int(index) if index is not None else quoted if name is None else name)
        position = match.end()
    return tuple(parts)


def value_at(value: Any, path: NodePath) -> Any:
    """What stands at `path` below `value`, or `MISSING`."""
    for part in path:
        if isinstance(value, dict):
            if part not in value:
                return MISSING
        elif not (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            return MISSING
        value = value[part]
    return value


def optional_selection(root: str, path: NodePath) -> str:
    """The path as CEL optional selection: `pod.?spec.?os`, `x[?'a.b']`; the root alone stays as it is."""
    out = root
    for part in path:
        if isinstance(part, int):
            out += f"[?{part}]"
        elif _IDENTIFIER.match(part):
            out += f".?{part}"
        else:
            out += f"[?{literal(part)}]"
    return out


def resource_root(path: NodePath) -> NodePath:
    """Where the resource stands that `path` belongs to: the document's root, or a member of a `List`."""
    end = 0
    while len(path) >= end + 2 and path[end] == "items" and isinstance(path[end + 1], int):
        end += 2
    return path[:end]
