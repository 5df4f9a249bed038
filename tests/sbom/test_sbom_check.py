"""`sbom check`: each rule at its line, and agreement with spdx-tools and with ntia-conformance-checker."""

from __future__ import annotations

import json
import logging
import subprocess
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ntia_conformance_checker import SbomChecker

from ci_guard.cli import main
from ci_guard.model.finding import Finding
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.materials.check import RULES, judge
from ci_guard.pipeline.policy.choice import RuleChoice
from ci_guard.sbom import cyclonedx, spdx, spdx_3
from ci_guard.sbom.metadata import Metadata
from ci_guard.sbom.quality import schema
from ci_guard.sbom.reading import read_bill
from ci_guard.sbom.reading.bill import Bill
from tests.sbom import sbom_inputs as inputs
from tests.sbom.test_reading import BILLS, bill_file, paths, wrong_type

EVERYTHING = RulesInForce(RuleChoice(profile="all"))


def found(data: bytes, name: str = "bom.cdx.json", rules: RulesInForce = EVERYTHING) -> list[Finding]:
    """What is found in a document."""
    bill = read_bill(name, data)
    assert isinstance(bill, Bill)
    linted = Linted()
    judge(bill, rules, linted)
    return sorted(linted.judged.findings, key=lambda f: (f.location.region, f.rule))


def whole() -> dict[str, Any]:
    """A document that says everything that anybody asks for."""
    form = [{"name": f"bsi:component:{key}", "value": "no"} for key in ("executable", "archive", "structured")]
    maker = {"name": "Acme", "contact": [{"email": "sbom@acme.example"}]}
    file = {"type": "distribution", "url": "https://acme.example/a.tgz"}
    said = {
        "supplier": maker,
        "manufacturer": maker,
        "version": "1.0",
        "licenses": [{"expression": "MIT", "acknowledgement": "concluded"}],
        "externalReferences": [{**file, "hashes": [{"alg": "SHA-512", "content": "ab" * 64}]}],
        "properties": [*form, {"name": "bsi:component:filename", "value": "a.tgz"}],
    }
    shop = {"type": "application", "bom-ref": "shop", "name": "shop", "purl": "pkg:generic/shop@1.0", **deepcopy(said)}
    part = {"type": "library", "bom-ref": "part", "name": "part", "purl": "pkg:npm/part@1.0", **deepcopy(said)}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:1b71a5b4-4bc5-4548-a51a-212e631976cd",
        "version": 1,
        "metadata": {
            "timestamp": "2024-05-01T12:00:00Z",
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "maker", "version": "1"}]},
            "authors": [{"name": "Ann", "email": "ann@acme.example"}],
            "component": shop,
        },
        "components": [part],
        "dependencies": [{"ref": "shop", "dependsOn": ["part"]}],
        "compositions": [{"aggregate": "complete", "dependencies": ["shop", "part"]}],
    }


