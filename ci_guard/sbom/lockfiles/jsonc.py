"""JSON with comments and trailing commas, as Bun writes its lock: blanked out, so that every position stays."""

from __future__ import annotations

import re

_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_COMMA = re.compile(r'"(?:[^"\\\n]|\\.)*"|,(?=\s*[\]}])', re.DOTALL)
_VISIBLE = re.compile(r"[^\r\n]")


def plain_json(text: str) -> str:
    """The same text as JSON: of equal length, line by line and column by column."""
    without = _COMMENT.sub(lambda m: m[0] if m[0][0] == '"' else _VISIBLE.sub(" ", m[0]), text)
    return _COMMA.sub(lambda m: m[0] if m[0][0] == '"' else " ", without)
