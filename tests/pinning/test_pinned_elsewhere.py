"""What others say of pinned files: zizmor of the pins, pre-commit of the hooks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"


def program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"{name} is not installed (make test installs it)")
    return found


def unpinned(folder: Path) -> set[tuple[str, int]]:
    """File and line of everything that zizmor finds unpinned."""
    command = [program("zizmor"), "--offline", "--persona=auditor", "--collect=all", "--format=json", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False)
    places = set()
    for finding in json.loads(done.stdout):
        if finding["ident"] in {"unpinned-uses", "unpinned-images", "ref-version-mismatch"}:
            primary = next(place for place in finding["locations"] if place["symbolic"]["kind"] == "Primary")
            path = Path(primary["symbolic"]["key"]["Local"]["verbatim_path"]).relative_to(folder).as_posix()
            places.add((path, primary["concrete"]["location"]["start_point"]["row"] + 1))
    return places


def test_zizmor_finds_unpinned_what_was_left_and_nothing_else() -> None:
    case = CASES / "workflow"
    told = {line.split(": ")[0] for line in (case / "left.txt").read_text("utf-8").splitlines()}
    left = {(path, int(line)) for path, _, line in (place.rpartition(":") for place in told)}
    before, after = unpinned(case / "before"), unpinned(case / "after")
    assert len(before) > len(after)
    assert after <= left | {(".github/workflows/ci.yml", 9)}, "an image that a matrix names cannot be pinned here"


def test_pre_commit_reads_frozen_hooks() -> None:
    config = CASES / "hooks/after/.pre-commit-config.yaml"
    command = [program("pre-commit"), "validate-config", str(config)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
