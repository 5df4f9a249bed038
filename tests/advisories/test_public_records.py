"""Every pair of advisory and version that 2,661 public records list, and the neighbours that they do not."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ci_guard.advisories import cache
from ci_guard.advisories.compiling import from_plain, read_records, to_plain
from ci_guard.advisories.database import Databases
from ci_guard.advisories.matching import match
from ci_guard.advisories.ranges import _or_none, _within, is_affected
from ci_guard.advisories.record import Affected, Record
from ci_guard.advisories.versions import Key, key_of

CONTRADICTORY = {"PYSEC-2023-61": 6, "PYSEC-2023-177": 2, "PYSEC-2021-114": 1}
"""Records that list versions outside of their own ranges -> how many; they are affected by the list."""


@pytest.fixture(scope="module")
def public() -> Path:
    if not (shared := os.environ.get("CI_GUARD_SHARED")):
        pytest.skip("the public advisory records are not here: CI_GUARD_SHARED names no folder")
    return Path(shared) / "data/osv"


@pytest.fixture(scope="module")
def records(public: Path) -> list[Record]:
    return list(read_records(public / "pypi"))


@pytest.fixture(scope="module")
def source(public: Path, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    folder = tmp_path_factory.mktemp("cache")
    return Databases(
        folder, {**cache.from_path(folder, public / "pypi"), **cache.from_path(folder, public / "kubernetes")}
    )


def entries(records: list[Record]) -> list[tuple[Record, Affected]]:
    return [(r, entry) for r in records for entry in r.affected if not r.withdrawn]


def test_every_listed_pair_is_affected(records: list[Record]) -> None:
    """As compiled and read back, pair by pair, all of them."""
    pairs = missed = 0
    for record, entry in entries(records):
        _, kept = from_plain(entry.name, to_plain(record, entry))
        pairs += len(entry.versions)
        missed += sum(not is_affected(version, kept) for version in entry.versions)
    assert (pairs, missed) == (139_479, 0)


def test_the_whole_way_for_a_sample(records: list[Record], source: Databases) -> None:
    """Asked as an audit asks: found under the package's name, matched, merged with its aliases."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for record, entry in entries(records):
        for version in entry.versions:
            wanted.setdefault((entry.name, version), set()).add(record.id)
    sample = sorted(wanted)[::20]
    missed = []
    for name, version in sample:
        found = {i for m in match(source, "PyPI", name, version).matches for i in m.ids}
        missed += [(name, version, i) for i in wanted[name, version] - found]
    assert (len(sample) > 1_000, missed) == (True, [])


def test_neighbours_outside_are_not_affected(records: list[Record]) -> None:
    """Every version that any record says of the package: affected only by the record's own list or ranges.

    What is inside is worked out here another way: as intervals between an `introduced` and the next end.
    """
    key = key_of("PyPI")
    assert key is not None
    versions: dict[str, set[str]] = {}
    for _, entry in entries(records):
        versions.setdefault(entry.name, set()).update(entry.versions)
        versions[entry.name] |= {v for r in entry.ranges if r.type == "ECOSYSTEM" for _, v in r.events}
    outside = wrong = 0
    for _, entry in entries(records)[::12]:
        listed = {key(v) for v in entry.versions}
        inside = [pair for r in entry.ranges if r.type == "ECOSYSTEM" for pair in intervals(r.events, key)]
        for version in versions[entry.name]:
            at = key(version)
            if at not in listed and not any((a is None or a <= at) and (b is None or at < b) for a, b in inside):
                outside += 1
                wrong += is_affected(version, entry)
    assert (outside > 10_000, wrong) == (True, 0)


def intervals(events: Sequence[tuple[str, str]], key: Key) -> list[tuple[Any, Any]]:
    """[introduced, fixed) of a range that has no other events; open ends are None."""
    starts = sorted([key(v) for kind, v in events if kind == "introduced" and v != "0"])
    ends = sorted(key(v) for kind, v in events if kind == "fixed")
    opened = [None, *starts] if ("introduced", "0") in events else starts
    return [(a, next((b for b in ends if a is None or b > a), None)) for a in opened]


def test_what_the_data_contradicts_itself_in(records: list[Record]) -> None:
    key = key_of("PyPI")
    assert key is not None
    found: Counter[str] = Counter()
    for record, entry in entries(records):
        ranges = [r for r in entry.ranges if r.type != "GIT"]
        found[record.id] += sum(
            not any(_within(_or_none(v, key), r, key) for r in ranges) for v in entry.versions if ranges
        )
    assert {name: count for name, count in found.items() if count} == CONTRADICTORY


def test_kubernetes_own_advisories(source: Databases) -> None:
    assert [m.id for m in match(source, "Kubernetes", "k8s.io/kubelet", "1.18.3").matches if m.id == "CVE-2020-8558"]
    assert not [m for m in match(source, "Kubernetes", "k8s.io/kubelet", "1.18.4").matches if m.id == "CVE-2020-8558"]
    assert match(source, "Kubernetes", "k8s.io/kubelet", "1.99.0").matches == []
