"""Text as YAML that every reader takes for the same text, and as a comment that stays one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*\Z")
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_UNPRINTABLE = re.compile(r"[^ -~\u00a1-\ud7ff\ue000-\ufdcf]")
MAX_COMMENT = 300  # characters: what others wrote is quoted, not copied whole


def scalar(value: str) -> str:
    """A scalar, quoted where a reader could take it for something else."""
    if _PLAIN.match(value) and value.lower() not in _NOT_TEXT:
        return value
    return '"' + _UNPRINTABLE.sub(_escaped, value.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def flow(values: Iterable[str]) -> str:
    """A list on one line."""
    return f"[{', '.join(map(scalar, values))}]"


def comment(text: str) -> str:
    """`text` behind a `#`: one line, no control characters; "" for no text."""
    return f" # {json.dumps(text, ensure_ascii=True)[1:-1][:MAX_COMMENT]}" if text else ""


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF:
        return "\\uFFFD"  # half of a pair is no character that YAML could hold
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
