"""A set of manifests as a document: its files, their checksums, licences and relationships."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.cli import main
from ci_guard.sbom.manifest_files import file_component
from tests.sbom.test_documents import schema, spdx_flaws, spdx_parsed

DEPLOYMENT = """# SPDX-FileCopyrightText: 2024 The Shop
# SPDX-License-Identifier: Apache-2.0
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app.kubernetes.io/version: "1.4.2"}}
spec:
  template:
    spec:
      containers: [{name: web, image: "registry.example/web:1"}]
"""


@pytest.fixture
def manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    folder = tmp_path / "set"
    (folder / "base").mkdir(parents=True)
    (folder / "web.yaml").write_text(DEPLOYMENT, "utf-8")
    (folder / "base" / "namespace.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n", "utf-8"
    )
    (folder / "NOTES.md").write_text("SPDX-License-Identifier: LicenseRef-House\n", "utf-8")
    return folder


def written(folder: Path, document_format: str, *more: str) -> bytes:
    output = folder.parent / "out"
    command = ["sbom", "create", f"manifests:{folder}", "--quiet", "--format", document_format, *more]
    assert main([*command, "--output", str(output)]) == 0
    return output.read_bytes()


def relations(document: dict[str, Any]) -> set[tuple[str, str, str]]:
    """With names in the place of identifiers."""
    names = {p["SPDXID"]: p["name"] for p in document["packages"]}
    names |= {f["SPDXID"]: f["fileName"] for f in document["files"]} | {"SPDXRef-DOCUMENT": "DOCUMENT"}
    return {
        (names[r["spdxElementId"]], r["relationshipType"], names.get(r["relatedSpdxElement"], r["relatedSpdxElement"]))
        for r in document["relationships"]
    }


def test_spdx_holds_the_files(manifests: Path, tmp_path: Path) -> None:
    data = written(manifests, "spdx", "--name", "shop", "--version", "1.4")
    assert spdx_flaws(data, tmp_path) == []
    document = json.loads(data)
    files = {f["fileName"]: f for f in document["files"]}
    assert set(files) == {"./web.yaml", "./base/namespace.yaml", "./NOTES.md"}
    content = DEPLOYMENT.encode()
    assert {c["algorithm"]: c["checksumValue"] for c in files["./web.yaml"]["checksums"]} == {
        "SHA1": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "SHA256": hashlib.sha256(content).hexdigest(),
        "SHA512": hashlib.sha512(content).hexdigest(),
    }
    assert files["./web.yaml"]["licenseInfoInFiles"] == ["Apache-2.0"]
    assert files["./web.yaml"]["copyrightText"] == "2024 The Shop"
    assert files["./base/namespace.yaml"]["licenseInfoInFiles"] == ["NOASSERTION"]
    assert {f["licenseConcluded"] for f in files.values()} == {"NOASSERTION"}
    assert {p["name"]: p.get("versionInfo") for p in document["packages"]}["web"] == "1.4.2"
    assert {
        ("DOCUMENT", "DESCRIBES", "shop"),
        ("shop", "CONTAINS", "./web.yaml"),
        ("shop", "CONTAINS", "./NOTES.md"),
        ("shop", "DEPENDS_ON", "web"),
        ("web", "GENERATED_FROM", "./web.yaml"),
        ("registry.example/web", "RUNTIME_DEPENDENCY_OF", "web"),
    } <= relations(document)


def test_the_package_is_verified_by_its_files(manifests: Path) -> None:
    document = json.loads(written(manifests, "spdx"))
    (package,) = [p for p in document["packages"] if p["name"] == "manifests"]
    digests = sorted(hashlib.sha1(p.read_bytes()).hexdigest() for p in manifests.rglob("*") if p.is_file())
    code = hashlib.sha1("".join(digests).encode()).hexdigest()
    assert package["filesAnalyzed"] is True
    assert package["packageVerificationCode"] == {"packageVerificationCodeValue": code}
    assert package["licenseInfoFromFiles"][0] == "Apache-2.0"
    assert len(package["licenseInfoFromFiles"]) == 2


def test_tag_value_is_the_same_document(manifests: Path, tmp_path: Path) -> None:
    one, other = (spdx_parsed(written(manifests, form), tmp_path) for form in ("spdx", "spdx-tag-value"))
    assert one == other
    assert spdx_flaws(written(manifests, "spdx-tag-value"), tmp_path) == []


@pytest.mark.parametrize(("name", "version"), [("cyclonedx", "1.6"), ("cyclonedx-1.7", "1.7")])
def test_cyclonedx_holds_the_files(name: str, version: str, manifests: Path) -> None:
    document = json.loads(written(manifests, name))
    assert [e.message for e in schema(version).iter_errors(document)] == []
    files = {c["name"]: c for c in document["components"] if c["type"] == "file"}
    assert [h["alg"] for h in files["web.yaml"]["hashes"]] == ["SHA-1", "SHA-256", "SHA-512"]
    assert files["web.yaml"]["licenses"][0]["license"]["id"] == "Apache-2.0"
    assert {"name": "bsi:component:filename", "value": "namespace.yaml"} in files["base/namespace.yaml"]["properties"]


def test_what_cannot_be_read_is_told(manifests: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (manifests / "link.yaml").symlink_to("web.yaml")
    document = json.loads(written(manifests, "spdx"))
    assert "link.yaml: symbolic link" in document["creationInfo"]["comment"]
    assert "link.yaml" in capsys.readouterr().err


@given(st.binary(max_size=300))
def test_any_bytes_are_a_file(data: bytes) -> None:
    component = file_component("x", b"# SPDX-License-Identifier: MIT\n" + data)
    assert component.licenses[0] == "MIT"
    assert len(component.hashes) == 3
