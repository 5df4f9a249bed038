"""One value in the styles in which people write it."""

from __future__ import annotations

import json
from typing import Any

import yaml

STYLES = ("block", "wide", "flow", "json", "json lines", "tight", "mixed")


def rendered(value: Any, style: str) -> str:
    """The value in a style; `mixed` is PyYAML's own choice: braces for what holds only scalars."""
    if style in {"json", "json lines", "tight"}:
        indent = 4 if style == "json lines" else None
        return json.dumps(value, ensure_ascii=False, indent=indent, separators=(",", ":") if style == "tight" else None)
    flow = {"block": False, "wide": False, "flow": True, "mixed": None}[style]
    return yaml.safe_dump(
        value, default_flow_style=flow, allow_unicode=True, sort_keys=False, indent=4 if style == "wide" else 2
    )


def commented(text: str, every: int) -> str:
    """Comments of their own between the lines, and behind some of them."""
    lines = text.splitlines()
    return "".join(f"{'  # own é' + chr(10) if n % every == 0 else ''}{line}\n" for n, line in enumerate(lines))
