"""Records and packages as folders: which advisories hold, and what is said of them, offline and by plain data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ci_guard.advisories import cache
from ci_guard.advisories.database import Databases
from ci_guard.advisories.matching import Match, Outcome, match

CASES = sorted((Path(__file__).parent / "cases").iterdir())


def said(found: Match, wanted: str) -> str:
    """What is said of a match in the terms that the case uses."""
    words = wanted.split()
    if words[:1] == ["fixed"]:
        return f"fixed {found.fixed}"
    if found.kind != "vulnerable":
        return " ".join([found.kind, str(found.severity)][: len(words)])
    return f"{found.severity} {found.score}" if words else found.fixed


def told(outcome: Outcome, wanted: dict[str, str]) -> dict[str, str]:
    found = {m.id: said(m, wanted.get(m.id, "")) for m in outcome.matches}
    if outcome.unjudged:
        words = wanted.get("?", "")
        found["?"] = words if words and words in outcome.unjudged[0] else outcome.unjudged[0]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = json.loads((case / "case.json").read_text("utf-8"))
    records = tmp_path / "records"
    records.mkdir()
    for number, record in enumerate(given["records"]):
        (records / f"{number}.json").write_text(json.dumps(record))
    source = Databases(tmp_path / "cache", cache.from_path(tmp_path / "cache", records))
    for package, wanted in given["packages"].items():
        ecosystem, name, version = package.rsplit(" ", 2)
        assert told(match(source, ecosystem, name, version), wanted) == wanted, package
