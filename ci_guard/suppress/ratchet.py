"""The ratchet: how many findings of each severity there may be, never more than last time.

It counts and knows no finding by name: a repaired one makes room for a new one of its severity. The baseline, and
`--since`, tell old findings from new ones; the ratchet is for tools whose results have no stable names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_guard.model.errors import ConfigError
from ci_guard.model.finding import Severity

SCHEMA = "ci-guard/ratchet/1"
MAX_BYTES = 100_000
MOST = 10_000_000


def load(data: bytes, path: str) -> dict[str, int]:
    """Severity -> how many are allowed; a severity that is not named is not counted. Raises ConfigError."""
    import json

    if len(data) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES:,} bytes", path=path)
    try:
        given = json.loads(data.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise ConfigError(f"is no ratchet: {error.msg}", path=path, line=error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is no ratchet: {type(error).__name__}", path=path) from None
    flaw = _flaw(given)
    if flaw:
        raise ConfigError(f"is no ratchet: {flaw}", path=path)
    return dict(given["counts"])


def tightened(before: Mapping[str, int] | None, counts: Mapping[str, int]) -> dict[str, int]:
    """The next ratchet: today's counts, and no more than before."""
    allowed = before or {}
    return {str(s): min(counts.get(str(s), 0), allowed.get(str(s), MOST)) for s in Severity}


def write(counts: Mapping[str, int]) -> bytes:
    """The file's bytes, worst severity first, one a line: the same for the same counts."""
    import json

    ordered = {str(s): counts[str(s)] for s in Severity if str(s) in counts}
    return (json.dumps({"schema": SCHEMA, "counts": ordered}, indent=2) + "\n").encode("ascii")


def _flaw(given: Any) -> str:
    """What is wrong, in words; "" when nothing is."""
    if not isinstance(given, dict) or given.get("schema") != SCHEMA or set(given) != {"schema", "counts"}:
        return f'expected an object with "schema": "{SCHEMA}" and "counts"'
    counts = given["counts"]
    severities = [str(s) for s in Severity]
    if not isinstance(counts, dict) or not set(counts) <= set(severities):
        return f"`counts` knows {', '.join(severities)}"
    good = all(type(count) is int and 0 <= count <= MOST for count in counts.values())
    return "" if good else f"a count is a whole number from 0 to {MOST:,}"
