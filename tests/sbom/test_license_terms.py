"""A policy of licences over SPDX expressions, and `deps check` with one."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.sbom.license_terms import LicenseTerms, Ruling
from tests.sbom.test_deps_check import checked, ci_guard

FINE = Ruling()


def ruling(expression: str, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> Ruling:
    """What the terms say of an expression."""
    terms = LicenseTerms(allow, deny)
    return terms.ruling(terms.spdx((expression,)))


@pytest.mark.parametrize(
    ("expression", "allow", "deny", "expected"),
    [
        ("MIT", ("MIT",), (), FINE),
        ("mit", ("MIT",), (), FINE),
        ("GPL-3.0-only", ("MIT",), (), Ruling(unlisted=("GPL-3.0-only",))),
        ("MIT OR GPL-3.0-only", ("MIT",), ("GPL-*",), FINE),
        ("MIT AND GPL-3.0-only", ("MIT",), ("GPL-*",), Ruling(denied=("GPL-3.0-only",))),
        ("MIT AND GPL-3.0-only", ("MIT",), (), Ruling(unlisted=("GPL-3.0-only",))),
        ("(MIT AND ISC) OR AGPL-3.0-only", (), ("AGPL-*",), FINE),
        ("MIT AND (ISC OR AGPL-3.0-only)", ("MIT",), ("AGPL-*",), Ruling(unlisted=("AGPL-3.0-only", "ISC"))),
        ("GPL-2.0+", (), ("GPL-2.0-or-later",), Ruling(denied=("GPL-2.0-or-later",))),
        ("GPL-2.0-or-later", (), ("GPL-2.0-only",), FINE),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only",), (), FINE),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only WITH Classpath-exception-2.0",), (), FINE),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            (),
            ("GPL-*",),
            Ruling(denied=("GPL-2.0-only WITH Classpath-exception-2.0",)),
        ),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            ("GPL-2.0-only WITH Classpath-exception-2.0",),
            ("GPL-*",),
            FINE,
        ),
        ("GPL-2.0-only", ("GPL-2.0-only WITH Classpath-exception-2.0",), (), Ruling(unlisted=("GPL-2.0-only",))),
    ],
)
def test_expressions(expression: str, allow: tuple[str, ...], deny: tuple[str, ...], expected: Ruling) -> None:
    assert ruling(expression, allow, deny) == expected


@pytest.mark.parametrize("term", ["MTI", "GPL", "AGPL-9*", "MIT OR ISC", "not a licence", ""])
def test_a_term_that_names_no_licence_is_refused(term: str) -> None:
    with pytest.raises(ValueError, match="SPDX"):
        LicenseTerms((), (term,))


IDS = ("MIT", "ISC", "Apache-2.0", "0BSD")
TREES = st.recursive(
    st.sampled_from(IDS),
    lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner),
    max_leaves=6,
)


def written(tree: Any) -> str:
    return tree if isinstance(tree, str) else f"({written(tree[1])} {tree[0]} {written(tree[2])})"


def choices(tree: Any) -> list[frozenset[str]]:
    """Every set of licences that one may choose to keep."""
    if isinstance(tree, str):
        return [frozenset({tree})]
    left, right = choices(tree[1]), choices(tree[2])
    return left + right if tree[0] == "OR" else [a | b for a, b in product(left, right)]


@given(tree=TREES, allow=st.sets(st.sampled_from(IDS)), deny=st.sets(st.sampled_from(IDS)))
def test_fine_is_what_some_choice_of_licences_makes_fine(tree: Any, allow: set[str], deny: set[str]) -> None:
    fine = any(not choice & deny and (not allow or choice <= allow) for choice in choices(tree))
    found = ruling(written(tree), tuple(sorted(allow)), tuple(sorted(deny)))
    assert (found == FINE) is fine


LOCK = {
    "name": "shop",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "shop"},
        **{
            f"node_modules/{name}": {
                "version": "1.0.0",
                "resolved": f"https://registry.example/{name}/-/{name}-1.0.0.tgz",
                "integrity": "sha512-" + "A" * 86 + "==",
                **({"license": license} if license else {}),
            }
            for name, license in {
                "good": "MIT",
                "choice": "(MIT OR GPL-3.0-only)",
                "bad": "AGPL-3.0-only",
                "other": "Zlib",
                "none": "",
                "words": "SEE LICENSE IN x",
                "accepted": "Zlib",
                "ended": "Zlib",
                "read": "",
            }.items()
        },
    },
}
CONFIG = """\
version: 1
licenses:
  allow: [MIT]
  deny: ["AGPL-*"]
  packages:
  - {package: pkg:npm/accepted, reason: bought}
  - {package: ended, reason: for a while, expires: 2020-01-01}
  - {package: read, license: MIT, reason: its readme says so}
"""


def test_each_package_on_its_line_and_what_is_unknown_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text(json.dumps(LOCK, indent=1))
    (tmp_path / "requirements.txt").write_text("idna==3.10\n")
    (tmp_path / ".ci-guard.yaml").write_text(CONFIG)
    code, report = checked(tmp_path)
    assert code == 1
    found = {f["message"].split()[0]: f for f in report["findings"] if f["rule"].startswith("license-")}
    assert {name: (f["rule"], bool(f["suppressed"])) for name, f in found.items()} == {
        "bad": ("license-denied", False),
        "other": ("license-not-allowed", False),
        "none": ("license-unknown", False),
        "words": ("license-unknown", False),
        "accepted": ("license-not-allowed", True),
        "ended": ("license-not-allowed", False),
    }
    assert "ended on 2020-01-01" in found["ended"]["message"]
    assert report["evaluated"]["license-denied"] == 9
    (silent,) = [u for u in report["unjudged"] if u["subject"] == "requirements.txt"]
    assert "1 package" in silent["reason"]


def test_a_slip_in_the_policy_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text(json.dumps(LOCK))
    (tmp_path / ".ci-guard.yaml").write_text("version: 1\nlicenses:\n  deny: [AGLP-3.0-only]\n")
    done = ci_guard(tmp_path, "deps", "check")
    assert done.returncode == 2
    assert done.stderr.startswith(b"ci-guard: .ci-guard.yaml:2: licenses: AGLP-3.0-only is no licence")


def test_without_a_policy_nothing_is_judged(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text(json.dumps(LOCK))
    _, report = checked(tmp_path)
    assert not any(rule.startswith("license-") for rule in report["evaluated"])