def without(*path: str | int) -> Callable[[dict[str, Any]], None]:
    """An edit that takes one member away."""

    def edit(value: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        del value[path[-1]]

    return edit


def put(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """An edit that puts a value somewhere."""

    def edit(value: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        if isinstance(value, list):
            value.append(to)
        else:
            value[path[-1]] = to

    return edit


PART = ("components", 0)
EDITS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "sbom-schema-violation": (put(*PART, "type", to="thing"), '"type": "thing"'),
    "sbom-dangling-reference": (put("dependencies", 1, to={"ref": "part", "dependsOn": ["gone"]}), '"ref": "part"'),
    "sbom-without-author": (without("metadata", "authors"), "bomFormat"),
    "sbom-without-timestamp": (without("metadata", "timestamp"), "bomFormat"),
    "sbom-without-tool": (without("metadata", "tools"), "bomFormat"),
    "sbom-without-context": (without("metadata", "lifecycles"), "bomFormat"),
    "sbom-author-without-contact": (without("metadata", "authors", 0, "email"), "bomFormat"),
    "sbom-without-identifier": (without("serialNumber"), "bomFormat"),
    "sbom-with-vulnerabilities": (put("vulnerabilities", to=[{"id": "CVE-2024-1"}]), "bomFormat"),
    "sbom-without-dependencies": (put("dependencies", to=[]), "bomFormat"),
    "sbom-component-floating": (
        put("dependencies", to=[{"ref": "part", "dependsOn": ["shop"]}]),
        '"name": "part"',
    ),
    "sbom-component-without-name": (put(*PART, "name", to=" "), '"name": " "'),
    "sbom-component-without-version": (without(*PART, "version"), '"name": "part"'),
    "sbom-component-without-supplier": (without(*PART, "supplier"), '"name": "part"'),
    "sbom-component-without-identifier": (without(*PART, "purl"), '"name": "part"'),
    "sbom-component-without-licence": (without(*PART, "licenses"), '"name": "part"'),
    "sbom-component-without-concluded-licence": (
        put(*PART, "licenses", to=[{"expression": "MIT", "acknowledgement": "declared"}]),
        '"name": "part"',
    ),
    "sbom-component-without-completeness": (put("compositions", 0, "dependencies", to=["shop"]), '"name": "part"'),
    "sbom-component-creator-without-contact": (without(*PART, "manufacturer", "contact"), '"name": "part"'),
    "sbom-component-without-filename": (without(*PART, "properties", 3), '"name": "part"'),
    "sbom-component-without-form": (without(*PART, "properties", 1), '"name": "part"'),
    "sbom-component-without-sha512": (
        put(*PART, "externalReferences", 0, "hashes", to=[{"alg": "SHA-256", "content": "ab" * 32}]),
        '"name": "part"',
    ),
    "sbom-component-without-hash": (without(*PART, "externalReferences"), '"name": "part"'),
    "sbom-format-too-old": (put("specVersion", to="1.5"), "bomFormat"),
}
ALONGSIDE = {
    "sbom-without-author": {"sbom-author-without-contact"},
    "sbom-component-without-licence": {"sbom-component-without-concluded-licence"},
    "sbom-component-without-hash": {"sbom-component-without-sha512"},
    "sbom-format-too-old": {"sbom-schema-violation"},  # 1.5 has no acknowledgement and no manufacturer
}
"""What the same edit breaks beside the rule."""


def test_a_whole_document_has_nothing() -> None:
    assert found(json.dumps(whole()).encode()) == []


@pytest.mark.parametrize("rule", EDITS)
def test_rule(rule: str) -> None:
    edit, shown = EDITS[rule]
    value = whole()
    edit(value)
    text = json.dumps(value, indent=1)
    findings = found(text.encode())
    assert {f.rule for f in findings} == {rule} | ALONGSIDE.get(rule, set())
    place = next(f.location for f in findings if f.rule == rule)
    assert place.region is not None
    assert shown in text.split("\n")[place.region.start_line - 1]


def test_two_components_with_one_reference() -> None:
    value = whole()
    value["components"].append({**value["components"][0], "name": "other"})
    findings = [f for f in found(json.dumps(value, indent=1).encode()) if f.rule == "sbom-repeated-reference"]
    assert [(f.subject.name, f.key) for f in findings] == [("pkg:npm/part@1.0", "part")]


def test_a_document_of_nothing() -> None:
    value = whole()
    del value["metadata"]["component"], value["components"], value["dependencies"], value["compositions"]
    assert {f.rule for f in found(json.dumps(value).encode())} == {"sbom-without-components"}


def test_every_rule_has_a_case() -> None:
    assert {*EDITS, "sbom-repeated-reference", "sbom-without-components"} == RULES


def test_what_we_write_breaks_no_schema() -> None:
    inventory, head = inputs.everything(), Metadata("2024-05-01T12:00:00Z", name="shop")
    for data in (cyclonedx.write(inventory, head), spdx.write(inventory, head)):
        assert [f.message for f in found(data) if f.rule == schema.RULE] == []


STRUCTURE = {"sbom-schema-violation", "sbom-dangling-reference", "sbom-repeated-reference"}
NTIA = RulesInForce(RuleChoice(profile="sbom-ntia"))
DOCUMENTS = ["ci-guard-spdx", "syft-spdx"]


def checked(path: Path) -> Any:
    """What ntia-conformance-checker, and spdx-tools in it, say of a file."""
    logging.disable(logging.CRITICAL)
    try:
        return SbomChecker(str(path), compliance="ntia", sbom_spec="spdx2")
    finally:
        logging.disable(logging.NOTSET)


@settings(max_examples=60)
@given(st.data())
def test_we_agree_with_spdx_tools_and_the_conformance_checker(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A value of another document's, or none, anywhere among the fields that both look at."""
    value = json.loads(bill_file(data.draw(st.sampled_from(DOCUMENTS))).read_bytes())
    value.pop("files", None)
    value["relationships"] = [r for r in value["relationships"] if "File" not in r["relatedSpdxElement"]]
    fields = [p for p in paths(value) if p and p[-1] in _COMPARED]
    at = data.draw(st.sampled_from(fields))
    value = wrong_type(value, at, data.draw(st.sampled_from(_COMPARED[str(at[-1])])))
    path = tmp_path_factory.mktemp("spdx") / "bom.spdx.json"
    path.write_text(json.dumps(value), "utf-8")
    ours = [f.rule for f in found(path.read_bytes(), path.name, NTIA)]
    theirs = checked(path)
    valid = bool(theirs.doc) and not theirs.parsing_errors and not theirs.validation_messages
    assert valid == STRUCTURE.isdisjoint(ours)
    if valid:
        floating = theirs.floating_component_ids
        for rule, missing in (
            ("sbom-component-without-name", theirs.components_without_names),
            ("sbom-component-without-version", theirs.components_without_versions),
            ("sbom-component-without-supplier", theirs.components_without_suppliers),
        ):
            assert len(missing) <= ours.count(rule) <= len(missing) + len(floating)
        assert theirs.doc_timestamp == ("sbom-without-timestamp" not in ours)


@pytest.mark.parametrize("author", ["", "Ann <ann@acme.example>"])
def test_we_agree_on_spdx_3(tmp_path: Path, author: str) -> None:
    """Of documents that we write; what differs is explained in the decision record."""
    head = Metadata("2024-05-01T12:00:00Z", name="shop", author=author)
    path = tmp_path / "bom.json"
    path.write_bytes(spdx_3.write(inputs.everything(), head))
    findings = found(path.read_bytes(), path.name)
    floating = {f.location.region for f in findings if f.rule == "sbom-component-floating"}
    ours = Counter(f.rule for f in findings if f.location.region not in floating)
    ntia, bsi = (SbomChecker(str(path), compliance=name, sbom_spec="spdx3") for name in ("ntia", "bsi"))
    for rule, theirs in (
        ("sbom-component-without-name", ntia.components_without_names),
        ("sbom-component-without-version", ntia.components_without_versions),
        ("sbom-component-without-supplier", ntia.components_without_suppliers),
        ("sbom-component-creator-without-contact", bsi.components_without_creators),
        ("sbom-component-without-filename", bsi.components_without_filenames),
        ("sbom-component-without-concluded-licence", bsi.components_without_concluded_licenses),
    ):
        assert ours[rule] == len(theirs), rule
    assert len(floating) == len(ntia.floating_component_ids)
    assert bool(ours["sbom-author-without-contact"]) != bsi.doc_creator
    assert bool(ours["sbom-without-timestamp"]) != bsi.doc_timestamp
    # Of a component without any file it asks neither for the hash nor for the form.
    nameless = ours["sbom-component-without-filename"]
    assert ours["sbom-component-without-sha512"] == len(bsi.components_without_sha512_hashes) + nameless
    assert ours["sbom-component-without-form"] == len(bsi.components_without_structured_prop) + nameless
    assert ours["sbom-dangling-reference"] == 0


_COMPARED: dict[str, list[Any]] = {
    "versionInfo": ["", "1.0", 7],
    "supplier": ["NOASSERTION", "Person: Ann", "Organization: Acme (a@acme.example)", "Acme"],
    "licenseDeclared": ["MIT", "MIT/X11", "NONE", "MIT AND (Apache-2.0 OR ISC)", "LicenseRef-unknown", 7],
    "licenseConcluded": ["NOASSERTION", "GPL-2.0-only WITH Classpath-exception-2.0", "no licence"],
    "downloadLocation": ["NONE", "https://acme.dev/a.tgz", "git+https://acme.dev/a@1", "somewhere"],
    "algorithm": ["SHA256", "SHA-256", "MD5"],
    "checksumValue": ["ab" * 32, "ab", "xyz"],
    "created": ["2024-05-01T12:00:00Z", "2024-05-01T12:00:00.123Z", "yesterday"],
    "relationshipType": ["DEPENDS_ON", "NEEDS", "CONTAINS", "OTHER"],
    "relatedSpdxElement": ["SPDXRef-gone", "gone"],
    "referenceType": ["purl", "npm", "cpe"],
    "primaryPackagePurpose": ["LIBRARY", "THING"],
    "documentNamespace": ["https://acme.example/1", "acme", "https://acme.example/1#a"],
    "dataLicense": ["CC0-1.0", "MIT"],
}


def run(*arguments: str) -> int:
    """The exit code of a command."""
    return main(["sbom", "check", *arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with a whole document."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bom.json").write_text(json.dumps(whole()), "utf-8")
    return tmp_path


@pytest.mark.parametrize("profile", ["default", "sbom-ntia", "sbom-cisa-2025", "sbom-bsi", "pss-restricted"])
def test_a_whole_document_passes_every_profile(folder: Path, profile: str) -> None:
    del folder
    assert run("bom.json", "--profile", profile, "--fail-on", "note") == 0


def test_exit_codes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = whole()
    del value["components"][0]["supplier"]
    (folder / "poor.cdx.json").write_text(json.dumps(value), "utf-8")
    assert run("poor.cdx.json") == 0
    assert run("poor.cdx.json", "--profile", "sbom-ntia") == 1
    assert run(".", "--profile", "sbom-ntia") == 1
    assert run("poor.cdx.json", "--profile", "sbom-bsi") == 0
    assert (
        run("poor.cdx.json", "--profile", "sbom-bsi", "--select", "sbom-component-without-supplier", "--fail-on", "low")
        == 1
    )
    (folder / "broken.json").write_text('{"bomFormat": "CycloneDX",', "utf-8")
    assert run("broken.json") == 1
    (folder / "future.json").write_text(json.dumps({**whole(), "specVersion": "9.0"}), "utf-8")
    assert run("future.json") == 3
    (folder / "empty").mkdir()
    assert run("empty") == 3
    assert run("bom.json", "--ignore", "sbom") == 2
    capsys.readouterr()


def test_a_finding_is_accepted_by_the_configuration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = whole()
    del value["components"][0]["version"]
    (folder / "poor.cdx.json").write_text(json.dumps(value), "utf-8")
    entry = "{rule: sbom-component-without-version, path: poor.cdx.json, reason: a vendored file}"
    (folder / ".ci-guard.yaml").write_text(f"version: 1\nsuppressions:\n- {entry}\n", "utf-8")
    assert run("poor.cdx.json", "--profile", "sbom-ntia", "--format", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [f["suppressed"]["reason"] for f in report["findings"]] == ["a vendored file"]


def test_documents_of_all_tools_are_judged(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BILLS)
    assert run(".", "--profile", "all", "--format", "sarif") == 1
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert "ci-guard/sbom/" in {r["automationDetails"]["id"] for r in runs}


def test_only_what_is_new_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--since`: a component without a version that was there before does not close the gate, a second one does."""
    git = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@acme.example"]
    value = whole()
    del value["components"][0]["version"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        (folder / "bom.json").write_text(json.dumps(value), "utf-8")
        subprocess.run([*git, *command], check=True)
    assert run("bom.json", "--profile", "sbom-ntia") == 1
    value["serialNumber"] = "urn:uuid:1b71a5b4-4bc5-4548-a51a-212e631976ce"
    (folder / "bom.json").write_text(json.dumps(value), "utf-8")
    assert run("bom.json", "--profile", "sbom-ntia", "--since", "HEAD") == 0
    del value["metadata"]["component"]["version"]
    (folder / "bom.json").write_text(json.dumps(value), "utf-8")
    assert run("bom.json", "--profile", "sbom-ntia", "--since", "HEAD") == 1
    capsys.readouterr()
