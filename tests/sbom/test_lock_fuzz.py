"""Any bytes give an inventory or the place where it breaks, never an exception."""

from __future__ import annotations

import json
import tomllib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.sbom.facts import subjects
from ci_guard.sbom.lockfiles import LOCKFILES, parser_name, read_lock
from ci_guard.sbom.lockfiles.jsonc import plain_json
from ci_guard.sbom.lockfiles.lock import Lock
from tests.sbom.sbom_inputs import CASES, lock_of

MODULES = sorted(set(LOCKFILES.values()))
SEEDS = {m: [c / lock_of(c) for c in sorted(CASES.iterdir()) if parser_name(lock_of(c)) == m] for m in MODULES}
"""Every case of a parser is a seed for its fuzzer."""


def check(module: str, data: bytes) -> None:
    """What must hold whatever the bytes are."""
    lock = read_lock("dir/lock", data, module=module)
    lines = data.count(b"\n") + data.count(b"\r") + 1
    if not isinstance(lock, Lock):
        assert lock.reason
        assert lock.location.region is not None
        assert 1 <= lock.location.region.start_line <= lines
        return
    refs = [c.ref for c in lock.components]
    assert len(set(refs)) == len(refs), "a ref names one entry"
    known = set(refs)
    assert all(e.source in known and e.target in known for e in lock.edges)
    assert set(lock.roots) <= known
    assert lock.complete <= known
    for component in lock.components:
        for place in component.locations:
            assert place.region is None or 1 <= place.region.start_line <= lines
    for subject in subjects(lock):
        json.dumps(subject.variables)


@pytest.mark.parametrize("module", MODULES)
@settings(max_examples=120, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes(module: str, data: bytes) -> None:
    check(module, data)


@pytest.mark.parametrize("module", MODULES)
@settings(max_examples=150, deadline=None)
@given(draw=st.data())
def test_damaged_locks(module: str, draw: st.DataObject) -> None:
    seed = draw.draw(st.sampled_from(SEEDS[module])).read_bytes()
    start = draw.draw(st.integers(0, len(seed)))
    end = min(len(seed), start + draw.draw(st.integers(0, 40)))
    check(module, seed[:start] + draw.draw(st.binary(max_size=8)) + seed[end:])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *("name", "version", "resolved", "integrity", "link", "dev", "optional", "license", "dependencies", "os"),
        *("peerDependencies", "optionalDependencies", "devDependencies", "peerDependenciesMeta", "workspaces"),
        *("requires", "inBundle", "bundled", "deprecated"),
    ]
)
PATHS = st.sampled_from(
    ["", "node_modules/a", "node_modules/a/node_modules/b", "packages/x", "../y", "node_modules/", "/"]
)
ENTRY = st.dictionaries(KEYS, JSON, max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(PATHS, st.one_of(ENTRY, JSON), max_size=5), st.sampled_from([1, 2, 3]), st.booleans())
def test_any_package_lock(entries: dict[str, object], version: int, old: bool) -> None:
    body = {"dependencies" if old else "packages": entries, "lockfileVersion": version}
    check("package_lock", json.dumps(body).encode())


LINES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            ["a==1", "-r", "-e", "--hash", "  --hash=sha256:1", "# via a", "b @ ", "\\", "c==1 \\", "-e .", "./", "-"]
        ),
    ),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n", "\r", "\x0c"]))
def test_any_requirements(lines: list[str], end: str) -> None:
    check("requirements", end.join(lines).encode("utf-8", "replace"))


def parsed(data: bytes) -> object:
    """The value of a case, whatever its syntax; None for text of its own kind and for broken cases."""
    text = data.decode("utf-8", "replace")
    for load in (json.loads, tomllib.loads, lambda t: json.loads(plain_json(t)), yaml.safe_load):
        try:
            value = load(text)
        except (ValueError, yaml.YAMLError):
            continue
        return value if isinstance(value, dict) else None
    return None


def is_toml(data: bytes) -> bool:
    """Whether a case is a table of TOML."""
    try:
        return "[[" in data.decode() and bool(tomllib.loads(data.decode()))
    except ValueError:
        return False


def as_toml(value: object) -> str:
    """Plain data as an inline TOML value; what TOML cannot hold becomes text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {as_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) < 2**62:
        return str(value)
    return json.dumps(value if isinstance(value, str) else str(value)).replace("\x7f", "?")


def mutated(value: object, draw: st.DataObject, depth: int = 0) -> object:
    """The value with one node somewhere in it replaced by anything, or taken away."""
    inner = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    if not inner or (depth and draw.draw(st.integers(0, 4)) == 0):
        return draw.draw(JSON)
    key, chosen = draw.draw(st.sampled_from(inner))
    changed = mutated(chosen, draw, depth + 1)
    if isinstance(value, dict):
        return {**value, key: changed}
    return [changed if n == key else item for n, item in inner]


TOML = {m for m in MODULES if any(is_toml(lock.read_bytes()) for lock in SEEDS[m])}
YAML = {m for m in MODULES if any(lock.name.endswith((".yaml", ".yml", "yarn.lock")) for lock in SEEDS[m])}
STRUCTURED = {m: [v for p in SEEDS[m] if (v := parsed(p.read_bytes())) is not None] for m in MODULES}


@pytest.mark.parametrize("module", [m for m in MODULES if STRUCTURED[m]])
@settings(max_examples=60, deadline=None)
@given(draw=st.data())
def test_any_value_anywhere(module: str, draw: st.DataObject) -> None:
    """A lock of the right syntax, in which one value is not what it should be."""
    value = mutated(draw.draw(st.sampled_from(STRUCTURED[module])), draw)
    if module in TOML and isinstance(value, dict):
        text = "\n".join(f"{json.dumps(str(k))} = {as_toml(v)}" for k, v in value.items())
    elif module in YAML:
        text = yaml.safe_dump(value, sort_keys=False)
    else:
        text = json.dumps(value, default=str)
    check(module, text.encode())
