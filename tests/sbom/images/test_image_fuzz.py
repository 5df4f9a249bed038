"""Any bytes give an inventory or an InputError in words, never another exception; and what tarfile writes is read."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_guard.model.errors import InputError
from ci_guard.sbom.images.compression import Limits, unpacked
from ci_guard.sbom.images.contents import image_inventory
from ci_guard.sbom.images.layers import ImageTree, Layer
from ci_guard.sbom.images.opening import choose, image_place, stored_images
from ci_guard.sbom.images.span import Span
from ci_guard.sbom.images.tar_index import members
from ci_guard.sbom.installed import CATALOGERS, catalogue
from tests.sbom.images.image_building import ImageFiles, digest, layer_tar
from tests.sbom.images.test_installed import DATA, go_1_17, ndb, rpm_headers

SMALL = Limits(unpacked=1_000_000, ratio=200, free=200_000, entries=200, layers=5)
LAYER = layer_tar(
    [
        {"path": "a/b", "text": "x" * 700},
        {"path": "a/" + "long" * 60, "text": "y"},
        {"path": "l", "link": "a/b"},
        {"path": "h", "hardlink": "a/b"},
        {"path": "a/.wh.c"},
        {"path": "d", "folder": True},
    ]
)
SEEDS = {
    "var/lib/dpkg/status": b"Package: a\nStatus: install ok installed\nVersion: 1\nDepends: b | c\nSource: s (2)\n",
    "lib/apk/db/installed": b"P:a\nV:1\nA:x\nD:b so:c=1 !d\np:so:c=1\n\nP:b\nV:2\n",
    "var/lib/rpm/rpmdb.sqlite": gzip.decompress((DATA / "rpmdb.sqlite.gz").read_bytes()),
    "var/lib/rpm/Packages.db": ndb(rpm_headers()),
    "bin/elf": go_1_17(b"go1.16.5", b"0" * 16 + b"mod\ta\tv1\th1:x\n" + b"0" * 16),
    "bin/inline": gzip.decompress((DATA / "go-linux.gz").read_bytes()),
    "bin/pe": gzip.decompress((DATA / "go-windows.gz").read_bytes())[:4096],
    "bin/mach": gzip.decompress((DATA / "go-darwin.gz").read_bytes())[:8192],
    "a.cdx.json": b'{"bomFormat":"CycloneDX","components":[{"name":"a","purl":"pkg:npm/a@1","bom-ref":"a"}]}',
    "b.spdx.json": b'{"spdxVersion":"SPDX-2.3","packages":[{"name":"a","externalRefs":[]}]}',
    "etc/os-release": b"ID=debian\nVERSION_ID='12'\n",
}
EDITS = st.lists(st.tuples(st.integers(0, 1 << 22), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6)


def damaged(seed: bytes, edits: list[tuple[int, bytes]], cut: int) -> bytes:
    """The seed with some bytes overwritten, and perhaps cut off."""
    data = bytearray(seed)
    for where, new in edits:
        at = where % max(1, len(data))
        data[at : at + len(new)] = new
    return bytes(data[: len(data) - cut]) if cut < len(data) else b""


def span(data: bytes) -> Span:
    return Span(io.BytesIO(data), 0, len(data), "layer")


def as_tree(archive: bytes) -> ImageTree:
    """The tree of one layer. Raises InputError."""
    tree = ImageTree(label="image")
    tree.add(Layer(span(archive), "sha256:0"), members(span(archive)))
    return tree


@settings(max_examples=200, deadline=None)
@given(edits=EDITS, cut=st.integers(0, 3000) | st.just(0))
def test_damaged_layers(edits: list[tuple[int, bytes]], cut: int) -> None:
    try:
        tree = as_tree(damaged(LAYER, edits, cut))
    except InputError as error:
        assert str(error)
        return
    for file in tree.files():
        assert ".." not in file.path.split("/")
        assert not file.path.startswith("/")
        assert len(tree.read(file.path)) == file.size


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=2000))
def test_any_bytes_as_layer(data: bytes) -> None:
    with ExitStack() as keep:
        try:
            tar, name = unpacked(span(data), SMALL, 100_000, keep)
            assert name.startswith("sha256:")
            list(members(tar))
        except InputError as error:
            assert str(error)


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@settings(max_examples=60, deadline=None)
@given(edits=EDITS, cut=st.integers(0, 100))
def test_damaged_compression(packing: str, edits: list[tuple[int, bytes]], cut: int) -> None:
    image = ImageFiles()
    image.manifest([LAYER], packing)
    packed = max(image.files.values(), key=lambda data: data[:2] == b"\x1f\x8b" or data[:4] == b"\x28\xb5\x2f\xfd")
    with ExitStack() as keep:
        try:
            unpacked(span(damaged(packed, edits, cut)), SMALL, 100_000, keep)
        except InputError as error:
            assert str(error)


@pytest.mark.parametrize("path", sorted(SEEDS))
@settings(max_examples=40, deadline=None)
@given(edits=EDITS, cut=st.integers(0, 500) | st.just(0))
def test_damaged_databases_and_programs(path: str, edits: list[tuple[int, bytes]], cut: int) -> None:
    data = damaged(SEEDS[path], edits, cut)
    entries = [{"path": path, "bytes": data, "executable": True}]
    inventory = catalogue(as_tree(layer_tar(entries)))
    refs = {c.ref for c in inventory.components}
    assert all(e.source in refs and e.target in refs for e in inventory.edges)
    assert all(text for text in inventory.unknown)


@settings(max_examples=100, deadline=None)
@given(
    files=st.dictionaries(
        st.lists(
            st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1),
            min_size=1,
            max_size=6,
        )
        .map("/".join)
        .filter(lambda p: not {".", ".."} & set(p.split("/")) and ".wh." not in p and len(p.encode()) < 900),
        st.binary(max_size=1200),
        max_size=8,
    ),
    form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_what_tarfile_writes_is_read(files: dict[str, bytes], form: int) -> None:
    archive = layer_tar([{"path": path, "bytes": data} for path, data in files.items()], form)
    found = [(m.path, archive[m.offset : m.offset + m.size]) for m in members(span(archive))]
    assert found == list(files.items())


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
STEPS = st.lists(
    st.tuples(st.sampled_from(["file", "folder", "whiteout", "opaque"]), PATHS),
    max_size=6,
    unique_by=lambda step: step[1],
)


def naive(layers: list[list[tuple[str, str]]]) -> dict[str, str]:
    """What is there in the end, by the words of the image specification; path -> which layer brought the file."""
    files: dict[str, str] = {}
    for number, steps in enumerate(layers):
        for kind, path in steps:
            gone = {"whiteout": lambda p, at=path: p == at or p.startswith(f"{at}/")}.get(kind)
            gone = (lambda p, at=path: p.startswith(f"{at}/")) if kind == "opaque" else gone
            files = {p: of for p, of in files.items() if gone is None or not gone(p)}
        for kind, path in steps:
            if kind == "file":
                files = {p: of for p, of in files.items() if not p.startswith(f"{path}/")}
                files[path] = str(number)
            elif kind == "folder":
                files.pop(path, None)
    return files


def fits(layers: list[list[tuple[str, str]]]) -> bool:
    """No layer asks for a file and a folder at one path, nor puts something below a file of the layers before."""
    files: set[str] = set()
    for steps in layers:
        own = [path for kind, path in steps if kind in ("file", "folder")]
        if any(kind == "file" and other.startswith(f"{path}/") for kind, path in steps for _, other in steps):
            return False
        if any(path.startswith(f"{old}/") for path in own for old in files):
            return False
        files |= {path for kind, path in steps if kind == "file"}
    return True


@settings(max_examples=300, deadline=None)
@given(layers=st.lists(STEPS, min_size=1, max_size=4).filter(fits))
def test_layers_end_as_the_specification_says(layers: list[list[tuple[str, str]]]) -> None:
    tree = ImageTree(label="image")
    for number, steps in enumerate(layers):
        entries: list[dict[str, object]] = []
        for kind, path in steps:
            head, _, name = path.rpartition("/")
            folder = f"{head}/" if head else ""
            hidden = {"whiteout": f"{folder}.wh.{name}", "opaque": f"{path}/.wh..wh..opq"}.get(kind, path)
            entries.append({"path": hidden, "text": number} if kind != "folder" else {"path": path, "folder": True})
        archive = layer_tar(entries)
        tree.add(Layer(span(archive), str(number)), members(span(archive)))
    assert {f.path: tree.layer(f.path) for f in tree.files()} == naive(layers)


def test_bombs_are_refused(tmp_path: Path) -> None:
    """A gigabyte of zeros in a megabyte, and a layer with more members than may be."""
    with ExitStack() as keep, pytest.raises(InputError, match="bomb"):
        unpacked(span(gzip.compress(bytes(2_000_000))), SMALL, 10_000_000, keep)
    many = layer_tar([{"path": f"f{n}"} for n in range(300)])
    image = ImageFiles()
    image.index([image.manifest([many], "gzip")])
    with ExitStack() as keep:
        (found,) = stored_images(image_place(str(image.write_folder(tmp_path))), SMALL, keep)
        assert image_inventory(found, SMALL).unread[0].endswith("more than 200 files in one image: refused")


def test_other_bytes_than_the_digest_says_are_refused(tmp_path: Path) -> None:
    image = ImageFiles()
    image.index([image.manifest([LAYER], "plain")])
    image.files[f"blobs/sha256/{digest(LAYER)[7:]}"] = LAYER[:-1] + b"x"
    with ExitStack() as keep:
        found = choose(stored_images(image_place(str(image.write_folder(tmp_path))), SMALL, keep), "")
        assert image_inventory(found, SMALL).unread[0].endswith("the bytes have another digest")


def test_a_diff_id_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    image = ImageFiles()
    image.legacy([LAYER], ["x:1"])
    path = next(p for p in image.files if p.endswith("layer.tar"))
    image.files[path] = layer_tar([{"path": "other"}])
    (tmp_path / "x.tar").write_bytes(image.archive())
    with ExitStack() as keep:
        found = choose(stored_images(image_place(f"docker-archive:{tmp_path / 'x.tar'}:x:1"), SMALL, keep), "")
        assert "unpacks to" in image_inventory(found, SMALL).unread[0]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"path": "manifest.json", "text": "[]"}, {"path": "manifest.json", "text": "[]"}], "stands there twice"),
        ([{"path": "manifest.json", "link": "/etc/passwd"}], "a link out of the archive"),
        ([{"path": "x", "device": True}], "is a device or a pipe"),
        ([{"path": "../x", "text": ""}], "leaves the archive"),
    ],
)
def test_hostile_archives_are_refused(entries: list[dict[str, object]], words: str) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as keep:
        place = Path(folder) / "x.tar"
        place.write_bytes(layer_tar(entries))
        with pytest.raises(InputError, match=words):
            stored_images(image_place(str(place)), SMALL, keep)


def test_every_cataloger_is_fuzzed() -> None:
    found = {c for c in CATALOGERS if c not in {"python", "node"}}
    assert found == {"distribution", "dpkg", "apk", "rpm", "binaries", "embedded"}
