"""Locks of other projects' parser tests against the package sets that those tests expect.

`public/<parser>.json` says which of their cases a parser reads, and each difference with its reason: a difference that
is not listed, or no longer there, fails. `docs/locks.md` shows the outcome.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ci_guard.pipeline.materials.gathering import read_workflow
from ci_guard.sbom.lockfiles import LOCKFILES, read_lock
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.source.files import read_or_none

SHARED = os.environ.get("CI_GUARD_SHARED", "")
ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "public"
PAGE = ROOT / "docs" / "locks.md"
WORKFLOWS = "workflow"
"""What workflows pull in is read by the pipeline and not by a parser of the registry."""
PROJECTS = ("osv-scalibr", "syft")


class Case(NamedTuple):
    """One case: the file, what is expected of it, and who reads it."""

    project: str
    path: Path
    given: dict[str, Any]
    module: str

    @property
    def name(self) -> str:
        """What the project calls the case."""
        return str(self.given["name"] or self.given["test"])


def cases() -> Iterator[Case]:
    """The cases of the formats that we read."""
    base = Path(SHARED) / "data" / "lockfiles"
    readers = {module: json.loads((FOLDER / f"{module}.json").read_text("utf-8")) for module in parsers()}
    for project in PROJECTS:
        for given in json.loads((base / f"{project}-expected.json").read_text("utf-8")):
            fixture = given["fixture"] or ""
            path = base / project / given["dir"] / fixture
            for module, reader in readers.items():
                key = f"{given['dir']}/{fixture}"
                if path.is_file() and any(fnmatchcase(key, f"*{p}") for p in reader.get(project, ())):
                    yield Case(project, path, given, module)


def parsers() -> list[str]:
    """Every parser of the registry that public cases exist for."""
    return sorted(m for m in {*LOCKFILES.values(), WORKFLOWS} if (FOLDER / f"{m}.json").is_file())


def params() -> list[Any]:
    """The cases as test parameters."""
    if not SHARED:
        return [pytest.param(None, marks=pytest.mark.skip(reason="CI_GUARD_SHARED is not set: no public lockfiles"))]
    return [pytest.param(case, id=f"{case.project}:{case.given['fixture']}:{case.name}") for case in cases()]


def canonical(name: str, ecosystem: str, project: str) -> str:
    """Names as PyPI compares them; elsewhere as they stand, in the words of the project where it has its own."""
    if ecosystem == "PyPI":
        return re.sub(r"[-_.]+", "-", name).lower()
    if ecosystem == "Maven" and project == "syft":
        return name.rpartition(":")[2]  # the group is in its purl
    return name.removeprefix("docker.io/library/")


def version_of(version: str, ecosystem: str) -> str:
    """Versions as they stand; Go's with or without their `v`, as projects differ."""
    return version.removeprefix("v") if ecosystem == "Go" else version


def difference(case: Case) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """(what they expect and we do not say, what only we say) of names and versions."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", case.path.name)
    data, beside = case.path.read_bytes(), partial(read_or_none, case.path.parent)
    reads = case.module == WORKFLOWS
    lock = read_workflow(name, data) if reads else read_lock(name, data, module=case.module, beside=beside)
    if not isinstance(lock, Lock):
        return (set() if case.given.get("error") else {("", lock.reason)}), set()
    counted = [c for c in lock.components if c.type != "file"]
    ecosystem = next((c.ecosystem for c in counted), "")

    def pair(name: str, version: str) -> tuple[str, str]:
        return canonical(name, ecosystem, case.project), version_of(version, ecosystem)

    expected = {pair(p["Name"], p.get("Version", "")) for p in case.given["packages"] or []}
    found = {pair(c.name, c.version) for c in counted if c.source != "workspace"}
    own = {pair(c.name, c.version) for c in counted if c.source == "workspace"}
    refused = {("", "an error")} if case.given.get("error") and not lock.broken else set()
    return (expected - found - own) | refused, found - expected


def explained(case: Case) -> dict[str, Any]:
    """The listed difference of a case, or none."""
    listed = json.loads((FOLDER / f"{case.module}.json").read_text("utf-8"))["differences"]
    same = [d for d in listed if (d["project"], d["case"]) == (case.project, case.name)]
    same = [d for d in same if d["fixture"] == case.given["fixture"]]
    return same[0] if same else {"lacking": [], "more": [], "why": ""}


@pytest.mark.parametrize("case", params())
def test_packages_are_those_expected(case: Case) -> None:
    lacking, more = difference(case)
    listed = explained(case)
    assert sorted(map(list, lacking)) == listed["lacking"], listed["why"]
    assert sorted(map(list, more)) == listed["more"], listed["why"]


def test_every_difference_has_a_reason() -> None:
    for module in parsers():
        for listed in json.loads((FOLDER / f"{module}.json").read_text("utf-8"))["differences"]:
            assert listed["why"]
            assert listed["lacking"] or listed["more"]


@pytest.mark.skipif(not SHARED, reason="CI_GUARD_SHARED is not set: no public lockfiles")
def test_the_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "tools/locks.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run python tools/locks.py"
