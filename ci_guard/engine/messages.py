"""Messages: `{path}` templates, filled in only when something failed.

What is filled in comes from files that nobody vouches for: it is cut, and controls are escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ci_guard.engine.paths import MISSING, parse, value_at
from ci_guard.model.location import NodePath

LONGEST_VALUE = 80
"""Characters of one value in a message; the rest becomes `…`."""

_FIELD = re.compile(r"\{([^{}]*)\}")


@cache
def pieces(template: str) -> tuple[str | NodePath, ...]:
    """Literal text and paths in turn. Raises ValueError for a broken path or a lone brace."""
    out: list[str | NodePath] = []
    for index, part in enumerate(_FIELD.split(template)):
        if index % 2:
            out.append(parse(part))
        elif "{" in part or "}" in part:
            raise ValueError(f"{template!r}: a brace without its partner")
        elif part:
            out.append(part)
    return tuple(out)


def render(template: str, variables: Mapping[str, Any]) -> str:
    """Fill in the template; what is not there becomes `?`."""
    return "".join(p if isinstance(p, str) else shown(value_at(variables, p)) for p in pieces(template))


def shown(value: Any) -> str:
    """One value as people read it, on one line, without terminal controls, at most `LONGEST_VALUE` characters."""
    if value is MISSING or value is None:
        return "?"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > LONGEST_VALUE:
        text = text[: LONGEST_VALUE - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
