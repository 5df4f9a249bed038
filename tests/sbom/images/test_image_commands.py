"""`sbom create` of images and root file systems, and of a repository whose images are at hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ci_guard.cli import main
from ci_guard.pipeline.materials.images import rootfs_inventory
from ci_guard.sbom.installed import dpkg
from ci_guard.sbom.installed.folder import FolderTree
from tests.sbom.images.image_building import CASES, ImageFiles, build, described, layer_tar
from tests.sbom.test_documents import schema, spdx_flaws

POD = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  template:
    spec:
      initContainers:
      - {{name: wait, image: "registry.example/tools/wait:1"}}
      containers:
      - {{name: web, image: "registry.example/team/web@{digest}"}}
      volumes:
      - {{name: data, image: {{reference: "registry.example/data/model:2"}}}}
"""
STATUS = "Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"


def create(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, document and what was said."""
    code = main(["sbom", "create", *arguments, "--quiet"])
    written = capfdbinary.readouterr()
    return code, json.loads(written.out) if written.out else {}, written.err.decode()


@pytest.mark.parametrize("case", sorted(p.name for p in CASES.iterdir()))
@pytest.mark.parametrize("form", ["cyclonedx", "spdx"])
def test_image_documents(case: str, form: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Every case as a document of both formats; what is broken in an image ends in exit 3 and stands in it."""
    description = described(case)
    place = build(description, tmp_path)
    transport = {"oci": "oci", "oci-archive": "oci-archive"}.get(description.get("form", "oci"), "docker-archive")
    code, document, said = create(capfdbinary, f"{transport}:{place}", "--format", form)
    unknown = json.loads((CASES / case / "expected.json").read_text("utf-8"))["unknown"]
    broken = [text for text in unknown if "were not identified" not in text and "left out" not in text]
    assert code == (3 if broken else 0)
    assert said.count("\n") == len(unknown)
    written = json.dumps(document)
    assert all(text.rpartition(": ")[2] in written for text in unknown)


def test_the_same_image_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a folder, moved, and as an archive."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    description = described("debian-two-layers")
    (tmp_path / "a").mkdir()
    first = build(description, tmp_path / "a")
    moved = Path(shutil.copytree(first, tmp_path / "elsewhere"))
    (tmp_path / "c").mkdir()
    archive = build({**description, "form": "oci-archive"}, tmp_path / "c")
    outputs = set()
    for number, place in enumerate((first, moved, archive)):
        output = tmp_path / f"{number}.json"
        assert main(["sbom", "create", f"oci:{place}", "--quiet", "--output", str(output)]) == 0
        outputs.add(output.read_bytes())
    assert len(outputs) == 1


def deployed(tmp_path: Path) -> tuple[Path, Path, str]:
    """A repository, a layout with two of its three images, and the digest of an index of one of them."""
    image = ImageFiles()
    layers = {name: layer_tar([{"path": "var/lib/dpkg/status", "text": STATUS.format(name=name)}]) for name in "abc"}
    both = [image.manifest([layers["a"]], "gzip"), image.manifest([layers["b"]], "zstd", "linux/arm64")]
    index = image.json({"schemaVersion": 2, "manifests": both}, "application/vnd.oci.image.index.v1+json")
    wait = image.manifest([layers["c"]], "plain")
    named = {"io.containerd.image.name": "registry.example/tools/wait:1"}
    image.index([index, {**wait, "annotations": named}])
    layout = image.write_folder(tmp_path / "layout")
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "web.yaml").write_text(POD.format(digest=index["digest"]), "utf-8")
    return repo, layout, index["digest"]


