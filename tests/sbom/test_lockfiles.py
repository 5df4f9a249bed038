"""Lockfiles against inventories written by hand.

A case is a folder with one lock, what stands beside it, and `expected.json`; its name begins with the parser's module
(`uv_lock-…`) or says what it is about. Adding a folder adds a test, and a seed to the fuzzers.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci_guard.model.component import Component
from ci_guard.sbom.facts import component_facts
from ci_guard.sbom.lockfiles import LOCKFILES, parser_name, read_lock
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.source.document import Unreadable
from tests.sbom.sbom_inputs import CASES, lock_of, read_case

CASES_OF_LOCKS = sorted(CASES.iterdir())


def observed(component: Component, lock: Lock) -> dict[str, Any]:
    """What an expectation may speak of."""
    region = component.locations[0].region
    return {
        **component_facts(component, lock.format),
        "type": component.type,
        "source_url": component.source_url,
        "licenses": list(component.licenses),
        "files": len(component.distributions),
        "hashes": [f"{h.algorithm}:{h.value}" for h in component.hashes],
        "properties": dict(component.properties),
        "line": region.start_line if region else 0,
        "column": region.start_column if region else 0,
    }


def short(name: str, lock: Lock) -> str:
    """A ref as expectations write it: the name, and the version where the lock may hold several of one name."""
    component = next(c for c in lock.components if c.ref == name)
    several = component.ecosystem not in {"PyPI", ""} and component.version
    return f"{component.name}@{component.version}" if several else component.name


@pytest.mark.parametrize("case", CASES_OF_LOCKS, ids=lambda c: c.name)
def test_case(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    lock = read_case(case)
    if "unreadable" in expected:
        assert isinstance(lock, Unreadable)
        assert lock.location.region is not None
        assert expected["unreadable"].get("reason", "") in lock.reason
        assert expected["unreadable"].get("line", lock.location.region.start_line) == lock.location.region.start_line
        return
    assert isinstance(lock, Lock)
    check_components(lock, expected["components"])
    check_graph(lock, expected)
    broken = [(b.location.region.start_line if b.location.region else 0, b.reason) for b in lock.broken]
    wanted = expected.get("broken", [])
    assert [line for line, _ in broken] == [b["line"] for b in wanted]
    assert all(b["reason"] in reason for b, (_, reason) in zip(wanted, broken, strict=True))
    assert [list(i) for i in lock.includes] == expected.get("includes", [])


def check_components(lock: Lock, expected: list[dict[str, Any]]) -> None:
    found = sorted((observed(c, lock) for c in lock.components), key=lambda e: (e["name"], e["version"], e["line"]))
    expected = sorted(expected, key=lambda e: (e["name"], e.get("version", ""), e.get("line", 0)))
    assert [(e["name"], e["version"]) for e in found] == [(e["name"], e.get("version", "")) for e in expected]
    for want, got in zip(expected, found, strict=True):
        assert {k: got[k] for k in want if k not in {"version", "properties"}} == {
            k: v for k, v in want.items() if k not in {"version", "properties"}
        }
        assert want.get("properties", {}).items() <= got["properties"].items()


def check_graph(lock: Lock, expected: dict[str, Any]) -> None:
    edges = [[short(e.source, lock), short(e.target, lock), e.kind] for e in lock.edges]
    assert sorted({tuple(e) for e in edges}) == [tuple(e) for e in expected["edges"]]
    names = {c.ref: c.name for c in lock.components}
    assert sorted(names[r] for r in lock.roots) == expected["roots"]
    if "incomplete" in expected:
        assert sorted(n for r, n in names.items() if r not in lock.complete) == expected["incomplete"]
    for text in expected.get("unknown", []):
        assert any(text in note for note in lock.unknown), lock.unknown


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("uv.lock", "uv_lock"),
        ("a/b/uv.lock", "uv_lock"),
        ("tools/check.py.lock", "uv_lock"),
        ("web/package-lock.json", "package_lock"),
        ("npm-shrinkwrap.json", "package_lock"),
        ("requirements.txt", "requirements"),
        ("requirements-dev.txt", "requirements"),
        ("dev-requirements.txt", "requirements"),
        ("requirements/base.txt", "requirements"),
        ("docs/requirements/base.txt", "requirements"),
        ("notes.txt", ""),
        ("requirements/readme.md", ""),
        ("package.json", ""),
    ],
)
def test_which_parser(path: str, module: str) -> None:
    assert parser_name(path) == module


@pytest.mark.parametrize("module", sorted(set(LOCKFILES.values())))
def test_every_parser_has_cases(module: str) -> None:
    """A lock that is read, and one that is refused, with its line."""
    read = [read_case(case) for case in CASES_OF_LOCKS if parser_name(lock_of(case)) == module]
    assert any(isinstance(lock, Lock) and lock.components for lock in read)
    assert any(isinstance(lock, Unreadable) or lock.broken for lock in read)


def test_no_lock_is_no_lock() -> None:
    with pytest.raises(KeyError):
        read_lock("no-lock.bin", b"")


def test_the_hook_runs_for_every_lock() -> None:
    hooks = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text("utf-8"))
    (wanted,) = [hook["files"] for hook in hooks if hook["id"] == "ci-guard-deps"]
    lacking = [pattern for pattern in LOCKFILES if not re.search(wanted, f"a/{pattern.replace('*', 'x')}")]
    assert lacking == []
