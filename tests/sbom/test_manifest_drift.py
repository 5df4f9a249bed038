"""Manifests against their locks, as npm 11 and uv 0.13 write them; where both tools refuse, we say why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.sbom.lockfiles import read_lock
from ci_guard.sbom.lockfiles.lock import Lock

MANIFEST = {
    "name": "shop",
    "workspaces": ["packages/*"],
    "dependencies": {"once": "*", "wrappy": "^1.0.2", "fsevents": "^2.3.0"},
    "optionalDependencies": {"fsevents": "^2.3.0"},
    "devDependencies": {"al": "npm:ms@2", "inherits": "~2.0.0"},
    "peerDependencies": {"inherits": ">=1"},
}
MEMBER = {"name": "m", "version": "1.0.0", "dependencies": {"ms": "2"}}
NPM = {
    "name": "shop",
    "lockfileVersion": 3,
    "packages": {
        # npm leaves an optional dependency out of the others.
        "": {**MANIFEST, "dependencies": {"once": "*", "wrappy": "^1.0.2"}},
        "node_modules/m": {"resolved": "packages/m", "link": True},
        "packages/m": MEMBER,
    },
}
PYPROJECT = """\
[project]
name = "shop"
dependencies = [
  "Requests[socks] >= 2.31, < 3", "typing_extensions; python_version < '3.12'", "idna==3.*", "click~=8.1", "six",
  "own", "numpy<2; python_version < '3.12'", "numpy>=2; python_version >= '3.12'",
]
[project.optional-dependencies]
x = ["attrs>=23"]
[tool.uv.sources]
own = {git = "https://git.example/own", tag = "1"}
"""
UV = """\
version = 1
[[package]]
name = "shop"
source = { virtual = "." }
[package.metadata]
requires-dist = [
    { name = "attrs", marker = "extra == 'x'", specifier = ">=23" },
    { name = "click", specifier = "~=8.1" },
    { name = "idna", specifier = "==3.*" },
    { name = "numpy", marker = "python_full_version < '3.12'", specifier = "<2" },
    { name = "numpy", marker = "python_full_version >= '3.12'", specifier = ">=2" },
    { name = "own", git = "https://git.example/own?tag=1" },
    { name = "requests", extras = ["socks"], specifier = ">=2.31,<3" },
    { name = "six" },
    { name = "typing-extensions", marker = "python_full_version < '3.12'" },
]
"""


def drift(path: str, lock: str, beside: Mapping[str, str]) -> list[str]:
    """The reasons for drift of a lock that stands in the folder `web`."""

    def read(name: str) -> bytes | None:
        return beside[name].encode() if name in beside else None

    found = read_lock(f"web/{path}", lock.encode(), beside=read)
    assert isinstance(found, Lock)
    return [one.reason for one in found.drift]


def npm(manifest: Any = MANIFEST, member: Any = MEMBER) -> list[str]:
    files = {"web/package.json": json.dumps(manifest), "web/packages/m/package.json": json.dumps(member)}
    return drift("package-lock.json", json.dumps(NPM), files)


def uv(pyproject: str = PYPROJECT) -> list[str]:
    return drift("uv.lock", UV, {"web/pyproject.toml": pyproject})


def test_what_the_tools_themselves_wrote_agrees() -> None:
    assert npm() == []
    assert uv() == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("< 3", "< 4", "pyproject.toml asks for requests <4,>=2.31, the lock for <3,>=2.31"),
        ('"six"', '"seven"', "pyproject.toml asks for seven, the lock does not (and 1 more)"),
        ('"six",', "", "pyproject.toml does not ask for six, the lock does"),
        ('"six"', '"six>1"', "pyproject.toml asks for six >1, the lock for any version"),
        ("numpy<2", "numpy<1", "pyproject.toml asks for numpy <1,>=2, the lock for <2,>=2"),
        ('"own"', '"own>2"', ""),
        ("attrs>=23", "attrs>=24", ""),
        ("dependencies = [", 'dynamic = ["dependencies"]\nx = [', ""),
        ("[project]", "[project", ""),
    ],
)
def test_uv(old: str, new: str, reason: str) -> None:
    assert uv(PYPROJECT.replace(old, new, 1)) == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("manifest", "member", "reasons"),
    [
        ({"dependencies": {"once": "*", "wrappy": "^2"}}, {}, ["asks for wrappy ^2, the lock for ^1.0.2"]),
        ({"dependencies": {"wrappy": "^1.0.2"}}, {}, ["does not ask for once, the lock does"]),
        ({"peerDependencies": {}}, {}, ["does not ask for inherits, the lock does"]),
        ({}, {"dependencies": {"ms": "3"}}, ["asks for ms 3, the lock for 2"]),
        ({"overrides": {"a": "1"}}, {"scripts": {}}, []),
    ],
)
def test_npm(manifest: dict[str, Any], member: dict[str, Any], reasons: list[str]) -> None:
    assert npm({**MANIFEST, **manifest}, {**MEMBER, **member}) == [f"package.json {reason}" for reason in reasons]


def test_without_the_manifest_nothing_is_said() -> None:
    assert drift("package-lock.json", json.dumps(NPM), {}) == []
    assert drift("uv.lock", UV, {}) == []
    old = json.dumps({"name": "shop", "lockfileVersion": 1, "dependencies": {}})
    assert drift("package-lock.json", old, {"web/package.json": json.dumps(MANIFEST)}) == []


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["project", "dependencies", "name", "dynamic"]), inner)
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_any_manifest_gives_an_answer(value: object) -> None:
    npm(value, {"dependencies": value})
    drift("uv.lock", UV, {"web/pyproject.toml": f"[project]\ndependencies = {json.dumps(str(value))}\n"})