@pytest.mark.parametrize(("platform", "package"), [("", "a"), ("linux/arm64", "b")])
def test_workload_to_image_to_package(
    platform: str, package: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The digest of the manifest is an index: the image for the platform is what runs."""
    repo, layout, digest = deployed(tmp_path)
    code, document, said = create(
        capfdbinary, str(repo), "--image-archive", str(layout), *(["--platform", platform] if platform else [])
    )
    assert (code, said) == (0, "")
    needs = {d["ref"]: d.get("dependsOn", []) for d in document["dependencies"]}
    (workload,) = needs["root"]
    assert workload == "kubernetes:web.yaml#apps/v1/Deployment/web"
    web, model, wait = sorted(needs[workload], key=lambda ref: ("wait" in ref, "model" in ref))
    assert web == f"pkg:oci/web@{digest}?repository_url=registry.example%2Fteam%2Fweb"
    assert needs[web] == [f"pkg:deb/debian/{package}@1?arch=all"]
    assert needs[wait] == ["pkg:deb/debian/c@1?arch=all"]
    assert needs[model] == []
    by_ref = {c["bom-ref"]: c for c in document["components"]}
    assert by_ref[web]["evidence"]["occurrences"] == [{"location": "web.yaml", "line": 10}]
    unknown = [p["value"] for p in document["metadata"]["properties"] if p["name"] == "ci-guard:unknown:input"]
    assert f"{model}: what the image contains was not looked at" in unknown
    assert not [text for text in unknown if "not looked at" in text and model not in text]
    assert {"aggregate": "incomplete", "dependencies": ["root"]} in document["compositions"]


def test_a_name_that_two_images_have_is_a_known_unknown(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A tag does not say which of them runs: neither is taken, and the exit code says that something is missing."""
    repo, layout, _ = deployed(tmp_path)
    other = ImageFiles()
    named = {"io.containerd.image.name": "registry.example/tools/wait:1"}
    other.index([{**other.manifest([layer_tar([{"path": "other"}])], "plain"), "annotations": named}])
    second = other.write_folder(tmp_path / "second")
    archives = ["--image-archive", str(layout), "--image-archive", str(second), "--image-archive", str(layout)]
    code, document, said = create(capfdbinary, str(repo), *archives)
    assert code == 3
    assert "several images" in said
    unknown = [p["value"] for p in document["metadata"]["properties"] if p["name"] == "ci-guard:unknown:input"]
    assert [text for text in unknown if "tools%2Fwait" in text and "several images" in text]


def test_what_checks_locks_does_not_load_what_reads_images() -> None:
    """The hook for dependencies starts for every commit."""
    code = (
        "import sys, ci_guard.pipeline.materials.gathering;"
        "print([m for m in sys.modules if '.images' in m or 'installed' in m])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"


def test_archives_that_no_workload_names_are_told(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    repo, _, _ = deployed(tmp_path)
    (tmp_path / "other").mkdir()
    other = build(described("alpine"), tmp_path / "other")
    code, _, said = create(capfdbinary, str(repo), "--image-archive", str(other))
    assert code == 0
    assert said == f"ci-guard: {other}: no workload names an image of it\n"


def test_templates_and_kustomizations_are_known_unknowns(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    chart = tmp_path / "chart" / "templates"
    chart.mkdir(parents=True)
    (tmp_path / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 1.0.0\n", "utf-8")
    (chart / "d.yaml").write_text("kind: Deployment\napiVersion: apps/v1\nspec: {{ .Values.x }}\n", "utf-8")
    (tmp_path / "kustomization.yaml").write_text("resources: [github.com/example/base]\n", "utf-8")
    _, document, _ = create(capfdbinary, str(tmp_path))
    unknown = [p["value"] for p in document["metadata"]["properties"] if p["name"] == "ci-guard:unknown:input"]
    assert [text.partition(":")[0] for text in unknown] == ["chart/templates/d.yaml", "kustomization.yaml"]


def test_the_main_job_names_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: []}\n", "utf-8"
    )
    (tmp_path / "job.yaml").write_text("apiVersion: batch/v1\nkind: Job\nspec: {{ template }}\n", "utf-8")
    (tmp_path / "kustomization.yaml").write_text("resources: [pod.yaml, github.com/example/base]\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    main(["run", "--output-dir", "out", "--quiet"])
    document = json.loads((tmp_path / "out" / "sbom.cdx.json").read_text("utf-8"))
    unknown = [p["value"] for p in document["metadata"]["properties"] if p["name"] == "ci-guard:unknown:input"]
    assert [text.partition(":")[0] for text in unknown] == ["job.yaml", "kustomization.yaml"]
    assert {"aggregate": "incomplete", "dependencies": ["root"]} in document["compositions"]


@pytest.mark.parametrize("broken", [False, True])
def test_the_main_job_opens_images_at_hand(broken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that is not what its digest says was not judged: exit 3, whatever the findings."""
    repo, layout, _ = deployed(tmp_path)
    if broken:
        for blob in (layout / "blobs" / "sha256").iterdir():
            if not blob.read_bytes().startswith(b"{"):
                blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    monkeypatch.chdir(repo)
    code = main(["run", "--output-dir", "out", "--quiet", "--fail-on", "never", "--image-archive", str(layout)])
    assert code == (3 if broken else 0)
    written = (repo / "out" / "sbom.cdx.json").read_text("utf-8")
    assert ("pkg:deb/debian/a@1?arch=all" in written) is not broken
    assert ("the bytes have another digest" in written) is broken


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["oci:nowhere"], "no such file or folder"),
        (["rootfs:nowhere"], "no folder"),
        (["oci:{layout}", "--platform", "linux/s390x"], "no image for linux/s390x; there is linux/amd64"),
        (["oci:{layout}:other"], "no image 'other'"),
        (["oci:{layout}", "--image-archive", "{layout}"], "goes with a repository"),
        (["oci://registry.example/UPPER"], "no image reference"),
        (["oci-archive:{text}"], "is no tar archive"),
    ],
)
def test_what_cannot_be_opened_is_said(
    arguments: list[str], words: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    layout = build(described("debian-two-layers"), tmp_path)
    (tmp_path / "text").write_text("no archive " * 100, "utf-8")
    filled = [a.format(layout=layout, text=tmp_path / "text") for a in arguments]
    code, _, said = create(capfdbinary, *filled)
    assert code in (2, 3)
    assert words in said


def test_this_machine_is_what_dpkg_says() -> None:
    if shutil.which("dpkg-query") is None:
        pytest.skip("no dpkg here to compare with")
    fields = ("db:Status-Abbrev", "Package", "Version", "Architecture", "source:Package", "source:Version")
    wanted = "|".join(f"${{{field}}}" for field in fields) + "\n"
    listed = subprocess.run(["dpkg-query", "-W", "-f", wanted], capture_output=True, text=True, check=True).stdout
    rows = [line.split("|") for line in listed.splitlines()]
    expected = {(p, v, a, f"{s}@{sv}") for state, p, v, a, s, sv in rows if state.strip() in {"ii", "hi"}}
    found = dpkg.catalogue(FolderTree(Path("/")))
    assert not found.unknown
    sources = [dict(c.properties)["ci-guard:source-package"] for c in found.components]
    ours = {(c.name, c.version, _architecture(c.purl), s) for c, s in zip(found.components, sources, strict=True)}
    assert ours == expected
    assert len(found.edges) > len(expected)


def _architecture(purl: str) -> str:
    return purl.partition("arch=")[2].partition("&")[0]


@pytest.mark.parametrize("case", sorted(p.name for p in CASES.iterdir()))
def test_documents_of_images_are_valid(case: str, tmp_path: Path) -> None:
    """The official schema judges CycloneDX, spdx-tools judge SPDX."""
    place = build(described(case), tmp_path)
    for form in ("cyclonedx", "spdx"):
        main(["sbom", "create", f"oci:{place}", "--quiet", "--format", form, "--output", str(tmp_path / form)])
    document = json.loads((tmp_path / "cyclonedx").read_bytes())
    assert not [error.message for error in schema("1.6").iter_errors(document)]
    assert not spdx_flaws((tmp_path / "spdx").read_bytes(), tmp_path)


def test_a_root_file_system_without_packages(tmp_path: Path) -> None:
    found = rootfs_inventory(tmp_path)
    assert not found.components
    assert found.unknown


def test_labels_say_who_supplies_an_image(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    label = "org.opencontainers.image"
    image = ImageFiles({f"{label}.vendor": "Example Ltd", f"{label}.licenses": "MIT", f"{label}.version": "1.2"})
    image.index([image.manifest([layer_tar([{"path": "x"}])], "plain")])
    code, document, _ = create(capfdbinary, f"oci:{image.write_folder(tmp_path)}", "--format", "spdx")
    assert code == 0
    (own,) = [p for p in document["packages"] if p.get("primaryPackagePurpose") == "CONTAINER"]
    assert (own["supplier"], own["licenseDeclared"]) == ("Organization: Example Ltd", "MIT")
