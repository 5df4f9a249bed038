"""Python packages as installers leave them: `*.dist-info` (PEP 376, 627, 639, 770) and the older `*.egg-info`."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Edge, Hash, Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.record import record, replace
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.installed.copyright_lines import LICENCE_FILE, copyright_of
from ci_guard.sbom.installed.embedded import read_document
from ci_guard.sbom.installed.python_metadata import Metadata, licences, parse_metadata
from ci_guard.sbom.installed.tree import FileTree, read_whole
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.lockfiles.direct_reference import named_reference
from ci_guard.sbom.purls import canonical_name, component_purl

ECOSYSTEM = "PyPI"

_METADATA = re.compile(r"(?:\.dist-info/METADATA|\.egg-info/PKG-INFO|\.egg-info|/EGG-INFO/PKG-INFO)\Z")
_EXTRA = re.compile(r"\bextra\s*==")
_LIMIT = 8 * 1024 * 1024  # bytes of one metadata file; a readme inside may be long
_MOST = 100_000  # packages


@record
class _Package:
    """One package: its folder of metadata ("" of an egg that is a single file), and what it says."""

    folder: str
    path: str
    metadata: Metadata
    component: Component


def catalogue(tree: FileTree) -> Inventory:
    """Every installed package, with what it needs as far as it is installed, and what its own SBOMs say it contains."""
    sizes = {file.path: file.size for file in tree.files()}
    unknown: set[str] = set()
    packages: list[_Package] = []
    notices = _licence_files(sizes)
    for path in sizes:
        if _METADATA.search(path) and len(packages) < _MOST:
            package = _package(tree, path, sizes, unknown, notices)
            packages += [package] if package is not None else []
    edges, whole = _needs(packages)
    own = Inventory(
        components=tuple(package.component for package in packages),
        edges=tuple(sorted(edges)),
        complete=whole,
        unknown=tuple(sorted(unknown)),
    )
    inside = [path for path in sizes if "/sboms/" in path]
    inner = [i for package in packages for i in _inner(tree, package, inside)]
    return merge([own, *inner]) if inner else own


def _licence_files(paths: Iterable[str]) -> dict[str, list[str]]:
    """Folder of metadata -> the files in it that licences and notices stand in."""
    found: dict[str, list[str]] = {}
    for path in paths:
        head, mark, rest = path.partition(".dist-info/")
        if mark and (rest.startswith("licenses/") or LICENCE_FILE.match(posixpath.basename(rest))):
            found.setdefault(f"{head}.dist-info", []).append(path)
    return found


def _package(
    tree: FileTree, path: str, sizes: Mapping[str, int], unknown: set[str], notices: Mapping[str, list[str]]
) -> _Package | None:
    try:
        metadata = parse_metadata(read_whole(tree, path, _LIMIT))
    except InputError as error:
        unknown.add(f"python packages: {error}")
        return None
    name, version = metadata.one("name"), metadata.one("version")
    if not name or not version:
        unknown.add(f"python packages: {path}: states no name or no version")
        return None
    folder = posixpath.dirname(path)
    folder = folder if path.endswith(("METADATA", "PKG-INFO")) else ""
    component = _component(tree, path, metadata, _origin(tree, folder, unknown))
    described = _described(tree, folder, metadata, sizes)
    more = tuple((key, value) for key, value in described if value)
    stated = copyright_of(tree, notices.get(folder, ()))
    return _Package(folder, path, metadata, replace(component, properties=more, copyright=stated))


def _component(tree: FileTree, path: str, metadata: Metadata, origin: tuple[str, str, tuple[Hash, ...]]) -> Component:
    source, url, hashes = origin
    component = Component(
        ref="",
        name=metadata.one("name"),
        version=metadata.one("version"),
        ecosystem=ECOSYSTEM,
        hashes=hashes,
        source=source,
        source_url=url,
        licenses=licences(metadata),
        locations=(tree.place(path, 1),),
        installed=True,
    )
    purl = component_purl(component, {""})
    ref = purl or f"installed:{ECOSYSTEM.lower()}/{canonical_name(ECOSYSTEM, component.name)}@{component.version}"
    return replace(component, ref=ref, purl=purl)


def _described(tree: FileTree, folder: str, metadata: Metadata, sizes: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """What the metadata says beside, and what the list of files (RECORD) shows."""
    yield "ci-guard:maintainer", metadata.person()
    yield "ci-guard:homepage", metadata.one("home-page") or metadata.homepage()
    if not folder:
        return
    yield "ci-guard:layer", tree.layer(f"{folder}/METADATA")
    for name, key in (("INSTALLER", "ci-guard:python:installer"), ("REQUESTED", "ci-guard:python:requested")):
        if f"{folder}/{name}" in sizes:
            said = read_whole(tree, f"{folder}/{name}", _LIMIT).decode("utf-8", "replace").strip()[:100]
            yield key, said or "true"
    if f"{folder}/RECORD" in sizes:
        listed = read_whole(tree, f"{folder}/RECORD", _LIMIT * 8)
        yield "ci-guard:python:record", f"sha256:{hashlib.sha256(listed).hexdigest()}"
        altered = _altered(listed, posixpath.dirname(folder), sizes)
        yield "ci-guard:python:altered-files", str(altered) if altered else ""


def _altered(listed: bytes, base: str, sizes: Mapping[str, int]) -> int:
    """How many files are gone, or have another size than the list says. Compiled files have neither hash nor size."""
    count = 0
    for line in listed.decode("utf-8", "replace").splitlines():
        path, _, rest = line.rpartition(",sha256=")
        size = rest.rpartition(",")[2]
        if path and size.isdigit():
            real = posixpath.normpath(posixpath.join(base, path.strip('"').replace('""', '"')))
            count += sizes.get(real) != int(size)
    return count


def _origin(tree: FileTree, folder: str, unknown: set[str]) -> tuple[str, str, tuple[Hash, ...]]:
    """(source, URL, hashes of the archive) by `direct_url.json` (PEP 610); without one it came from an index."""
    path = f"{folder}/direct_url.json"
    if not folder or tree.find(path) is None:
        return "registry", "", ()
    try:
        said = json.loads(read_whole(tree, path, _LIMIT))
    except (InputError, ValueError, RecursionError) as error:
        unknown.add(f"python packages: {path}: {error}")
        return "", "", ()
    if not isinstance(said, dict) or not isinstance(said.get("url"), str):
        unknown.add(f"python packages: {path}: says no URL")
        return "", "", ()
    return _direct(said, said["url"])


def _direct(said: Mapping[str, Any], url: str) -> tuple[str, str, tuple[Hash, ...]]:
    vcs, archive = said.get("vcs_info"), said.get("archive_info")
    if isinstance(vcs, dict):
        return "git", f"git+{url.removeprefix('git+')}#{vcs.get('commit_id', '')}", ()
    if url.startswith("file:") or "dir_info" in said:
        return "path", "", ()  # where it lay on the machine that built it is nobody's business
    hashes = archive.get("hashes") if isinstance(archive, dict) else None
    found = [parse_hash(f"{k}:{v}") for k, v in hashes.items()] if isinstance(hashes, dict) else []
    return "url", url, tuple(sorted(h for h in found if h is not None))


def _needs(packages: list[_Package]) -> tuple[set[Edge], frozenset[str]]:
    """Edges to what is installed. Whether anybody asked for an extra is nowhere written, so extras give none."""
    by_name: dict[str, set[str]] = {}
    for package in packages:
        by_name.setdefault(canonical_name(ECOSYSTEM, package.component.name), set()).add(package.component.ref)
    edges: set[Edge] = set()
    whole: set[str] = set()
    for package in packages:
        met = True
        for text in package.metadata.all("requires-dist"):
            wanted = named_reference(" ".join(text.split()))
            if wanted is None or _EXTRA.search(wanted.marker):
                continue
            targets = by_name.get(canonical_name(ECOSYSTEM, wanted.name), set())
            edges |= {Edge(package.component.ref, ref) for ref in targets if ref != package.component.ref}
            met = met and bool(targets or wanted.marker)
        if met and package.path.endswith("METADATA"):  # an egg keeps its needs elsewhere
            whole.add(package.component.ref)
    return edges, frozenset(whole)


def _inner(tree: FileTree, package: _Package, inside: list[str]) -> Iterator[Inventory]:
    """What the SBOMs inside the metadata (PEP 770) say: the libraries that were compiled into the package."""
    folder, owner = f"{package.folder}/sboms/", package.component.ref
    for path in sorted(p for p in inside if package.folder and p.startswith(folder)):
        try:
            stated = read_document(tree, path)
        except InputError as error:
            yield Inventory(unknown=(f"python packages: {error}",))
            continue
        held = {Edge(owner, c.ref, "contains") for c in stated.components if c.ref != owner}
        yield replace(stated, edges=(*stated.edges, *sorted(held)), complete=stated.complete - {owner})
