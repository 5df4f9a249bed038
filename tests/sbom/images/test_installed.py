"""Catalogers on real databases and programs: rpm, Go, Rust, and bills of materials found in a tree."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import struct
import subprocess
from importlib.metadata import distribution as installed_distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from ci_guard.model.component import Component, Inventory
from ci_guard.sbom.installed import binaries, catalogue, rpm
from ci_guard.sbom.installed.folder import FolderTree
from ci_guard.sbom.suppliers import supplier

DATA = Path(__file__).parent / "data"
OS = 'ID="rocky"\nVERSION_ID="9.3"\n'


def tree(folder: Path, files: dict[str, bytes | str]) -> FolderTree:
    """A root file system with these files; `bin/…` is executable."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        target.chmod(0o755 if path.startswith("bin/") else 0o644)
    return FolderTree(folder)


def rpm_headers() -> list[bytes]:
    """The headers of two packages that rpmbuild made and rpm 4.18 installed into a database."""
    database = DATA / "rpmdb.sqlite.gz"
    connection = sqlite3.connect(":memory:")
    connection.deserialize(gzip.decompress(database.read_bytes()))
    blobs = [blob for (blob,) in connection.execute("SELECT blob FROM Packages ORDER BY hnum")]
    connection.close()
    return blobs


def ndb(headers: list[bytes]) -> bytes:
    """An ndb database, by the layout that rpm's own source describes."""
    slots, body = b"", b""
    for number, header in enumerate(headers, start=1):
        blob = struct.pack("<4sIII", b"BlbS", number, 1, len(header)) + header
        blob += b"\0" * (-(len(blob) + 12) % 16) + struct.pack("<II4s", 0, len(header), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", number, (4096 + len(body)) // 16, len(blob) // 16)
        body += blob
    free = struct.pack("<4sIII", b"Slot", 0, 0, 0) * ((4096 - 32 - len(slots)) // 16)
    head = struct.pack("<4sIIII", b"RpmP", 0, 1, 1, len(headers) + 1).ljust(32, b"\0")
    return head + slots + free + body


@pytest.mark.parametrize("form", ["sqlite", "ndb"])
def test_rpm(form: str, tmp_path: Path) -> None:
    packed = gzip.decompress((DATA / "rpmdb.sqlite.gz").read_bytes())
    path = "var/lib/rpm/rpmdb.sqlite" if form == "sqlite" else "usr/lib/sysimage/rpm/Packages.db"
    files = {path: packed if form == "sqlite" else ndb(rpm_headers()), "etc/os-release": OS}
    found = rpm.catalogue(tree(tmp_path, files))
    assert not found.unknown
    by_name = {c.name: c for c in found.components}
    alpha, beta = by_name["alpha"], by_name["beta"]
    assert alpha.ref == "pkg:rpm/rocky/alpha@1.2-3?arch=noarch&distro=rocky-9.3&epoch=1"
    assert (alpha.version, alpha.licenses, alpha.ecosystem) == ("1:1.2-3", ("MIT AND Apache-2.0",), "Rocky Linux")
    assert dict(alpha.properties)["ci-guard:vendor"] == "Example"
    assert dict(beta.properties)["ci-guard:source-package"] == "beta@2.0-1.el9"
    assert beta.ref == "pkg:rpm/rocky/beta@2.0-1.el9?arch=noarch&distro=rocky-9.3"
    # alpha asks for a file and for a capability: beta has both.
    assert [(e.source, e.target) for e in found.edges] == [(alpha.ref, beta.ref)]
    assert found.complete == {alpha.ref, beta.ref}


@pytest.mark.parametrize(
    "script",
    [
        "CREATE VIEW Packages AS SELECT 1 AS hnum, x'00' AS blob",
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob TEXT); INSERT INTO Packages VALUES (1, 'x')",
        "CREATE TABLE Packages (hnum INTEGER, blob BLOB); INSERT INTO Packages VALUES (1, x'0000000100000000')",
        "CREATE TABLE Other (x)",
    ],
)
def test_rpm_databases_that_are_none(script: str, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    connection.executescript(script)
    connection.close()
    found = rpm.catalogue(tree(tmp_path / "root", {"var/lib/rpm/rpmdb.sqlite": (tmp_path / "db").read_bytes()}))
    assert not found.components
    assert len(found.unknown) == 1
    assert "var/lib/rpm/rpmdb.sqlite" in found.unknown[0]


def go_found(inventory: Inventory) -> set[str]:
    return {c.ref for c in inventory.components}


@pytest.mark.parametrize("system", ["linux", "windows", "darwin"])
def test_go_programs(system: str, tmp_path: Path) -> None:
    """What a build for each system left of itself, all else made zeros: ELF, PE and Mach-O."""
    program = gzip.decompress((DATA / f"go-{system}.gz").read_bytes())
    found = binaries.catalogue(tree(tmp_path, {"bin/tool": program}))
    assert not found.unknown
    modules = {"pkg:golang/example.com/dep", "pkg:golang/registry.example/team/tool", "pkg:golang/stdlib@1.26.8"}
    assert go_found(found) == {"file:bin/tool", *modules}
    assert {e.target for e in found.edges} == modules


def go_1_17(version: bytes, modules: bytes, size: int = 8, order: str = "<") -> bytes:
    """An ELF program as Go linked it before 1.18: the record points to string headers, those to the texts."""
    word = f"{order}{'Q' if size == 8 else 'I'}"
    base, text = 0x400000, version + modules
    record = b"\xff Go buildinf:" + bytes([size, order == ">"])
    at = base + 32
    record += struct.pack(word, at) + struct.pack(word, at + 2 * size)
    record = record.ljust(32, b"\0")
    start = at + 4 * size
    for offset, length in ((0, len(version)), (len(version), len(modules))):
        record += struct.pack(word, start + offset) + struct.pack(word, length)
    data, names = record + text, b"\0.go.buildinfo\0.shstrtab\0"
    wide = size == 8
    head = (64 if wide else 52) + 3 * (64 if wide else 40)
    form = f"{order}IIQQQQIIQQ" if wide else f"{order}IIIIIIIIII"
    rows = [
        (0,) * 10,
        (1, 1, 3, base, head, len(data), 0, 0, 16, 0),
        (15, 3, 0, 0, head + len(data), len(names), 0, 0, 1, 0),
    ]
    ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if order == ">" else 1, 1]).ljust(12, b"\0")
    fields = f"{order}HHI{'QQQ' if wide else 'III'}IHHHHHH"
    elf = struct.pack(fields, 2, 62, 1, 0, 0, 64 if wide else 52, 0, 64 if wide else 52, 0, 0, 64 if wide else 40, 3, 2)
    return ident + elf + b"".join(struct.pack(form, *row) for row in rows) + data + names


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", [4, 8])
def test_go_before_1_18(size: int, order: str, tmp_path: Path) -> None:
    mark = b"\x30" * 16
    lines = b"path\tcmd\nmod\texample.com/cmd\tv1.0.0\th1:abc=\ndep\texample.com/Old\tv0.1.0\th1:def=\n"
    lines += b"=>\texample.com/new\tv0.2.0\th1:ghi=\n"
    found = binaries.catalogue(tree(tmp_path, {"bin/old": go_1_17(b"go1.16.5", mark + lines + mark, size, order)}))
    assert not found.unknown
    refs = {"pkg:golang/example.com/cmd@v1.0.0", "pkg:golang/example.com/new@v0.2.0", "pkg:golang/stdlib@1.16.5"}
    assert go_found(found) == {"file:bin/old", *refs}
    replaced = next(dict(c.properties) for c in found.components if c.name == "example.com/new")
    assert replaced == {"ci-guard:go:replaces": "example.com/Old", "ci-guard:go:sum": "h1:ghi="}


