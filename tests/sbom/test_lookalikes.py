"""Names that look like much used ones, and which of them a change brings in."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.sbom.lookalikes import WellKnown, lookalike
from ci_guard.sbom.purls import canonical_name
from tests.pipeline.gitrepo import Repo
from tests.sbom.test_deps_check import checked

LISTS = sorted(p.name for p in files("ci_guard.sbom").joinpath("wellknown").iterdir())

SLIPS = [
    ("npm", "loadsh", "lodash"),
    ("npm", "crossenv", "cross-env"),
    ("npm", "electorn", "electron"),
    ("npm", "mongose", "mongoose"),
    ("npm", "d3.js", "d3"),
    ("npm", "@babell/core", "@babel"),
    ("npm", "@type/node", "@types"),
    ("PyPI", "colourama", "colorama"),
    ("PyPI", "jeIlyfish", "jellyfish"),
    ("PyPI", "Reqeusts", "requests"),
    ("PyPI", "pythondateutil", "python-dateutil"),
    ("PyPI", "dj\u0430ngo", "django"),
    ("PyPI", "\uff4eumpy", "numpy"),
    ("PyPI", "djang0", "django"),
    ("crates.io", "rustdecimal", "rust_decimal"),
    ("RubyGems", "rest_client", "rest-client"),
    ("Packagist", "guzzelhttp/guzzle", "guzzlehttp/guzzle"),
    ("NuGet", "Newtonsoft.Jsom", "Newtonsoft.Json"),
    ("Go", "github.com/gorila/mux", "github.com/gorilla/mux"),
]
NONE = [
    ("npm", "lodash"),
    ("npm", "@types/node"),
    ("npm", "@shop/lodash"),
    ("npm", "mysql3"),
    ("npm", "vuw"),
    ("PyPI", "Python_Dateutil"),
    ("PyPI", "psycopg3"),
    ("PyPI", "shop-orders"),
    ("Hex", "lodahs"),
]


@pytest.mark.parametrize(("ecosystem", "name", "other"), SLIPS, ids=lambda v: v.encode("ascii", "replace").decode())
def test_slips_are_seen(ecosystem: str, name: str, other: str) -> None:
    found = lookalike(ecosystem, name)
    assert found is not None
    assert found[0] == other


@pytest.mark.parametrize(("ecosystem", "name"), NONE)
def test_others_are_let_alone(ecosystem: str, name: str) -> None:
    assert lookalike(ecosystem, name) is None


def distance(one: str, other: str) -> int:
    """Optimal string alignment, the plain way."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        rows.append([i])
        for j, b in enumerate(other, 1):
            best = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[i - 2][j - 2] + 1)
            rows[i].append(best)
    return rows[-1][-1]


NAMES = st.text("abcxyz", min_size=5, max_size=8)  # no letters that look alike, no separators, no digits


@given(known=st.sets(NAMES, min_size=1, max_size=4), name=NAMES)
def test_a_slip_is_a_distance_of_one(known: set[str], name: str) -> None:
    found = WellKnown("npm", sorted(known)).resembles(name)
    near = {other for other in known if distance(name, other) == 1}
    if name in known:
        assert found is None
    else:
        assert (found[0] if found else None) in (near or {None})


@given(ecosystem=st.sampled_from(["npm", "PyPI", "nobody"]), name=st.text(max_size=40))
def test_any_name_gives_an_answer(ecosystem: str, name: str) -> None:
    lookalike(ecosystem, name)


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_canonical_and_sorted(name: str) -> None:
    lines = files("ci_guard.sbom").joinpath("wellknown", name).read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert lines[1:] == sorted(set(lines[1:]), key=lambda line: (line.lower(), line))
    ecosystem = name.removesuffix(".txt")
    assert all(canonical_name(ecosystem, line) == line for line in lines[1:])


def lock(*names: str) -> str:
    """A package-lock.json of packages."""
    packages = {
        f"node_modules/{name}": {
            "version": "1.0.0",
            "resolved": f"https://registry.example/{name}/-/{name}-1.0.0.tgz",
            "integrity": "sha512-" + "A" * 86 + "==",
        }
        for name in names
    }
    return json.dumps({"name": "shop", "lockfileVersion": 3, "packages": {"": {"name": "shop"}, **packages}}, indent=1)


def test_only_what_a_change_adds_is_judged(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.write("package-lock.json", lock("loadsh", "left-pad"))
    repo.commit()
    repo.write("package-lock.json", lock("loadsh", "left-pad", "electorn", "shop-ui", "expresss"))
    repo.write("sub/package-lock.json", lock("electorn"))
    repo.write(".ci-guard.yaml", "rules: {typosquat-dependency: {params: {allowed: [expresss]}}}\n")

    _, report = checked(tmp_path, "--since", "HEAD")
    found = [f for f in report["findings"] if f["rule"] == "typosquat-dependency"]
    assert [(f["location"]["path"], f["message"].split()[0]) for f in found] == [("package-lock.json", "electorn")]
    assert report["evaluated"]["typosquat-dependency"] == 3
    assert not any("newly added" in notice["message"] for notice in report["notices"])


def test_without_a_base_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text(lock("electorn"))
    _, report = checked(tmp_path)
    assert "typosquat-dependency" not in report["evaluated"]
    assert any("newly added" in notice["message"] for notice in report["notices"])


def test_a_name_of_any_length_is_quick() -> None:
    assert lookalike("npm", "a" * 1_000_000) is None
