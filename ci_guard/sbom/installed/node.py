"""Packages below `node_modules`, as npm, Yarn, pnpm or Bun laid them out, resolved as Node resolves."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution, Edge, Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.record import record, replace
from ci_guard.sbom.digests import parse_integrity
from ci_guard.sbom.installed.copyright_lines import LICENCE_FILE, copyright_of
from ci_guard.sbom.installed.tree import FileTree, read_whole
from ci_guard.sbom.licenses import declared
from ci_guard.sbom.lockfiles.lock import table_of, text_of
from ci_guard.sbom.lockfiles.npm_source import source_of
from ci_guard.sbom.lockfiles.package_json import asked, may_lack, platforms
from ci_guard.sbom.purls import component_purl, home_host

ECOSYSTEM = "npm"

_PACKAGE = re.compile(r"(?:\A|/)node_modules/(?:@[^/]+/)?[^/@.][^/]*/package\.json\Z")
_HIDDEN_LOCK = "node_modules/.package-lock.json"
_LIMIT = 4 * 1024 * 1024  # bytes of one package.json
_MOST = 200_000  # packages


@record
class _Package:
    """One folder below `node_modules`, and what its `package.json` says."""

    folder: str
    table: Mapping[str, Any]
    component: Component


def catalogue(tree: FileTree) -> Inventory:
    """Every package, with what it needs as far as it is there; hashes where npm left its hidden lock."""
    unknown: set[str] = set()
    listed = [file.path for file in tree.files()]
    paths = [path for path in listed if path.endswith(("/package.json", _HIDDEN_LOCK))]
    notices = _licence_files(listed)
    locked = _locked(tree, [p for p in paths if p.endswith(_HIDDEN_LOCK)], unknown)
    packages: dict[str, _Package] = {}
    for path in paths:
        if _PACKAGE.search(f"/{path}") and len(packages) < _MOST:
            package = _package(tree, path, locked.get(posixpath.dirname(path), {}), unknown)
            if package is not None:
                stated = copyright_of(tree, notices.get(package.folder, ()))
                packages[package.folder] = replace(package, component=replace(package.component, copyright=stated))
    packages = _identified(packages)
    linked = any("/.pnpm/" in f"/{folder}" for folder in packages)
    edges: set[Edge] = set()
    whole: set[str] = set()
    for package in packages.values():
        found = [(_resolve(tree, packages, package.folder, w.name, linked), w) for w in asked(_needs(package.table))]
        edges |= {Edge(package.component.ref, t, w.kind) for t, w in found if t and t != package.component.ref}
        if all(t or may_lack(package.table, w) for t, w in found):
            whole.add(package.component.ref)
    return Inventory(
        components=tuple(package.component for package in packages.values()),
        edges=tuple(sorted(edges)),
        complete=frozenset(whole),
        unknown=tuple(sorted(unknown)),
    )


def _licence_files(paths: Iterable[str]) -> dict[str, list[str]]:
    """Folder -> the files in it that licences and notices stand in."""
    found: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if LICENCE_FILE.match(name):
            found.setdefault(folder, []).append(path)
    return found


def _needs(table: Mapping[str, Any]) -> dict[str, Any]:
    """What a package needs where it is installed: what it was developed with is not."""
    return {key: value for key, value in table.items() if key != "devDependencies"}


def _json(tree: FileTree, path: str, unknown: set[str]) -> dict[str, Any]:
    try:
        value = json.loads(read_whole(tree, path, _LIMIT * 16 if path.endswith(_HIDDEN_LOCK) else _LIMIT))
    except (InputError, ValueError, RecursionError) as error:
        unknown.add(f"node packages: {path}: {error}")
        return {}
    return value if isinstance(value, dict) else {}


def _locked(tree: FileTree, paths: list[str], unknown: set[str]) -> dict[str, dict[str, Any]]:
    """Folder -> what npm's hidden locks say of it: the address and the integrity."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        base = path.removesuffix(_HIDDEN_LOCK)
        for folder, own in table_of(_json(tree, path, unknown), "packages").items():
            if isinstance(own, dict):
                found[f"{base}{folder}"] = own
    return found


def _package(tree: FileTree, path: str, locked: Mapping[str, Any], unknown: set[str]) -> _Package | None:
    table = _json(tree, path, unknown)
    name, version = text_of(table, "name"), text_of(table, "version")
    if not name or not version:
        return None  # a folder of a package, with a file of its own that only tells Node how to load it
    source, url = source_of(text_of(locked, "resolved"), name)
    hashes = parse_integrity(text_of(locked, "integrity"))
    component = Component(
        ref="",
        name=name,
        version=version,
        ecosystem=ECOSYSTEM,
        hashes=hashes,
        distributions=(Distribution(url, posixpath.basename(url), hashes),) if url.startswith("http") else (),
        source=source,
        source_url=url,
        markers=platforms(table),
        licenses=declared(table.get("license", table.get("licenses"))),
        locations=(tree.place(path, 1),),
        properties=tuple((key, value) for key, value in _described(tree, path, table) if value),
        installed=True,
    )
    return _Package(posixpath.dirname(path), table, component)


def _described(tree: FileTree, path: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "cdx:npm:package:path", posixpath.dirname(path)
    people = (_person(table.get(key)) for key in ("author", "maintainers", "contributors"))
    yield "ci-guard:maintainer", next((person for person in people if person), "")
    yield "ci-guard:homepage", text_of(table, "homepage")
    scripts = table_of(table, "scripts")
    installs = any(name in scripts for name in ("preinstall", "install", "postinstall"))
    yield "ci-guard:npm:install-script", "true" if installs else ""
    yield "ci-guard:layer", tree.layer(path)


def _person(value: object) -> str:
    """One person as `NAME <EMAIL>`; the first of several."""
    if isinstance(value, list):
        return _person(value[0]) if value and not isinstance(value[0], list) else ""
    if isinstance(value, dict):
        name, email = text_of(value, "name"), text_of(value, "email")
        return f"{name} <{email}>" if name and email else name or email
    return value if isinstance(value, str) else ""


def _identified(packages: Mapping[str, _Package]) -> dict[str, _Package]:
    """With their purls; the registry that most came from is the one that needs no address."""
    home = {home_host(package.component for package in packages.values()), ""}
    found = {}
    for folder, package in packages.items():
        purl = component_purl(package.component, home)
        ref = purl or f"installed:npm/{package.component.name}@{package.component.version}"
        found[folder] = replace(package, component=replace(package.component, ref=ref, purl=purl))
    return found


def _resolve(tree: FileTree, packages: Mapping[str, _Package], folder: str, name: str, linked: bool) -> str:
    """The ref of what `require(name)` finds from a folder, "" for nothing; links are followed where pnpm made them."""
    here = folder
    while True:
        if posixpath.basename(here) != "node_modules":
            wanted = f"{here}/node_modules/{name}" if here else f"node_modules/{name}"
            found = packages.get(wanted)
            if found is None and linked:
                file = tree.find(f"{wanted}/package.json")
                found = packages.get(posixpath.dirname(file.path)) if file is not None else None
            if found is not None:
                return found.component.ref
        if not here:
            return ""
        here = posixpath.dirname(here)
