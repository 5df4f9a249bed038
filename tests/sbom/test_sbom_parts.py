"""The small parts: digests, purls, sources, folding, time."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

from ci_guard.model.component import Component, Edge, Hash, Inventory
from ci_guard.model.errors import UsageError
from ci_guard.model.location import Location
from ci_guard.sbom.deployed import Workload, deployed_inventory
from ci_guard.sbom.digests import parse_hash, parse_integrity, strength
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.licenses import LicenseExpressions, declared
from ci_guard.sbom.metadata import timestamp
from ci_guard.sbom.purls import build_purl, home_host, oci_purl
from ci_guard.sbom.sources import split_git, without_password

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_integrity_is_hex_of_every_usable_hash() -> None:
    digest = hashlib.sha512(b"content")
    import base64

    text = f"sha512-{base64.b64encode(digest.digest()).decode()}?opt sha1-short md6-AAAA= nonsense"
    assert parse_integrity(text) == (Hash("sha512", digest.hexdigest()),)


@given(st.text())
def test_no_text_breaks_the_hash_parsers(text: str) -> None:
    parse_integrity(text)
    found = parse_hash(text)
    assert found is None or len(found.value) in {32, 40, 56, 64, 96, 128}


def test_strength() -> None:
    assert [strength(a) for a in ("sha256", "sha384", "sha512", "sha224", "sha1", "md5")] == ["strong"] * 3 + [
        "weak"
    ] * 3


# Vectors of the purl specification's own tests (types oci, npm, pypi; "build").
@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (
            oci_purl("docker.io/library/debian", "sha256:244fd47e07d10", "latest"),
            "pkg:oci/debian@sha256:244fd47e07d10?repository_url=docker.io%2Flibrary%2Fdebian&tag=latest",
        ),
        (build_purl("npm", "@angular/animation", "12.3.1"), "pkg:npm/%40angular/animation@12.3.1"),
        (build_purl("pypi", "django", "1.11.1"), "pkg:pypi/django@1.11.1"),
        (build_purl("pypi", "x", "1.0+local"), "pkg:pypi/x@1.0%2Blocal"),
    ],
)
def test_purl_vectors(built: str, expected: str) -> None:
    assert built == expected


@given(st.text("abc/@ %?#&=:+é", min_size=1, max_size=12).filter(lambda t: t.strip("/ ")), st.text(max_size=12))
def test_purls_say_what_went_in(value: str, version: str) -> None:
    parsed = PackageURL.from_string(build_purl("generic", "name", "1" + version, {"download_url": value}))
    assert parsed.version == "1" + version.rstrip() if version.isprintable() and not version.endswith(" ") else True
    assert parsed.qualifiers["download_url"] == value


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"git+https://h.example/a/b.git#{COMMIT}", ("git+https://h.example/a/b.git", COMMIT)),
        (f"https://h.example/a/b?rev=v1#{COMMIT}", ("https://h.example/a/b", COMMIT)),
        (f"git+https://h.example/a/b@{COMMIT}#egg=b", ("git+https://h.example/a/b", COMMIT)),
        ("git+https://h.example/a/b@main", ("git+https://h.example/a/b@main", "")),
        ("git+ssh://git@h.example/a/b.git#semver:^1", ("git+ssh://git@h.example/a/b.git", "")),
        (f"git+https://h.example/a/b#{COMMIT[:12]}", ("git+https://h.example/a/b", "")),
    ],
)
def test_commits_of_git_urls(url: str, expected: tuple[str, str]) -> None:
    assert split_git(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:p@h.example/x", "https://h.example/x"),
        ("https://token@h.example/x?a=b#c", "https://h.example/x?a=b#c"),
        ("git+https://u:p@h.example/x", "git+https://h.example/x"),
        ("git+https://token@h.example/x", "git+https://h.example/x"),
        ("git+ssh://git@h.example/x", "git+ssh://git@h.example/x"),
        ("https://h.example/@scope/x", "https://h.example/@scope/x"),
        ("https://[bad@x", ""),
    ],
)
def test_passwords_stay_in_the_lock(url: str, expected: str) -> None:
    assert without_password(url) == expected


def test_the_home_host_is_the_most_frequent_one() -> None:
    def at(host: str, source: str = "registry") -> Component:
        return Component(ref=host, name="x", source=source, source_url=f"https://{host}/simple")

    assert home_host([at("b.example"), at("a.example"), at("b.example"), at("git.example", "git")]) == "b.example"
    assert home_host([at("b.example"), at("a.example")]) == "a.example"
    assert home_host([]) == ""


def test_entries_of_one_package_are_folded() -> None:
    one = Inventory(
        components=(
            Component(
                ref="l#a", name="a", version="1", purl="pkg:npm/a@1", scope="dev", hashes=(Hash("sha512", "ff"),)
            ),
            Component(ref="l#x/a", name="a", version="1", purl="pkg:npm/a@1", locations=(Location("l"),)),
            Component(ref="l#b", name="b", purl="pkg:npm/b"),
        ),
        edges=(Edge("l#a", "l#b"), Edge("l#x/a", "l#b"), Edge("l#b", "gone")),
        roots=("l#a",),
        complete=frozenset({"l#a", "l#b"}),
    )
    merged = merge([one, one])
    assert [c.ref for c in merged.components] == ["pkg:npm/a@1", "pkg:npm/b"]
    folded = merged.components[0]
    assert (folded.scope, folded.hashes, folded.locations) == ("required", (Hash("sha512", "ff"),), (Location("l"),))
    assert merged.edges == (Edge("pkg:npm/a@1", "pkg:npm/b"),)
    assert merged.complete == {"pkg:npm/b"}, "one of the entries of a is not complete"
    assert merge([merged]) == merged


def test_a_workload_without_images_is_there() -> None:
    from ci_guard.model.subject import SubjectId

    inventory = deployed_inventory(iter([Workload(SubjectId("Job", "x"), Location("a.yaml"), ())]))
    assert [c.type for c in inventory.components] == ["application"]
    assert inventory.roots == (inventory.components[0].ref,)


def test_timestamps() -> None:
    assert timestamp({"SOURCE_DATE_EPOCH": "0"}) == "1970-01-01T00:00:00Z"
    assert timestamp({}, datetime(2026, 1, 2, 3, 4, 5, 678, UTC)) == "2026-01-02T03:04:05Z"
    for wrong in ("yesterday", "-1", "1.5", "99999999999999", "²"):
        with pytest.raises(UsageError):
            timestamp({"SOURCE_DATE_EPOCH": wrong})


def test_declared_licences() -> None:
    assert declared("MIT") == ("MIT",)
    assert declared({"type": "ISC", "url": "x"}) == ("ISC",)
    assert declared(["MIT", {"type": "ISC"}, 3, ["no"]]) == ("MIT", "ISC")
    assert declared({"type": {"type": "MIT"}}) == ()
    expressions = LicenseExpressions()
    assert expressions.cyclonedx(("MIT",)) == [{"license": {"id": "MIT", "acknowledgement": "declared"}}]
    assert expressions.cyclonedx(("MIT OR Apache-2.0",))[0]["expression"] == "MIT OR Apache-2.0"
    assert expressions.cyclonedx(("MIT/X11",))[0]["license"]["name"] == "MIT/X11"
    mixed = [entry["license"] for entry in expressions.cyclonedx(("MIT", "MIT/X11"))]
    assert [(one.get("id"), one.get("name")) for one in mixed] == [("MIT", None), (None, "MIT/X11")]
    assert expressions.combined(("MIT", "ISC")) == "ISC AND MIT"


@settings(deadline=None)  # the first one loads the list of licences
@given(st.text(max_size=60))
def test_no_text_breaks_the_licences(text: str) -> None:
    LicenseExpressions().cyclonedx((text,))
