"""Documents against other people's judges: the official CycloneDX schemas, and spdx-tools' validator."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

from ci_guard.model.component import Component, Distribution, Edge, Hash, Inventory
from ci_guard.model.location import Location, Region
from ci_guard.pipeline.sbom import FORMATS
from ci_guard.sbom import cyclonedx, spdx, spdx_3
from ci_guard.sbom.deployed import deployed_inventory
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.metadata import Metadata
from tests.sbom import sbom_inputs as inputs

HEAD = Metadata("2024-05-01T12:00:00Z", name="shop")


@cache
def schema(version: str) -> Any:
    """The official schema of a CycloneDX version, formats checked, as shipped inside cyclonedx-python-lib."""
    import cyclonedx as library

    folder = Path(library.__file__).parent / "schema" / "_res"

    def load(name: str) -> Any:
        return json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_bytes())

    others = [
        (f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", load(name))
        for name in ("spdx", "jsf-0.82", "cryptography-defs")
    ]
    registry = jsonschema_rs.Registry(others)
    return jsonschema_rs.validator_for(load(f"bom-{version}"), registry=registry, validate_formats=True)


def spdx_parsed(data: bytes, folder: Path) -> Any:
    """A document as spdx-tools reads it, in either syntax."""
    from spdx_tools.spdx.parser.parse_anything import parse_file

    path = folder / ("bom.spdx.json" if data.startswith(b"{") else "bom.spdx")
    path.write_bytes(data)
    return parse_file(str(path))


def spdx_flaws(data: bytes, folder: Path) -> list[str]:
    """What spdx-tools says of a document."""
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    messages = validate_full_spdx_document(spdx_parsed(data, folder))
    return [f"{m.validation_message} {m.context.spdx_id}" for m in messages]


@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_cyclonedx_is_valid(version: str) -> None:
    document = json.loads(cyclonedx.write(inputs.everything(), HEAD, version))
    assert [e.message for e in schema(version).iter_errors(document)] == []
    assert document["specVersion"] == version


def test_gitlab_finds_the_lock_that_it_links_to() -> None:
    lock = inputs.read_case(inputs.CASES / "uv-project")
    assert isinstance(lock, Inventory)
    document = json.loads(cyclonedx.write(merge([lock]), HEAD, gitlab=True))
    assert [e.message for e in schema("1.6").iter_errors(document)] == []
    said = {p["name"]: p["value"] for p in document["metadata"]["properties"] if p["name"].startswith("gitlab:")}
    assert said == {
        "gitlab:meta:schema_version": "1",
        "gitlab:dependency_scanning:input_file:path": "uv.lock",
        "gitlab:dependency_scanning:package_manager:name": "uv",
    }
    several = json.loads(cyclonedx.write(inputs.everything(), HEAD, gitlab=True))["metadata"]["properties"]
    assert [p["name"] for p in several if p["name"].startswith("gitlab:")] == ["gitlab:meta:schema_version"]


def test_spdx_is_valid(tmp_path: Path) -> None:
    assert spdx_flaws(spdx.write(inputs.everything(), HEAD), tmp_path) == []


def test_both_syntaxes_of_spdx_are_one_document(tmp_path: Path) -> None:
    inventory = merge([*inputs.locks()[:6], deployed_inventory(inputs.workloads())])  # the reader takes seconds for all
    one, other = (spdx_parsed(w(inventory, HEAD), tmp_path) for w in (spdx.write, spdx.write_tag_value))
    assert one == other
    assert spdx_flaws(spdx.write_tag_value(inventory, HEAD), tmp_path) == []


def test_both_say_the_same() -> None:
    inventory = inputs.everything()
    cdx, doc = json.loads(cyclonedx.write(inventory, HEAD)), json.loads(spdx.write(inventory, HEAD))
    described = [cdx["metadata"]["component"], *cdx["components"]]
    purls = {c["purl"] for c in described if "purl" in c}
    assert purls == {
        r["referenceLocator"]
        for p in doc["packages"]
        for r in p.get("externalRefs", ())
        if r["referenceType"] == "purl"
    }
    assert len(doc["packages"]) == len(cdx["components"]) + 1
    forward = {"DEPENDS_ON", "CONTAINS", "DESCRIBES"}
    found = [r for r in doc["relationships"] if r["relationshipType"] in forward]
    known = [r for r in found if r["relatedSpdxElement"] not in {"NONE", "NOASSERTION"}]
    assert len(known) == sum(len(d.get("dependsOn", ())) for d in cdx["dependencies"]) + 1


def test_places_hashes_and_edges_are_in_cyclonedx() -> None:
    document = json.loads(cyclonedx.write(inputs.everything(), HEAD))
    by_ref = {c["bom-ref"]: c for c in document["components"]}
    click = by_ref["pkg:pypi/click@8.1.7"]
    assert {"location": "uv-project/uv.lock", "line": 6} in click["evidence"]["occurrences"]
    assert all(r["hashes"][0]["alg"] == "SHA-256" for r in click["externalReferences"])
    edges = {d["ref"]: d["dependsOn"] for d in document["dependencies"]}
    assert set(edges) == {"root", *by_ref}
    assert "pkg:pypi/colorama@0.4.6" in edges["pkg:pypi/click@8.1.7"]
    web = next(ref for ref in by_ref if ref.endswith("/web") and ref.startswith("kubernetes:"))
    assert edges[web] == [
        "pkg:oci/nginx?repository_url=docker.io%2Flibrary%2Fnginx&tag=1.25",
        f"pkg:oci/web@{inputs.DIGEST}?repository_url=ghcr.io%2Fteam%2Fweb&tag=2",
    ]
    aggregates = {c["aggregate"]: set(c["dependencies"]) for c in document["compositions"]}
    assert aggregates["complete"] | aggregates["unknown"] == set(by_ref)
    assert not aggregates["complete"] & aggregates["unknown"]
    assert web in aggregates["unknown"]
    assert edges[web][0] in aggregates["unknown"], "what an image contains was not looked at"


def test_purls_are_purls() -> None:
    for component in inputs.everything().components:
        if component.purl:
            parsed = PackageURL.from_string(component.purl)
            again = parsed.to_string()
            head, mark, qualifiers = again.partition("?")
            assert component.purl == head + mark + qualifiers.replace("/", "%2F")


def test_the_order_of_files_does_not_show() -> None:
    locks = inputs.locks()
    shuffled = random.Random(7).sample(locks, len(locks))
    for write in (cyclonedx.write, spdx.write, spdx.write_tag_value, spdx_3.write):
        assert write(merge(locks), HEAD) == write(merge(shuffled), HEAD)


def test_another_content_has_another_serial_number() -> None:
    inventory = inputs.everything()
    serials = {
        json.loads(cyclonedx.write(i, h))["serialNumber"]
        for i in (inventory, Inventory())
        for h in (HEAD, Metadata("2024-05-01T12:00:01Z", name="shop"))
    }
    assert len(serials) == 4


def test_unknown_is_written_as_unknown() -> None:
    inventory = inputs.everything()
    doc = json.loads(spdx.write(inventory, HEAD))
    assert {p["supplier"] for p in doc["packages"]} == {"NOASSERTION"}
    assert all(note in doc["creationInfo"]["comment"] for note in inventory.unknown)
    cdx = json.loads(cyclonedx.write(inventory, HEAD))
    told = {(p["name"], p["value"]) for p in cdx["metadata"]["properties"]}
    assert {("ci-guard:unknown:input", note) for note in inventory.unknown} <= told
    assert "ci-guard:unknown:supplier" in {name for name, _ in told}


TEXT = st.text(max_size=20)
WHO = TEXT | st.builds("{} <{}{}>".format, TEXT, st.sampled_from(["a@b.example", "https://h.example/", ""]), TEXT)
HASHES = st.builds(Hash, st.just("sha256"), st.text("0123456789abcdef", min_size=64, max_size=64))
PLACES = st.builds(Location, st.text(min_size=1, max_size=20), st.just(Region(3, 1, 3, 9)))


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """Anything that a hostile lock could make of an inventory."""
    names = draw(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4, unique=True))
    components = tuple(
        Component(
            ref=name,
            name=draw(st.text(min_size=1, max_size=12)),
            version=draw(TEXT),
            type=draw(st.sampled_from(["library", "container", "application", "file"])),
            ecosystem=draw(st.sampled_from(["npm", "PyPI", ""])),
            hashes=tuple(draw(st.lists(HASHES, max_size=2))),
            distributions=tuple(
                Distribution(draw(TEXT), draw(TEXT), tuple(draw(st.lists(HASHES, max_size=1))))
                for _ in range(draw(st.integers(0, 2)))
            ),
            source=draw(st.sampled_from(["registry", "git", "url", "path", "workspace", ""])),
            source_url=draw(TEXT),
            scope=draw(st.sampled_from(["required", "optional", "dev", ""])),
            markers=draw(TEXT),
            licenses=tuple(
                draw(st.lists(st.one_of(TEXT, st.sampled_from(["MIT", "MIT OR Apache-2.0", "BSD"])), max_size=2))
            ),
            locations=tuple(draw(st.lists(PLACES, max_size=2))),
            properties=((draw(TEXT), draw(TEXT)),),
        )
        for name in names
    )
    edges = {Edge(draw(st.sampled_from(names)), draw(st.sampled_from(names))) for _ in range(3)}
    return merge([Inventory(components, tuple(edges), (names[0],), frozenset(names[:1]), (draw(TEXT),))])


@settings(max_examples=60, deadline=None)
@given(inventories(), WHO, WHO)
def test_any_inventory_gives_a_valid_cyclonedx_document(inventory: Inventory, author: str, supplier: str) -> None:
    head = Metadata(HEAD.timestamp, name="shop", author=author, supplier=supplier)
    document = json.loads(cyclonedx.write(inventory, head))
    assert [e.message for e in schema("1.6").iter_errors(document)] == []


@settings(max_examples=40, deadline=None)
@given(inventories(), WHO, WHO)
def test_any_inventory_gives_a_valid_spdx_document(inventory: Inventory, author: str, supplier: str) -> None:
    head = Metadata(HEAD.timestamp, name="shop", author=author, supplier=supplier)
    with tempfile.TemporaryDirectory() as folder:
        assert spdx_flaws(spdx.write(inventory, head), Path(folder)) == []


@settings(max_examples=25, deadline=None)
@given(inventories())
def test_no_text_leaves_its_tag(inventory: Inventory) -> None:
    data = spdx.write_tag_value(inventory, HEAD).decode("utf-8")
    outside = re.sub(r"<text>.*?</text>", "<text></text>", data, flags=re.DOTALL)
    assert [line for line in re.split(r"[\r\n]", outside) if line and not re.match(r"[A-Za-z]+: ", line)] == []
    packages = json.loads(spdx.write(inventory, HEAD))["packages"]
    assert outside.count("\nPackageName: ") == len(packages)


@settings(max_examples=40, deadline=None)
@given(inventories())
def test_any_inventory_gives_elements_that_name_each_other(inventory: Inventory) -> None:
    """SPDX 3: every IRI that an element names is one of the document, or a term of the model."""
    graph = json.loads(spdx_3.write(inventory, HEAD))["@graph"]
    ids = [element["spdxId"] for element in graph if "spdxId" in element]
    assert len(set(ids)) == len(ids)
    keys = ("from", "to", "suppliedBy", "originatedBy", "createdBy", "createdUsing", "rootElement")
    named = [element[key] for element in graph for key in keys if key in element]
    flat = {iri for value in named for iri in (value if isinstance(value, list) else [value])}
    terms = "https://spdx.org/rdf/3.0.1/terms/Core/"
    assert {iri for iri in flat - set(ids) if not iri.startswith(terms)} == set()


def test_spdx_3_says_what_was_read_and_who_supplies(tmp_path: Path) -> None:
    told = Metadata(
        HEAD.timestamp, name="shop", author="Team <sbom@shop.example>", supplier="Shop <https://shop.example>"
    )
    graph = json.loads(spdx_3.write(inputs.everything(), told))["@graph"]
    by_type: dict[str, list[dict[str, Any]]] = {}
    for element in graph:
        by_type.setdefault(element["type"], []).append(element)
    (creation,), (sbom,) = by_type["CreationInfo"], by_type["software_Sbom"]
    assert sbom["software_sbomType"] == ["source"]
    by_id = {element["spdxId"]: element for element in graph if "spdxId" in element}
    (author,) = (by_id[iri] for iri in creation["createdBy"])
    assert author["externalIdentifier"][0]["identifier"] == "sbom@shop.example"
    root = by_id[sbom["rootElement"][0]]
    assert by_id[root["suppliedBy"]]["externalIdentifier"][0]["identifier"] == "https://shop.example"
    assert "supplier: not known of" in creation["comment"]
    files = {file["name"]: file for file in by_type["software_File"]}
    wheel = files["click-8.1.7.tar.gz"]
    assert wheel["software_additionalPurpose"] == ["archive", "container"]
    assert {r["completeness"] for r in by_type["Relationship"] if r["relationshipType"] == "dependsOn"} == {
        "complete",
        "noAssertion",
    }


def test_another_folder_and_another_zone_give_the_same_bytes(tmp_path: Path) -> None:
    outputs = set()
    for folder, zone, seed in (("one", "UTC", "1"), ("two/deep", "Asia/Tokyo", "2")):
        root = tmp_path / folder
        root.mkdir(parents=True)
        for case in ("uv-project/uv.lock", "npm-tree/package-lock.json", "requirements-hashed/requirements.txt"):
            target = root / case
            target.parent.mkdir()
            target.write_bytes((inputs.CASES / case).read_bytes())
        for document_format in FORMATS:
            environ = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "TZ": zone, "PYTHONHASHSEED": seed}
            environ["PYTHONPATH"] = str(Path(__file__).parents[2])
            done = subprocess.run(
                [sys.executable, "-m", "ci_guard", "sbom", "create", "--quiet", "--format", document_format],
                cwd=root,
                env=environ,
                capture_output=True,
                check=True,
            )
            assert done.stderr == b""
            outputs.add(done.stdout)
    assert len(outputs) == len(FORMATS)
