"""Version order: our own small cases always, the public lines where they are at hand; what is not right is counted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.advisories.ranges import digits_of
from ci_guard.advisories.versions import MAX_LENGTH, SCHEMES, key_of, scheme

CASES = sorted((Path(__file__).parent / "versions").glob("*.txt"))
PUBLIC = {"cran": "numeric", "hackage": "numeric", "pypi": "pep440", "redhat": "rpm"}
# right, all: what docs/advisories.md says. A scheme may get better; it must not get worse.
RIGHT = {
    "alpine": (729, 778),
    "cran": (21, 21),
    "debian": (30, 30),
    "hackage": (11, 11),
    "maven": (101, 102),
    "nuget": (35, 35),
    "packagist": (92, 95),
    "pub": (100, 100),
    "pypi": (37, 37),
    "redhat": (163, 165),
    "rubygems": (25, 25),
    "semver": (86, 86),
}


def lines(path: Path) -> list[list[str]]:
    """`a < b` of every line that is no comment."""
    text = path.read_text("utf-8").splitlines()
    return [line.split() for line in text if line.strip() and not line.strip().startswith(("#", "//"))]


def order(key: Any, one: str, other: str) -> str:
    try:
        left, right = key(one), key(other)
    except ValueError:
        return "?"
    return "<" if left < right else ">" if left > right else "="


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.stem)
def test_own_cases(case: Path) -> None:
    key = scheme(case.stem)
    found = [(a, order(key, a, b), b) for a, _, b in lines(case)]
    assert found == [tuple(line) for line in lines(case)]


def test_every_scheme_has_cases() -> None:
    assert {case.stem for case in CASES} == set(SCHEMES.values())


@pytest.mark.parametrize("name", RIGHT)
def test_public_lines(name: str) -> None:
    if not (shared := os.environ.get("CI_GUARD_SHARED")):
        pytest.skip("the public lines of version order are not here: CI_GUARD_SHARED names no folder")
    given_lines = lines(Path(shared) / "data/version-order" / f"{name}-versions.txt")
    key = scheme(PUBLIC.get(name, name))
    right = [line for line in given_lines if order(key, line[0], line[2]) == line[1]]
    assert (len(right), len(given_lines)) == RIGHT[name]


@given(st.sampled_from(sorted(set(SCHEMES.values()))), st.lists(st.text(max_size=40), min_size=3, max_size=3))
def test_any_text_has_a_key_or_a_reason(name: str, texts: list[str]) -> None:
    """Nothing but ValueError comes out, and what compares is an order: antisymmetric and transitive."""
    key = scheme(name)
    keys = []
    for text in texts:
        try:
            keys.append(key(text))
        except ValueError:
            continue
    for a in keys:
        for b in keys:
            assert [a < b, b < a].count(True) <= 1
            for c in keys:
                assert not (a < b < c) or a < c


@given(
    st.sampled_from(sorted(set(SCHEMES.values()))),
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(-?[a-z]{1,5}[0-9]?)?", fullmatch=True),
)
def test_ordinary_versions_are_equal_to_themselves(name: str, text: str) -> None:
    assert order(scheme(name), text, text) in {"=", "?"}


@pytest.mark.parametrize("name", sorted(set(SCHEMES.values())))
@pytest.mark.parametrize("text", ["1" * 250 + "!", "1." * 120, "a" * 250, "1-" * 120, "~" * 250], ids=range(5))
def test_no_text_is_slow(name: str, text: str) -> None:
    """A version of a hostile lock costs nothing: without the bound of a clock, a backtracking pattern would hang."""
    order(scheme(name), text, text)


def test_unreasonable_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="characters"):
        scheme("semver")("1" * (MAX_LENGTH + 1))


def test_ecosystems_with_releases_and_unknown_ones() -> None:
    assert key_of("Debian:12") is key_of("debian")
    assert key_of("Android") is None


@given(
    st.sampled_from(sorted(set(SCHEMES.values()))),
    st.lists(
        st.from_regex(r"v?0{0,2}[0-3](\.0{0,2}[0-3]){0,3}(-?(rc|a|c)?[0-3]?)?(\+[a-z0-3.]{1,4})?", fullmatch=True),
        min_size=6,
    ),
)
def test_spellings_of_one_version_share_their_digits(name: str, texts: list[str]) -> None:
    """What `ranges` relies on when it looks for a version in a list."""
    for one in texts:
        for other in texts:
            if order(scheme(name), one, other) == "=":
                assert digits_of(one) == digits_of(other)


@pytest.mark.parametrize("name", RIGHT)
def test_public_spellings_of_one_version_share_their_digits(name: str) -> None:
    if not (shared := os.environ.get("CI_GUARD_SHARED")):
        pytest.skip("the public lines of version order are not here: CI_GUARD_SHARED names no folder")
    key = scheme(PUBLIC.get(name, name))
    for one, _, other in lines(Path(shared) / "data/version-order" / f"{name}-versions.txt"):
        if "-r0-" not in one:  # no version that apk would take; univers reads the first revision only
            assert order(key, one, other) != "=" or digits_of(one) == digits_of(other)
