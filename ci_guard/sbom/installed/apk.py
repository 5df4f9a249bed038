"""Alpine packages: the `installed` database of apk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ci_guard.model.component import Component, Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.sbom.installed.databases import APK_INSTALLED
from ci_guard.sbom.installed.distribution import Distribution, distribution
from ci_guard.sbom.installed.needs import Wants, resolve_needs
from ci_guard.sbom.installed.tree import FileTree, read_whole
from ci_guard.sbom.purls import build_purl

_MOST = 200_000  # packages
_KEPT = frozenset("PVALoDpUmC")
_ECOSYSTEMS = {"alpine": "Alpine", "wolfi": "Wolfi", "chainguard": "Chainguard"}
_CONSTRAINT = re.compile(r"[=<>~@]")


@record
class _Package:
    """The fields of one record by their letter, where its record starts, and in which file."""

    fields: dict[str, str]
    path: str
    line: int


def catalogue(tree: FileTree) -> Inventory:
    """Every installed package, with what it depends on (shared objects and commands too)."""
    unknown: set[str] = set()
    packages = list(_packages(tree, unknown))
    system = distribution(tree)
    components = [_component(tree, package, system) for package in packages]
    edges, whole = resolve_needs([_wants(p, c.ref) for p, c in zip(packages, components, strict=True)])
    return Inventory(
        components=tuple(components), edges=tuple(sorted(edges)), complete=whole, unknown=tuple(sorted(unknown))
    )


def _packages(tree: FileTree, unknown: set[str]) -> Iterator[_Package]:
    real = sorted({found.path for path in APK_INSTALLED if (found := tree.find(path))})
    count = 0
    for path in real:
        try:
            text = read_whole(tree, path).decode("utf-8", "replace")
        except InputError as error:
            unknown.add(f"apk packages: {error}")
            continue
        for line, fields in records(text):
            count += 1
            if count > _MOST:
                unknown.add(f"apk packages: more than {_MOST} packages in {path}")
                return
            if fields.get("P") and fields.get("V"):
                yield _Package(fields, path, line)
            else:
                unknown.add(f"apk packages: {path}:{line}: a record without name and version")


def records(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(first line, fields by letter) of every record; the lists of files are passed over."""
    fields: dict[str, str] = {}
    start = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            if fields:
                yield start, fields
            fields = {}
        elif line[1:2] == ":" and line[0] in _KEPT:
            start = start if fields else number
            fields.setdefault(line[0], line[2:].strip())
    if fields:
        yield start, fields


def _component(tree: FileTree, package: _Package, system: Distribution) -> Component:
    fields = package.fields
    name, version = fields["P"], fields["V"]
    qualifiers = {"arch": fields.get("A", ""), **system.qualifiers()}
    purl = build_purl("apk", f"{system.id or 'alpine'}/{name.lower()}", version, qualifiers)
    described = (
        ("ci-guard:source-package", f"{fields.get('o') or name}@{version}"),
        ("ci-guard:maintainer", fields.get("m", "")),
        ("ci-guard:homepage", fields.get("U", "")),
        ("ci-guard:apk:checksum", fields.get("C", "")),
        ("ci-guard:layer", tree.layer(package.path)),
    )
    return Component(
        ref=purl,
        name=name,
        version=version,
        purl=purl,
        ecosystem=_ECOSYSTEMS.get(system.id, ""),
        licenses=(fields["L"],) if fields.get("L") else (),
        locations=(tree.place(package.path, package.line),),
        properties=tuple((key, value) for key, value in described if value),
        installed=True,
    )


def _wants(package: _Package, ref: str) -> Wants:
    fields = package.fields
    needs = tuple((_bare(word),) for word in fields.get("D", "").split() if not word.startswith("!"))
    offers = frozenset([fields["P"], *(_bare(word) for word in fields.get("p", "").split())])
    return Wants(ref, fields.get("A", ""), offers, needs)


def _bare(word: str) -> str:
    """A name without its version constraint and repository tag."""
    return _CONSTRAINT.split(word, maxsplit=1)[0]
