"""Debian packages: the status file of dpkg, and the `status.d` that distroless images keep instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ci_guard.model.component import Component, Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.sbom.installed.copyright_file import copyright_file, copyright_lines, licenses
from ci_guard.sbom.installed.databases import DPKG_PARTS, DPKG_STATUS
from ci_guard.sbom.installed.distribution import Distribution, distribution
from ci_guard.sbom.installed.needs import Wants, resolve_needs
from ci_guard.sbom.installed.tree import FileTree, read_whole
from ci_guard.sbom.purls import build_purl

STATUS = DPKG_STATUS
_PARTS = DPKG_PARTS
_LISTS = "var/lib/dpkg/info"
_INSTALLED = frozenset({"installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"})
"""Third word of `Status` when the files are there; `config-files` and `not-installed` packages are gone."""

_MOST = 200_000  # packages; Debian as a whole has 60,000
_FIELD = re.compile(r"([!-,.-9;-~][!-9;-~]*):[ \t]*(.*)")
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*\Z", re.IGNORECASE)
_SOURCE = re.compile(r"(\S+)(?:\s+\(([^()]+)\))?\Z")
_ECOSYSTEMS = {"debian": "Debian", "ubuntu": "Ubuntu"}


@record
class _Package:
    """One paragraph, its first line (from 1), and the file it stands in."""

    fields: dict[str, str]
    path: str
    line: int

    @property
    def key(self) -> tuple[str, str]:
        return self.fields["package"], self.fields.get("architecture", "")


def catalogue(tree: FileTree) -> Inventory:
    """Every installed package, with what it depends on as far as it is installed."""
    unknown: set[str] = set()
    packages = list(_packages(tree, unknown))
    system = distribution(tree)
    components = [_component(tree, package, system) for package in packages]
    edges, whole = resolve_needs([_wants(p, c.ref) for p, c in zip(packages, components, strict=True)])
    return Inventory(
        components=tuple(components),
        edges=tuple(sorted(edges)),
        complete=whole,
        unknown=tuple(sorted(unknown)),
    )


def _packages(tree: FileTree, unknown: set[str]) -> Iterator[_Package]:
    paths = [STATUS] if tree.find(STATUS) else []
    paths += [f.path for f in tree.files(_PARTS) if not f.path.endswith(".md5sums")]
    count = 0
    for path in paths:
        try:
            data = read_whole(tree, path)
        except InputError as error:
            unknown.add(f"dpkg packages: {error}")
            continue
        for line, fields in paragraphs(data.decode("utf-8", "replace")):
            count += 1
            if count > _MOST:
                unknown.add(f"dpkg packages: more than {_MOST} packages in {path}")
                return
            problem = _problem(fields, in_parts=path != STATUS)
            if problem:
                unknown.add(f"dpkg packages: {path}:{line}: {problem}")
            elif path != STATUS or _installed(fields):
                yield _Package(fields, path, line)


def _installed(fields: dict[str, str]) -> bool:
    return fields["status"].split()[-1] in _INSTALLED


def _problem(fields: dict[str, str], *, in_parts: bool) -> str:
    """Why a paragraph is no package, "" if it is one."""
    if not _NAME.match(fields.get("package", "")):
        return "a paragraph without a package's name"
    if not in_parts and len(fields.get("status", "").split()) != 3:
        return f"{fields['package']} has no status"
    if (in_parts or _installed(fields)) and not fields.get("version"):
        return f"{fields['package']} has no version"
    return ""


def paragraphs(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(first line, fields by lower-case name) of every paragraph; continued lines are joined by newlines."""
    fields: dict[str, str] = {}
    start, last = 0, ""
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.rstrip("\r")
        if not line.strip():
            if fields:
                yield start, fields
            fields, last = {}, ""
        elif line[0] in " \t":
            if last:
                fields[last] += f"\n{line.strip()}"
        elif match := _FIELD.match(line):
            start = start if fields else number
            last = match[1].lower()
            fields[last] = match[2].strip()
    if fields:
        yield start, fields


def _component(tree: FileTree, package: _Package, system: Distribution) -> Component:
    name, architecture = package.key
    version = package.fields["version"]
    namespace = system.id or "debian"
    purl = build_purl("deb", f"{namespace}/{name.lower()}", version, {"arch": architecture, **system.qualifiers()})
    source, source_version = source_package(package.fields)
    layer = tree.layer(package.path)
    notice = copyright_file(tree, name)
    described = (
        ("ci-guard:source-package", f"{source}@{source_version}"),
        ("ci-guard:maintainer", package.fields.get("maintainer", "")),
        ("ci-guard:homepage", package.fields.get("homepage", "")),
        ("ci-guard:files-list", _list(tree, name, architecture)),
        ("ci-guard:layer", layer),
    )
    return Component(
        ref=purl,
        name=name,
        version=version,
        purl=purl,
        ecosystem=_ECOSYSTEMS.get(system.id, ""),
        licenses=licenses(notice),
        locations=(tree.place(package.path, package.line),),
        properties=tuple((key, value) for key, value in described if value),
        copyright=copyright_lines(notice),
        installed=True,
    )


def source_package(fields: dict[str, str]) -> tuple[str, str]:
    """(name, version) of the source a binary package was built from; its own where `Source` does not say otherwise."""
    match = _SOURCE.match(fields.get("source", ""))
    name = match[1] if match else fields["package"]
    return name, (match[2] if match and match[2] else fields["version"])


def _list(tree: FileTree, name: str, architecture: str) -> str:
    """The file with the MD5 sums of the package's files, where there is one."""
    for candidate in (
        f"{_LISTS}/{name}.md5sums",
        f"{_LISTS}/{name}:{architecture}.md5sums",
        f"{_PARTS}/{name}.md5sums",
    ):
        if tree.find(candidate) is not None:
            return candidate
    return ""


def _wants(package: _Package, ref: str) -> Wants:
    name, architecture = package.key
    needs = [clause for key in ("depends", "pre-depends") for clause in _clauses(package.fields.get(key, ""))]
    offers = frozenset([name, *_names(package.fields.get("provides", ""))])
    return Wants(ref, architecture, offers, tuple(needs))


def _clauses(text: str) -> Iterator[tuple[str, ...]]:
    """The alternatives of every dependency of a comma-separated list."""
    for clause in text.split(","):
        names = tuple(_names(clause.replace("|", ",")))
        if names:
            yield names


def _names(text: str) -> Iterable[str]:
    """Package names of a list, without versions, architectures and `:any`."""
    for part in text.split(","):
        name = re.split(r"[\s(\[<:]", part.strip(), maxsplit=1)[0]
        if name:
            yield name
