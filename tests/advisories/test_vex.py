"""VEX: the three formats say the same; what applies, what does not and why; drafts are valid documents."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.advisories.vex.purls import difference
from ci_guard.advisories.vex.reading import read_book, read_statements
from ci_guard.advisories.vex.statement import Book
from ci_guard.model.component import Component
from ci_guard.model.errors import ConfigError
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
from ci_guard.model.subject import SubjectId

TODAY = date(2026, 11, 23)
DJANGO = Component("d", "django", "3.2.1", purl="pkg:pypi/django@3.2.1", ecosystem="PyPI")
IDS = ("CVE-2026-1", "GHSA-1", "PYSEC-1")


def finding() -> Finding:
    return Finding("vulnerable-dependency", Severity.HIGH, "m", Location("r.txt"), SubjectId("component", DJANGO.purl))


def openvex(
    status: str = "not_affected", product: Any = "pkg:pypi/django@3.2.1", name: str = "PYSEC-1", **more: Any
) -> Any:
    statement = {
        "vulnerability": {"name": name},
        "products": [{"@id": product} if isinstance(product, str) else product],
    }
    statement |= {
        "status": status,
        **({"justification": "component_not_present"} if status == "not_affected" else {}),
        **more,
    }
    head = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "urn:x",
        "author": "us",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    return {**head, "version": 1, "statements": [statement]}


def cyclonedx(state: str = "not_affected", ref: str = "d", **analysis: Any) -> Any:
    said = {"state": state, "justification": "code_not_present", **analysis}
    vulnerability = {"id": "OTHER", "references": [{"id": "GHSA-1"}], "analysis": said, "affects": [{"ref": ref}]}
    component = {"type": "library", "bom-ref": "d", "name": "django", "purl": "pkg:pypi/Django@3.2.1"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [component],
        "vulnerabilities": [vulnerability],
    }


def csaf(status: str = "known_not_affected", *, inside: bool = False, flag: bool = True) -> Any:
    def product(name: str, purl: str) -> Any:
        return {"product": {"product_id": name, "name": name, "product_identification_helper": {"purl": purl}}}

    branches = [product("django", "pkg:pypi/django@3.2.1"), {"branches": [product("image", "pkg:oci/shop")]}]
    related = {
        "category": "default_component_of",
        "product_reference": "django",
        "relates_to_product_reference": "image",
        "full_product_name": {"product_id": "django-in-image", "name": "x"},
    }
    about = "django-in-image" if inside else "django"
    row: dict[str, Any] = {"cve": "CVE-2026-1", "product_status": {status: [about], "recommended": ["image"]}}
    if flag:
        row["flags"] = [{"label": "vulnerable_code_not_present", "product_ids": [about]}]
    head = {"csaf_version": "2.0", "category": "csaf_vex", "publisher": {"name": "them"}, "tracking": {}}
    return {
        "document": head,
        "product_tree": {"branches": branches, "relationships": [related]},
        "vulnerabilities": [row],
    }


def judged(*documents: Any, ours: tuple[str, ...] = ()) -> Finding:
    content = {f"v{n}.json": json.dumps(d, indent=1).encode() for n, d in enumerate(documents)}
    return read_book(list(content), content.get, ours).apply(finding(), DJANGO, IDS, TODAY)


ACCEPTED = {
    "openvex": openvex(),
    "openvex-no-version-means-all": openvex(product="pkg:pypi/django"),
    "openvex-other-spelling": openvex(product="pkg:PyPI/Django@3.2.1"),
    "openvex-identifiers": openvex(product={"@id": "urn:ours", "identifiers": {"purl": "pkg:pypi/django@3.2.1"}}),
    "openvex-by-alias": openvex(name="X-1", vulnerability={"name": "X-1", "aliases": ["CVE-2026-1"]}),
    "openvex-old-form": openvex(vulnerability="CVE-2026-1", products=["pkg:pypi/django@3.2.1"]),
    "openvex-fixed": openvex("fixed"),
    "openvex-holds-to-the-day": openvex(status_notes="expires: 2026-11-23"),
    "cyclonedx": cyclonedx(),
    "cyclonedx-false-positive": cyclonedx("false_positive"),
    "cyclonedx-bom-link": cyclonedx(ref="urn:cdx:a-b-c/1#pkg%3Apypi%2Fdjango%403.2.1"),
    "csaf": csaf(),
    "csaf-fixed": csaf("fixed", flag=False),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted(name: str) -> None:
    found = judged(ACCEPTED[name])
    assert found.suppressed is not None
    assert (found.suppressed.origin, found.suppressed.reason != "") == ("vex", True)
    place = found.suppressed.location
    assert place is not None
    assert place.region is not None
    assert (place.path, place.region.start_line > 1) == ("v0.json", True)


REFUSED = {
    "another-version": (openvex(product="pkg:pypi/django@4.0"), "names version 4.0, locked is 3.2.1"),
    "another-package": (openvex(product="pkg:npm/django@3.2.1"), "names npm/django"),
    "no-purl": (openvex(product="urn:something"), "is no purl"),
    "another-origin": (openvex(product="pkg:pypi/django@3.2.1?repository_url=x"), "names repository_url=x"),
    "no-justification": (openvex(justification=""), "neither justification nor impact"),
    "affected": (openvex("affected"), "its status is affected"),
    "draft": (openvex("under_investigation"), "its status is under_investigation"),
    "expired": (openvex(status_notes="expires: 2026-11-22"), "it expired on 2026-11-22"),
    "inside-another-product": (
        openvex(product={"@id": "pkg:oci/other", "subcomponents": [{"@id": "pkg:pypi/django@3.2.1"}]}),
        "its product pkg:oci/other is none of `vex-products`",
    ),
    "cyclonedx-exploitable": (cyclonedx("exploitable"), "its status is affected"),
    "csaf-inside": (csaf(inside=True), "its product pkg:oci/shop is none of `vex-products`"),
    "csaf-no-reason": (csaf(flag=False), "neither justification nor impact"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_accepted_says_why(name: str) -> None:
    document, why = REFUSED[name]
    found = judged(document)
    assert found.suppressed is None
    assert [why in place.note for place in found.related] == [True], found.related


def test_a_component_inside_of_our_own_product() -> None:
    assert judged(csaf(inside=True), ours=("pkg:oci/shop@sha256:ab",)).suppressed is not None
    inside = openvex(product={"@id": "pkg:oci/shop", "subcomponents": [{"@id": "pkg:pypi/django"}]})
    assert judged(inside, ours=("pkg:oci/shop",)).suppressed is not None


def test_the_newest_statement_counts() -> None:
    older, newer = openvex(), openvex("affected", last_updated="2026-06-01T00:00:00Z")
    assert judged(older, newer).suppressed is None
    newest = openvex(last_updated="2026-07-01T00:00:00Z")
    assert judged(older, newer, newest).suppressed is not None


def test_what_is_not_about_it_is_not_told() -> None:
    found = judged(openvex(name="CVE-0000-0"))
    assert (found.suppressed, found.related) == (None, ())


def test_another_origin_is_another_package() -> None:
    assert "another origin" in difference("pkg:pypi/a@1", "pkg:pypi/a@1?repository_url=https://x")
    assert difference("pkg:npm/%40a/b@1", "pkg:npm/@a/b@1") == ""


BROKEN = {
    "missing": (None, "no such VEX document"),
    "no-json": (b"{", "v.json"),
    "nothing": (b"", "empty"),
    "other": (b"{}", "neither OpenVEX"),
    "a-list": (b"[]", "expected an object"),
    "status": (json.dumps(openvex("nonsense")).encode(), "status is one of"),
    "state": (json.dumps(cyclonedx("nonsense")).encode(), "state is one of"),
    "type": (json.dumps(openvex(products="x")).encode(), "expected a list at statements[0].products"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_documents_are_no_policy(name: str) -> None:
    data, words = BROKEN[name]
    with pytest.raises(ConfigError) as error:
        read_book(["v.json"], lambda _: data)
    assert words in str(error.value)
    assert error.value.exit_code == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A good document with one node replaced by anything."""
    document = json.loads(json.dumps(draw(st.sampled_from([openvex(), cyclonedx(), csaf(), csaf(inside=True)]))))
    node = document
    while isinstance(node, dict | list) and node:
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
        if not isinstance(node[key], dict | list) or draw(st.booleans()):
            node[key] = draw(JSON)
            break
        node = node[key]
    return document


@given(mutated() | JSON)
@settings(deadline=None)
def test_any_document_is_read_or_refused(document: Any) -> None:
    try:
        statements = read_statements("v.json", json.dumps(document).encode())
    except ConfigError as error:
        assert str(error).startswith("v.json:")
        return
    Book(tuple(statements)).apply(finding(), DJANGO, IDS, TODAY)
