"""sarif-om objects -> JSON values.

Small and our own because the official serializer drops an explicit `level: warning`, which then turns into the
rule's default, and copies the whole tree at every level.
"""

from __future__ import annotations

import json
from typing import Any

import attr

_ALWAYS = frozenset({"level", "kind", "text"})
_DROPPED_DEFAULTS = frozenset({"contents", "newlineSequences", "language"})


def json_value(node: Any) -> Any:
    """`node` as dict, list and scalars: no None, no defaults but level and kind, names as in the standard."""
    if isinstance(node, str):
        return well_formed(node)
    if isinstance(node, dict):
        return {well_formed(k): json_value(v) for k, v in node.items()}
    if isinstance(node, (list, tuple)):
        return [json_value(v) for v in node]
    if attr.has(type(node)):
        return _object(node)
    return node


def dump(value: Any) -> str:
    """Compact, ASCII-only JSON of `json_value(value)`: no raw control or bidi character can be in it."""
    return json.dumps(json_value(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def well_formed(text: str) -> str:
    """`text` without lone surrogates, which strict JSON parsers refuse (file names may carry them)."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _object(node: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field in attr.fields(type(node)):
        value = getattr(node, field.name)
        name = field.metadata["schema_property_name"]
        if value is None or name in _DROPPED_DEFAULTS:
            continue
        if name in _ALWAYS or value != field.default:
            out[name] = json_value(value)
    return out