def test_go_that_is_built_here(tmp_path: Path) -> None:
    """The go command itself is the judge: `go version -m` of programs that lie on this machine."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        pytest.skip("no Go toolchain here")
    environ = {**os.environ, "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "-mod=mod"}
    (tmp_path / "dep").mkdir()
    (tmp_path / "go.mod").write_text("module m.example/x\n\ngo 1.17\n", "utf-8")
    (tmp_path / "main.go").write_text('package main\n\nfunc main() { println("x") }\n', "utf-8")
    target = tmp_path / "bin" / "x"
    built = subprocess.run(
        [go, "build", "-o", str(target), "."], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip(f"this Go toolchain does not build here: {built.stderr[:200]}")
    told = subprocess.run([go, "version", "-m", str(target)], env=environ, capture_output=True, text=True, check=True)
    version = told.stdout.splitlines()[0].rpartition("go")[2]
    found = binaries.catalogue(FolderTree(tmp_path))
    assert go_found(found) == {"file:bin/x", "pkg:golang/m.example/x", f"pkg:golang/stdlib@{version}"}


def test_rust_program_and_its_own_bill_of_materials(tmp_path: Path) -> None:
    """uv carries both a list of crates and, in its wheel, a bill of materials by another tool: they must agree."""
    try:
        wheel = installed_distribution("uv")
    except ModuleNotFoundError:
        pytest.skip("uv is not installed here")
    files = wheel.files or []
    documents = [Path(str(wheel.locate_file(f))) for f in files if ".dist-info/sboms/" in str(f)]
    programs = [Path(str(wheel.locate_file(f))) for f in files if f.name == "uv" and f.parent.name == "bin"]
    if not documents or not programs:
        pytest.skip("this uv has no bill of materials, or no program")
    stated = {c["purl"].partition("?")[0] for d in documents for c in json.loads(d.read_text("utf-8"))["components"]}
    (tmp_path / "bin").mkdir()
    shutil.copy(programs[0], tmp_path / "bin" / "uv")
    found = binaries.catalogue(FolderTree(tmp_path))
    crates = {c.purl for c in found.components if c.scope == "required" and c.ecosystem == "crates.io"}
    assert not found.unknown
    assert len(crates) > 300
    assert (
        len({unquote(crate) for crate in crates} - {unquote(crate) for crate in stated}) <= 2
    )  # what the linker took for this system alone
    assert len(found.edges) > 2 * len(crates)


def document(kind: str) -> dict[str, Any]:
    """One package that apk has too, one that only the document names, and the edge between them."""
    known, more = "pkg:apk/wolfi/zlib@1.3-r0?arch=x86_64", "pkg:generic/vendored@2"
    if kind == "cyclonedx":
        inner = {
            "bom-ref": "b",
            "name": "vendored",
            "version": "2",
            "purl": more,
            "licenses": [{"license": {"id": "MIT"}}],
        }
        outer = {"bom-ref": "a", "name": "zlib", "version": "1.3-r0", "purl": known, "components": [inner]}
        return {"bomFormat": "CycloneDX", "components": [outer], "dependencies": [{"ref": "a", "dependsOn": ["b"]}]}
    purls = {"zlib": known, "vendored": more}
    packages = [
        {
            "SPDXID": f"SPDXRef-{name}",
            "name": name,
            "versionInfo": purl.partition("?")[0].rpartition("@")[2],
            "licenseDeclared": "MIT" if name == "vendored" else "NOASSERTION",
            "externalRefs": [{"referenceType": "purl", "referenceLocator": purl}],
        }
        for name, purl in purls.items()
    ]
    edge = {
        "spdxElementId": "SPDXRef-vendored",
        "relationshipType": "DEPENDENCY_OF",
        "relatedSpdxElement": "SPDXRef-zlib",
    }
    return {"spdxVersion": "SPDX-2.3", "packages": packages, "relationships": [edge]}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("cyclonedx", "srv/app.cdx.json"),
        ("spdx", "var/lib/db/sbom/zlib-1.3-r0.spdx.json"),
        ("spdx", "opt/bitnami/zlib/.spdx-zlib.spdx"),
    ],
)
def test_bills_of_materials_in_the_tree(kind: str, path: str, tmp_path: Path) -> None:
    apk = "P:zlib\nV:1.3-r0\nA:x86_64\n"
    files: dict[str, bytes | str] = {path: json.dumps(document(kind)), "lib/apk/db/installed": apk}
    files["etc/os-release"] = "ID=wolfi\nVERSION_ID=20230201\n"
    found = catalogue(tree(tmp_path, files))
    assert not found.unknown
    own = "pkg:apk/wolfi/zlib@1.3-r0?arch=x86_64&distro=wolfi-20230201"
    by_ref = {c.ref: c for c in found.components}
    assert set(by_ref) == {"os:wolfi-20230201", own, "pkg:generic/vendored@2"}
    assert by_ref["pkg:generic/vendored@2"].licenses == ("MIT",)
    assert dict(by_ref["pkg:generic/vendored@2"].properties)["ci-guard:stated-by"] == path
    assert [(e.source, e.target) for e in found.edges] == [(own, "pkg:generic/vendored@2")]


def test_a_broken_bill_of_materials_is_named(tmp_path: Path) -> None:
    found = catalogue(tree(tmp_path, {"a.cdx.json": "{", "b.spdx.json": '{"spdxVersion": "SPDX-3.0"}'}))
    assert [text.partition(": ")[2].partition(":")[0] for text in found.unknown] == ["a.cdx.json", "b.spdx.json"]


@pytest.mark.parametrize(
    ("key", "text", "name", "email", "spdx"),
    [
        (
            "maintainer",
            "GNU Libc Maintainers <glibc@x.example>",
            "GNU Libc Maintainers",
            "glibc@x.example",
            "Organization: GNU Libc Maintainers (glibc@x.example)",
        ),
        (
            "maintainer",
            '"Doe (she), J." <j@x.example>',
            "Doe (she), J.",
            "j@x.example",
            "Person: Doe she , J. (j@x.example)",
        ),
        ("maintainer", "j@x.example", "j@x.example", "j@x.example", "Person: j@x.example (j@x.example)"),
        ("maintainer", "<j@x.example>", "j@x.example", "j@x.example", "Person: j@x.example (j@x.example)"),
        ("vendor", "Rocky", "Rocky", "", "Organization: Rocky"),
    ],
)
def test_suppliers_are_who_the_package_names(key: str, text: str, name: str, email: str, spdx: str) -> None:
    found = supplier(Component("x", "x", properties=((f"ci-guard:{key}", text),)))
    assert found is not None
    assert (found.name, found.email, found.spdx()) == (name, email, spdx)


@pytest.mark.parametrize("text", ["", "  ", '""', "<>"[:0]])
def test_nobody_is_no_supplier(text: str) -> None:
    assert supplier(Component("x", "x", properties=(("ci-guard:maintainer", text),))) is None
