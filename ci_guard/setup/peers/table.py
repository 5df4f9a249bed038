"""Another tool's check -> our rules, from `table.json` (made by tools/generate.py)."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

_TRIVY = re.compile(r"(?:AVD-)?(KSV|KCV)-?0*(\d+)\Z", re.IGNORECASE)


@cache
def _table() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath("table.json").read_text("utf-8"))
    return loaded


def rules_of(tool: str, check: str) -> tuple[str, ...] | None:
    """The rules that judge what the check judges; () where none does, None where the check is not known."""
    found = _table()[tool].get(normal(tool, check))
    return None if found is None else tuple(found)


def normal(tool: str, check: str) -> str:
    """The check as the table writes it: trivy's ids had other forms once (KSV012, AVD-KSV-0012)."""
    found = _TRIVY.match(check) if tool == "trivy" else None
    if found is None:
        return check if tool in {"trivy", "kube-linter"} else check.upper()
    known = _table()[tool]
    digits = found[2]
    forms = (f"{found[1].upper()}-{digits.zfill(width)}" for width in (4, 5))
    return next((form for form in forms if form in known), f"{found[1].upper()}-{digits.zfill(4)}")


def control_named(name: str) -> str:
    """The id of kubescape's control of that name, "" for a name that is not known."""
    squashed = "".join(c for c in name.lower() if c.isalnum())
    found: str = _table()["control-names"].get(squashed, "")
    return found
