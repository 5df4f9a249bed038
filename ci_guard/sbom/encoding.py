"""JSON documents with one entry a line: small, quick to write, and a diff shows which component changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ci_guard.sbom.metadata import content_uuid


def encode(document: Mapping[str, Any]) -> bytes:
    """UTF-8 JSON: keys in the order given, the members of top-level lists a line each, one final newline.

    Lone surrogates, which UTF-8 cannot carry, become `?`.
    """
    fields = [f"  {_compact(key)}: {_value(value)}" for key, value in document.items()]
    return ("{\n" + ",\n".join(fields) + "\n}\n").encode("utf-8", "replace")


def _value(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"    {_compact(item)}" for item in value) + "\n  ]"
    return _compact(value)


def _compact(value: Any) -> str:
    # Without `indent` the encoder written in C does the work, ten times as fast.
    return json.dumps(value, ensure_ascii=False)


def encode_identified(document: Mapping[str, Any], key: str, form: str) -> bytes:
    """`document` with `form` at `key`, its `{}` replaced by the UUID of all the rest; `key` holds "" before.

    `key` must stand before anything that comes from an input: the first empty value of that name is filled.
    """
    written = encode(document)
    identity: UUID = content_uuid(written)
    empty, filled = (f"{_compact(key)}: {_compact(text)}".encode() for text in ("", form.format(identity)))
    return written.replace(empty, filled, 1)
