"""The digest by which Helm sees that a `Chart.lock` no longer fits its `Chart.yaml`.

SHA-256 over the JSON of `[requirements, locked]` as Go's encoder writes it: fields in the order below, empty ones left
out but for name and repository, `<`, `>`, `&` and the two Unicode line separators escaped. Charts of API version v1 may
carry the digest of Helm 2, over `{"dependencies": requirements}`. Tried on published charts; see the tests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

_FIELDS = ("name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias")
_ALWAYS = frozenset({"name", "repository"})
_ESCAPES = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


def lock_digest(requirements: Iterable[Mapping[str, Any]], locked: Iterable[Mapping[str, Any]]) -> str:
    """`sha256:HEX` of what a chart asks for and what is locked for it."""
    return _digest([_plain(requirements), _plain(locked)])


def old_digest(requirements: Iterable[Mapping[str, Any]]) -> str:
    """The digest as Helm 2 made it, of the requirements alone."""
    return _digest({"dependencies": _plain(requirements)})


def _plain(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    made = [{k: e.get(k, "") for k in _FIELDS if e.get(k) or k in _ALWAYS} for e in entries]
    return made or None  # an empty list is Go's nil


def _digest(value: Any) -> str:
    text = json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":"))
    for plain, escaped in _ESCAPES:
        text = text.replace(plain, escaped)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _sorted(value: Any, depth: int = 0) -> Any:
    """Maps that a chart's author wrote (`import-values`) come in the order of their keys; our own keep theirs."""
    if isinstance(value, dict):
        items = value.items() if depth <= 2 else sorted(value.items())
        return {k: _sorted(v, depth + 1) for k, v in items}
    return [_sorted(v, depth + 1) for v in value] if isinstance(value, list) else value
