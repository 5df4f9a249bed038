"""ci_guard/setup/peers/table.json: which of our rules judge what another tool's check judges.

A rule says in `covers:` which checks of the union it judges; tools/peer_checks.tsv says what each tool calls them, and
tools/control_names.tsv what kubescape's exceptions call its controls (lower case, letters and digits only).
`python tools/generate.py` writes the file and checks it.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from coverage import covering

ROOT = Path(__file__).resolve().parent.parent
TABLE = "ci_guard/setup/peers/table.json"
TOOLS = ("checkov", "kube-linter", "kubescape", "trivy")


def table() -> str:
    """The whole file: tool -> check -> rules, and the names of controls."""
    judged = covering(ROOT / "rules")
    found: dict[str, dict[str, set[str]]] = {tool: {} for tool in TOOLS}
    for row in rows("peer_checks.tsv"):
        rules = {rule for _, rule in judged.get(row["check"], ())}
        for tool in TOOLS:
            for check in filter(None, row[tool].split(",")):
                found[tool].setdefault(check, set()).update(rules)
    names = {row["name"]: row["control"] for row in rows("control_names.tsv")}
    lines = [
        f'"{tool}": {{\n'
        + ",\n".join(f"{json.dumps(check)}: {json.dumps(sorted(rules))}" for check, rules in sorted(checks.items()))
        + "\n}"
        for tool, checks in found.items()
    ]
    lines.append('"control-names": ' + json.dumps(names, indent=0, sort_keys=True))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def rows(name: str) -> list[dict[str, str]]:
    """A table beside this file."""
    with (ROOT / "tools" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))
