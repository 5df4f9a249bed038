"""Locks of other projects' parser tests against the package sets that those tests expect.

Every difference is listed here with its reason; a difference that is not listed, or no longer there, fails.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from ci_guard.sbom.lockfiles import read_lock
from ci_guard.sbom.lockfiles.lock import Lock

SHARED = os.environ.get("CI_GUARD_SHARED", "")
FORMATS = {"uvlock": "uv_lock", "requirements": "requirements", "packagelockjson": "package_lock"}


def cases() -> list[Any]:
    """The cases of our formats: (project, folder, case, module)."""
    if not SHARED:
        return [pytest.param(None, marks=pytest.mark.skip(reason="CI_GUARD_SHARED is not set: no public lockfiles"))]
    found = []
    for project in ("osv-scalibr", "syft"):
        base = Path(SHARED) / "data" / "lockfiles"
        for case in json.loads((base / f"{project}-expected.json").read_text("utf-8")):
            module = module_of(project, case)
            path = base / project / case["dir"] / (case["fixture"] or "")
            if module and path.is_file():
                label = f"{project}:{case['fixture']}:{case['name'] or case['test']}"
                found.append(pytest.param((path, case, module, project), id=label))
    return found


def module_of(project: str, case: dict[str, Any]) -> str:
    """Our parser for a case, "" for a format that is not read yet."""
    if project == "osv-scalibr":
        return FORMATS.get(case["dir"].rpartition("/")[2], "")
    fixture = case["fixture"] or ""
    endings = {"requirements.txt": "requirements", "uv.lock": "uv_lock"}
    known = next((module for ending, module in endings.items() if fixture.endswith(ending)), "")
    return known or ("package_lock" if "package-lock" in fixture else "")


def canonical(name: str, module: str) -> str:
    """Names as PyPI compares them; npm's as they stand."""
    return name if module == "package_lock" else re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("given", cases())
def test_packages_are_those_expected(given: tuple[Path, dict[str, Any], str, str]) -> None:
    path, case, module, _ = given
    lock = read_lock(path.name, path.read_bytes(), module=module)
    if not isinstance(lock, Lock):
        assert case.get("error"), lock.reason
        return
    assert not case.get("error")
    expected = {(canonical(p["Name"], module), p.get("Version", "")) for p in case["packages"] or []}
    found = {
        (canonical(c.name, module), c.version) for c in lock.components if c.source != "workspace" and c.type != "file"
    }
    own = {(canonical(c.name, module), c.version) for c in lock.components if c.source == "workspace"}
    lacking, more = expected - found - own, found - expected
    explained = EXPLAINED.get((path.name, case["name"] or case["test"]), (set(), set(), ""))
    assert (lacking, more) == explained[:2], explained[2]


RANGES = {("bar", "2.0.0"), ("mopidy-dirble", "1.1"), ("numpy", "3.4.1"), ("requests", "2.8.0")}
UNPINNED = {
    *(("bar", ""), ("coverage", ""), ("mopidy-dirble", ""), ("numpy", ""), ("numpynew", "")),
    *(("pecan", ""), ("requests", ""), ("sqlalchemy", "")),
}
NOT_PIP = {("githubsampleproject", "3.7.1")}
DEV = "development packages count, marked"
LOW = "guess unpinned requirements (lowest version)"
BOTH = "valid package-lock.json and npm-shrinkwrap.json and extract package-lock.json"

EXPLAINED: dict[tuple[str, str], tuple[set[tuple[str, str]], set[tuple[str, str]], str]] = {
    ("example.txt", "pip_example"): (
        {("keyring", "4.1.1"), ("mopidy-dirble", "1.1"), ("pandas", "2.2.3")},
        {
            *(("keyring", ""), ("mopidy-dirble", "")),
            *(("numpy", "1.9.2"), ("urllib3", ""), ("wxpython-phoenix", "3.0.3.dev1820+49a8884")),
        },
        "a range has no version; pandas stands in an included file, which is a lock of its own; URLs and files count",
    ),
    ("per_req_options.txt", "per_requirement_options"): (
        {("foo7", "1.0 unexpected_text_before_options_stays_around")},
        set(),
        "pip refuses the line; it is reported as unreadable",
    ),
    ("requirements.txt", "pinned dependencies only"): (NOT_PIP, UNPINNED, "unpinned ones count, without version"),
    ("requirements.txt", LOW): (NOT_PIP | RANGES | {("sqlalchemy", "2.0.0")}, UNPINNED, "no guessed versions"),
    ("package-lock.json", BOTH): (
        set(),
        {("supports-color", "5.5.0"), ("wrappy", "1.0.2")},
        "a lock beside a shrinkwrap is read too; npm ignores it",
    ),
    ("package-lock.json", "TestParsePackageLock"): (set(), {("async", "3.2.4")}, DEV),
    ("package-lock-2.json", "TestParsePackageLockV2"): (set(), {("async", "3.2.4")}, DEV),
    ("package-lock-3.json", "TestParsePackageLockV3"): (set(), {("async", "3.2.4")}, DEV),
    ("nested-package-lock-1.json", "TestParsePackageLockV1NestedDependencies"): (
        set(),
        {("dev-nested", "1.0.0"), ("dev-parent", "1.0.0")},
        DEV,
    ),
}
"""(fixture, case) -> (what they expect and we do not say, what only we say, why)."""
