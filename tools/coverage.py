"""Write docs/coverage.md: which rule judges which check of the union of what linters do (tools/checks.tsv).

Run from the root of the repository; with `--check` nothing is written and the exit code is 1 if the page is stale.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "coverage.md"
HEAD = """# Which rule judges which check

The checks are the union of what eleven linters do, by short names of our own; a rule says in `covers:` which of them
it judges. Rules for checks that are opt-in, that ask for a parameter, or that concern one ecosystem are off by default:
`--select`, `rules:` of the configuration or the profile `all` turn them on. Checks of PodSecurityPolicies and of
removed flags are left out, since no supported Kubernetes has them. Made by `python tools/coverage.py`.
"""


def covering(rules: Path) -> dict[str, list[tuple[str, str]]]:
    """Check -> the rules that name it, each with its folder."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(rules.glob("*/*.yaml")):
        if path.parent.name in {"frameworks", "profiles"}:
            continue
        for check in yaml.safe_load(path.read_text("utf-8")).get("covers", ()):
            found.setdefault(check, []).append((path.parent.name, path.stem))
    return found


def page(root: Path = ROOT) -> str:
    """The whole page."""
    with (root / "tools" / "checks.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    rules = covering(root / "rules")
    out = [HEAD]
    for tier in dict.fromkeys(row["tier"] for row in rows):
        own = [row for row in rows if row["tier"] == tier]
        judged = sum(row["check"] in rules for row in own)
        out += [f"## {tier}: {judged} of {len(own)}\n", "| check | group | rules |", "|---|---|---|"]
        for row in own:
            links = ", ".join(f"[{id}](rules/{folder}/{id}.md)" for folder, id in rules.get(row["check"], ()))
            out.append(f"| {row['check']} | {row['group']} | {links or 'none yet'} |")
        out.append("")
    return "\n".join(out)


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.is_file() and PAGE.read_text("utf-8") == text else 1)
    PAGE.write_text(text, "utf-8")
