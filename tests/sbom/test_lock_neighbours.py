"""What stands beside a lock may be anything: it is told where it breaks, and the lock itself still counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.sbom.lockfiles import read_lock
from ci_guard.sbom.lockfiles.lock import Lock
from tests.sbom.sbom_inputs import CASES, lock_of

PAIRS = [
    ("go_mod-project", "go.sum", True),
    ("cargo_lock-workspace", "Cargo.toml", False),
    ("composer_lock-project", "composer.json", False),
    ("gradle_lockfile-verified", "gradle/verification-metadata.xml", True),
    ("helm_chart-locked", "Chart.lock", True),
    ("pom_xml-child", "pom.xml", False),
]
"""Case, its neighbour, whether a flaw of the neighbour is told with the lock (else where the neighbour is read)."""


def read_beside(case: Path, neighbour: str, data: bytes) -> Lock:
    path = lock_of(case)
    lock = read_lock(path, (case / path).read_bytes(), beside={neighbour: data}.get)
    assert isinstance(lock, Lock)
    return lock


@pytest.mark.parametrize(("case", "neighbour", "told"), PAIRS)
def test_a_neighbour_that_is_garbage(case: str, neighbour: str, told: bool) -> None:
    lock = read_beside(CASES / case, neighbour, b"\xff\x00 <garbage")
    assert len(lock.components) > 2
    assert bool([b for b in lock.broken if b.path == neighbour]) is told


@pytest.mark.parametrize(("case", "neighbour"), [pair[:2] for pair in PAIRS])
@settings(max_examples=60)
@given(draw=st.data())
def test_damaged_neighbours(case: str, neighbour: str, draw: st.DataObject) -> None:
    seed = (CASES / case / neighbour).read_bytes()
    start = draw.draw(st.integers(0, len(seed)))
    end = min(len(seed), start + draw.draw(st.integers(0, 40)))
    data = seed[:start] + draw.draw(st.binary(max_size=8)) + seed[end:]
    lock = read_beside(CASES / case, neighbour, data)
    whole = read_beside(CASES / case, neighbour, seed)
    assert len({c.ref for c in lock.components}) == len(lock.components)
    if neighbour != "pom.xml":  # a parent brings dependencies of its own
        assert {c.name for c in lock.components if c.source != "workspace"} == {
            c.name for c in whole.components if c.source != "workspace"
        }


HOSTILE = {
    "pom_xml": "<project><properties><a>"
    + "x" * 500_000
    + "</a></properties><dependencies>"
    + "<dependency><groupId>${a}</groupId><artifactId>b</artifactId></dependency>" * 3_000
    + "</dependencies></project>",
    "dockerfile": "ARG A=" + "x" * 500_000 + "\nFROM " + "${A}" * 100_000 + "\n" + "FROM ${A}\n" * 2_000,
    "gemfile_lock": "GEM\n  specs:\n" + "    a (1)\n      a\n" * 20_000 + "DEPENDENCIES\n" + "  a\n" * 20_000,
    "cargo_lock": "version = 4\n" + '[[package]]\nname = "a"\nversion = "1"\ndependencies = ["a"]\n' * 5_000,
    "go_mod": "module " + "(" * 100_000 + "\n" + "require a v1.0.0 " * 10_000,
    "gradle_verification": "<a>" * 100_000,
    "helm_chart": "dependencies: " + "[" * 50_000,
    "composer_lock": '{"packages": ' + "[" * 50_000,
}
"""Texts that a careless reader needs minutes or gigabytes for."""


@pytest.mark.parametrize("module", HOSTILE)
def test_hostile_locks_are_read_or_refused(module: str) -> None:
    lock = read_lock("lock", HOSTILE[module].encode(), module=module)
    assert isinstance(lock, Lock) or lock.location.region is not None
