"""What a service says of its refusal: a few of its words, without anything that we sent as a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_LONGEST = 200
_SHORTEST_SECRET = 6


def explanation(body: bytes, headers: Mapping[str, str]) -> str:
    """` (its message)` from a JSON body, "" when there is none; `headers` are those that were sent."""
    try:
        said = _message(json.loads(body.decode("utf-8")))
    except (ValueError, RecursionError):
        return ""
    for word in (w for value in headers.values() for w in value.split()):
        if len(word) >= _SHORTEST_SECRET:
            said = said.replace(word, "…")
    plain = "".join(c if c.isprintable() else " " for c in said).strip()
    return f" ({plain[:_LONGEST]})" if plain else ""


def _message(value: Any) -> str:
    """GitHub's and Sigstore's `message`, the distribution protocol's `errors`, OAuth's `error`."""
    if not isinstance(value, dict):
        return ""
    errors = value.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        first = errors[0]
        parts = [str(first[name]) for name in ("code", "message") if isinstance(first.get(name), str)]
        return ": ".join(parts)
    for name in ("message", "error_description", "error", "details"):
        if isinstance(value.get(name), str):
            return str(value[name])
    return ""
