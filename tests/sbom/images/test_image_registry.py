"""Images where they are: the same bytes from a registry as from a layout on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ci_guard.cli import main
from ci_guard.services.hosts import HostPolicy
from ci_guard.services.http import HttpClient
from ci_guard.services.registry import OCI_INDEX, OCI_MANIFEST, Repository
from tests.sbom.images.image_building import ImageFiles, described, layer_tar
from tests.services.loopback_registry import own_registry


def image(case: str) -> tuple[ImageFiles, dict[str, Any]]:
    """The image of a case with its index for two platforms, and the descriptor of the index."""
    files = ImageFiles()
    layers = [layer_tar(layer) for layer in described(case)["layers"]]
    manifests = [files.manifest(layers, "gzip"), files.manifest(layers[:1], "zstd", "linux/arm64")]
    evidence = {**manifests[0], "platform": {"os": "unknown", "architecture": "unknown"}}
    return files, files.json(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*manifests, evidence]}, OCI_INDEX
    )


def push(host: str, files: ImageFiles, index: dict[str, Any]) -> None:
    """All of it, as `team/app:1`."""
    with HttpClient(host, HostPolicy.of(host)) as http:
        repository = Repository(http, host, "team/app", login=lambda: None, push=True)
        for data in files.files.values():
            kind = json.loads(data).get("mediaType", "") if data.startswith(b"{") else ""
            if kind == OCI_MANIFEST:
                repository.put_manifest(data, kind)
            elif kind != OCI_INDEX:
                repository.put_blob(data, "application/octet-stream")
        repository.put_manifest(files.files[f"blobs/sha256/{index['digest'][7:]}"], OCI_INDEX, "1")


@pytest.mark.parametrize(("platform", "packages"), [("", 4), ("linux/arm64", 4)])
def test_an_image_in_a_registry(platform: str, packages: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    files, index = image("debian-two-layers")
    output = tmp_path / "bom.json"
    chosen = ["--platform", platform] if platform else []
    with own_registry() as registry:
        push(registry.host, files, index)
        reference = f"oci://{registry.host}/team/app:1"
        assert main(["sbom", "create", reference, "--quiet", "--output", str(output), *chosen]) == 0
        missing = f"oci://{registry.host}/team/app:2"
        assert main(["sbom", "create", missing, "--quiet", "--output", str(tmp_path / "none")]) == 3
    document = json.loads(output.read_text("utf-8"))
    names = [c["name"] for c in document["components"] if c.get("purl", "").startswith("pkg:deb/")]
    assert len(names) == packages - 1
    own = document["metadata"]["component"]
    assert own["type"] == "container"
    digests = [d["digest"] for d in json.loads(files.files[f"blobs/sha256/{index['digest'][7:]}"])["manifests"]]
    assert own["version"] == digests[1 if platform else 0]
    assert {"name": "ci-guard:image:index", "value": index["digest"]} in own["properties"]
    assert not (tmp_path / "none").exists()


def test_a_registry_without_a_layer_fails_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The service failed, not the image: no document is written that could pass for one of this image."""
    monkeypatch.setenv("HOME", str(tmp_path))
    files, index = image("debian-two-layers")
    packed = [path for path, data in files.files.items() if data.startswith(b"\x1f\x8b")]
    files.files.pop(packed[1])
    output = tmp_path / "bom.json"
    with own_registry() as registry:
        push(registry.host, files, index)
        assert main(["sbom", "create", f"oci://{registry.host}/team/app:1", "--output", str(output), "--quiet"]) == 3
    assert "blobs/sha256:" in capfd.readouterr().err.replace("%3A", ":")
    assert not output.exists()
