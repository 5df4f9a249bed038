"""RPM packages: the database in SQLite or ndb form; a Berkeley DB, as old systems have it, is named unknown."""

from __future__ import annotations

from collections.abc import Iterator

from ci_guard.model.component import Component, Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.record import record, replace
from ci_guard.sbom.installed import rpm_header as tag
from ci_guard.sbom.installed.databases import RPM_BERKELEY, RPM_NDB, RPM_SQLITE
from ci_guard.sbom.installed.distribution import Distribution, distribution
from ci_guard.sbom.installed.needs import Wants, resolve_needs
from ci_guard.sbom.installed.rpm_database import ndb_headers, sqlite_headers
from ci_guard.sbom.installed.rpm_header import Header
from ci_guard.sbom.installed.tree import FileTree
from ci_guard.sbom.purls import build_purl

_MOST = 100_000  # packages
_NAMESPACES = {"rhel": "redhat", "amzn": "amazon", "almalinux": "almalinux", "ol": "oracle"}
_ECOSYSTEMS = {"rhel": "Red Hat", "rocky": "Rocky Linux", "almalinux": "AlmaLinux", "opensuse-leap": "openSUSE"}
_ECOSYSTEMS |= {"opensuse-tumbleweed": "openSUSE", "sles": "SUSE", "mageia": "Mageia", "openeuler": "openEuler"}
_RPMLIB = 1 << 24  # flag of a requirement that rpm itself must meet, not another package


@record
class _Package:
    """What is kept of a header; `files` are its paths, as far as another package asks for them by path."""

    name: str
    version: str
    epoch: str
    arch: str
    license: str
    described: tuple[tuple[str, str], ...]
    provides: frozenset[str]
    requires: tuple[str, ...]
    path: str


def catalogue(tree: FileTree) -> Inventory:
    """Every installed package, with what it requires, be it a capability or a file."""
    unknown: set[str] = set()
    packages = [package for path in _databases(tree, unknown) for package in _packages(tree, path, unknown)]
    system = distribution(tree)
    components = [_component(tree, package, system) for package in packages]
    edges, whole = resolve_needs([_wants(p, c.ref) for p, c in zip(packages, components, strict=True)])
    return Inventory(
        components=tuple(components), edges=tuple(sorted(edges)), complete=whole, unknown=tuple(sorted(unknown))
    )


def _databases(tree: FileTree, unknown: set[str]) -> list[str]:
    """The databases there are; several names may lead to one file."""
    found = sorted({file.path for path in (*RPM_SQLITE, *RPM_NDB) if (file := tree.find(path))})
    if not found:
        for old in sorted({file.path for path in RPM_BERKELEY if (file := tree.find(path))}):
            unknown.add(f"rpm packages: {old} is a Berkeley DB, which is not read: its packages are missing here")
    return found


def _packages(tree: FileTree, path: str, unknown: set[str]) -> Iterator[_Package]:
    headers = sqlite_headers if path.endswith(".sqlite") else ndb_headers
    found: list[_Package] = []
    try:
        by_path: set[str] = set()
        for blob in headers(tree, path):
            if len(found) >= _MOST:
                raise InputError(f"more than {_MOST} packages")
            package = _package(Header(blob), path)
            if package.name != "gpg-pubkey":  # a key that is trusted, not a package
                found.append(package)
                by_path |= {name for name in package.requires if name.startswith("/")}
        owners = _owners(headers(tree, path), by_path) if by_path else {}
    except InputError as error:
        unknown.add(f"rpm packages: {path}: {error}")
        owners = {}
    for package in found:
        yield _with_files(package, owners)


def _package(header: Header, path: str) -> _Package:
    name, version, release = (header.text(t) for t in (tag.NAME, tag.VERSION, tag.RELEASE))
    if not name or not version:
        raise InputError("a header without name and version")
    epoch = header.numbers(tag.EPOCH)
    flags = header.numbers(tag.REQUIRE_FLAGS)
    names = list(header.texts(tag.REQUIRES))
    flags += (0,) * (len(names) - len(flags))
    described = (
        ("ci-guard:source-package", _source(header.text(tag.SOURCE_RPM))),
        ("ci-guard:vendor", header.text(tag.VENDOR)),
        ("ci-guard:homepage", header.text(tag.URL)),
        ("ci-guard:rpm:modularity", header.text(tag.MODULARITY)),
        ("ci-guard:rpm:header-sha256", header.text(tag.SHA256_HEADER)),
    )
    return _Package(
        name=name,
        version=f"{version}-{release}" if release else version,
        epoch=str(epoch[0]) if epoch else "",
        arch=header.text(tag.ARCH),
        license=header.text(tag.LICENSE),
        described=tuple((key, value) for key, value in described if value),
        provides=frozenset([name, *header.texts(tag.PROVIDES)]),
        requires=tuple(sorted({n for n, flag in zip(names, flags, strict=False) if not flag & _RPMLIB})),
        path=path,
    )


def _source(file: str) -> str:
    """`glibc-2.38-4.fc39.src.rpm` as `glibc@2.38-4.fc39`; "" for another form."""
    parts = file.removesuffix(".rpm").removesuffix(".src").removesuffix(".nosrc").rsplit("-", 2)
    return f"{parts[0]}@{parts[1]}-{parts[2]}" if len(parts) == 3 else ""


def _owners(headers: Iterator[bytes], wanted: set[str]) -> dict[tuple[str, str], set[str]]:
    """(name, version) of a package -> those of the wanted paths that are its files."""
    names = {path.rpartition("/")[2] for path in wanted}
    found: dict[tuple[str, str], set[str]] = {}
    for blob in headers:
        header = Header(blob)
        indexes = header.numbers(tag.DIRECTORY_INDEXES)
        folders = list(header.texts(tag.DIRECTORIES))
        paths = {
            folders[index] + base
            for index, base in zip(indexes, header.texts(tag.BASE_NAMES), strict=False)
            if base in names and index < len(folders)
        }
        if hit := paths & wanted:
            release = header.text(tag.RELEASE)
            version = header.text(tag.VERSION) + (f"-{release}" if release else "")
            found.setdefault((header.text(tag.NAME), version), set()).update(hit)
    return found


def _with_files(package: _Package, owners: dict[tuple[str, str], set[str]]) -> _Package:
    files = owners.get((package.name, package.version))
    if not files:
        return package
    return replace(package, provides=package.provides | files)


def _component(tree: FileTree, package: _Package, system: Distribution) -> Component:
    namespace = _NAMESPACES.get(system.id, system.id.partition("-")[0])
    qualifiers = {"arch": package.arch, "epoch": package.epoch, **system.qualifiers()}
    name = f"{namespace}/{package.name}" if namespace else package.name
    purl = build_purl("rpm", name, package.version, qualifiers)
    layer = tree.layer(package.path)
    return Component(
        ref=purl,
        name=package.name,
        version=f"{package.epoch}:{package.version}" if package.epoch not in ("", "0") else package.version,
        purl=purl,
        ecosystem=_ECOSYSTEMS.get(system.id, ""),
        licenses=(package.license,) if package.license else (),
        locations=(tree.place(package.path),),
        properties=package.described + ((("ci-guard:layer", layer),) if layer else ()),
        installed=True,
    )


def _wants(package: _Package, ref: str) -> Wants:
    # A rich dependency `(a or b)` is a formula; it is left out, and so the package does not count as whole.
    return Wants(ref, package.arch, package.provides, tuple((name,) for name in package.requires))
