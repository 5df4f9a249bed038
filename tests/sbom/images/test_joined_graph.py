"""From the workload to the package, for every way into a pod and every kind of package, in one document."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from pathlib import Path
from typing import Any

from ci_guard.cli import main
from tests.sbom.images.image_building import ImageFiles, layer_tar
from tests.sbom.images.test_installed import DATA, document, ndb, rpm_headers

PODS = """apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  initContainers:
  - {{name: wait, image: "registry.example/t/dpkg@{dpkg}"}}
  containers:
  - {{name: web, image: "registry.example/t/go@{go}"}}
  ephemeralContainers:
  - {{name: debug, image: "registry.example/t/apk@{apk}"}}
  volumes:
  - {{name: model, image: {{reference: "registry.example/t/rpm@{rpm}"}}}}
---
apiVersion: jobs.example/v1
kind: Training
metadata: {{name: nightly}}
spec:
  workers:
    template:
      spec:
        initContainers:
        - {{name: keys, image: "registry.example/t/ndb@{ndb}"}}
        containers:
        - {{name: train, image: "registry.example/t/python@{python}"}}
        - {{name: page, image: "registry.example/t/node@{node}"}}
        - {{name: fast, image: "registry.example/t/rust@{rust}"}}
"""


def program(crates: list[dict[str, Any]]) -> bytes:
    """An ELF program with nothing in it but the section of cargo-auditable."""
    packed = zlib.compress(json.dumps({"packages": crates}).encode())
    names = b"\0.dep-v0\0.shstrtab\0"
    start = 64 + 3 * 64
    rows = [(0,) * 10, (1, 1, 0, 0, start, len(packed), 0, 0, 1, 0)]
    rows.append((9, 3, 0, 0, start + len(packed), len(names), 0, 0, 1, 0))
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, 3, 2)
    return ident + head + b"".join(struct.pack("<IIQQQQIIQQ", *row) for row in rows) + packed + names


FILES: dict[str, dict[str, bytes | str]] = {
    "dpkg": {"var/lib/dpkg/status": "Package: libc\nStatus: install ok installed\nVersion: 2\nArchitecture: amd64\n"},
    "apk": {
        "lib/apk/db/installed": "P:zlib\nV:1.3-r0\nA:x86_64\n",
        "etc/os-release": "ID=wolfi\nVERSION_ID=20230201\n",
        "srv/app.cdx.json": json.dumps(document("cyclonedx")),
    },
    "rpm": {"var/lib/rpm/rpmdb.sqlite": gzip.decompress((DATA / "rpmdb.sqlite.gz").read_bytes())},
    "ndb": {"usr/lib/sysimage/rpm/Packages.db": ndb(rpm_headers())},
    "go": {"bin/tool": gzip.decompress((DATA / "go-linux.gz").read_bytes())},
    "rust": {"bin/fast": program([{"name": "serde", "version": "1.0.1", "source": "crates.io", "root": True}])},
    "python": {"usr/lib/python3/site-packages/flask-3.dist-info/METADATA": "Name: flask\nVersion: 3\n\n"},
    "node": {"app/node_modules/left/package.json": '{"name": "left", "version": "1.2.0"}'},
}
FOUND = {
    "dpkg": {"pkg:deb/"},
    "apk": {"pkg:apk/wolfi/zlib", "pkg:generic/vendored@2"},
    "rpm": {"pkg:rpm/"},
    "ndb": {"pkg:rpm/"},
    "go": {"pkg:golang/stdlib", "pkg:golang/registry.example/team/tool"},
    "rust": {"pkg:cargo/serde@1.0.1"},
    "python": {"pkg:pypi/flask@3"},
    "node": {"pkg:npm/left@1.2.0"},
}


def written(tmp_path: Path) -> dict[str, Any]:
    """One layout with all images, one file with both workloads, one document."""
    image = ImageFiles()
    manifests = {}
    for name, files in FILES.items():
        entries = [
            {"path": path, "bytes": data.encode() if isinstance(data, str) else data, "executable": "bin/" in path}
            for path, data in files.items()
        ]
        manifests[name] = image.manifest([layer_tar(entries)], "gzip")
    image.index(list(manifests.values()))
    layout = image.write_folder(tmp_path / "layout")
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "pods.yaml").write_text(PODS.format(**{n: m["digest"] for n, m in manifests.items()}), "utf-8")
    output = tmp_path / "bom.json"
    command = ["sbom", "create", str(repo), "--quiet", "--image-archive", str(layout), "--output", str(output)]
    assert main(command) == 0
    found: dict[str, Any] = json.loads(output.read_bytes())
    return found


def test_every_way_into_a_pod_leads_to_packages_of_every_kind(tmp_path: Path) -> None:
    bom = written(tmp_path)
    needs = {d["ref"]: d["dependsOn"] for d in bom["dependencies"]}
    workloads = {ref.rpartition("#")[2]: ref for ref in needs["root"]}
    assert set(workloads) == {"v1/Pod/web", "jobs.example/v1/Training/nightly"}
    images = {ref.partition("@")[0].rpartition("/")[2]: ref for own in workloads.values() for ref in needs[own]}
    assert set(images) == set(FILES)
    reached = {name: _below(needs, ref) for name, ref in images.items()}
    for name, starts in FOUND.items():
        missing = {start for start in starts if not any(ref.startswith(start) for ref in reached[name])}
        assert not missing, f"{name}: {sorted(reached[name])}"
    by_ref = {c["bom-ref"]: c for c in bom["components"]}
    layers = [p["value"] for p in by_ref["pkg:pypi/flask@3"]["properties"] if p["name"] == "ci-guard:layer"]
    assert len(layers) == 1
    assert by_ref[images["rpm"]]["evidence"]["occurrences"] == [{"location": "pods.yaml", "line": 12}]


def _below(needs: dict[str, list[str]], start: str) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        new = set(needs[pending.pop()]) - found
        found |= new
        pending += new
    return found
