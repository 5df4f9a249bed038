"""Programs that say what they were built from: Go's build record and the list of crates of cargo-auditable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

from ci_guard.model.component import Component, Edge, Hash, Inventory
from ci_guard.model.errors import InputError
from ci_guard.sbom.installed.go_build import GoBuild, GoModule, go_build
from ci_guard.sbom.installed.rust_audit import Crate, rust_crates
from ci_guard.sbom.installed.sections import MAGICS, Section, sections
from ci_guard.sbom.installed.tree import FileTree, TreeFile
from ci_guard.sbom.inventory import merge
from ci_guard.sbom.purls import build_purl
from ci_guard.sbom.shipped import PROGRAM

_ENDINGS = (".so", ".exe", ".dll", ".dylib")
_LEAST = 256  # bytes; smaller files have no room for headers and sections
_LAYER = "ci-guard:layer"
_CHUNK = 4 * 1024 * 1024  # bytes


def catalogue(tree: FileTree) -> Inventory:
    """Every program with such a record: itself, as a file, and what it was built from."""
    unknown: set[str] = set()
    found: list[Inventory] = []
    for file in tree.files():
        if file.size < _LEAST or not (file.executable or file.path.endswith(_ENDINGS)):
            continue
        try:
            found += _program(tree, file)
        except InputError as error:
            unknown.add(f"programs: {file.path}: {error}")
    return merge([*found, Inventory(unknown=tuple(sorted(unknown)))])


def _program(tree: FileTree, file: TreeFile) -> Iterator[Inventory]:
    read = partial(tree.read, file.path)
    if not read(0, 4).startswith(MAGICS):
        return
    for program in sections(read):
        yield from _built(tree, file, program)


def _built(tree: FileTree, file: TreeFile, program: list[Section]) -> Iterator[Inventory]:
    read = partial(tree.read, file.path)
    if build := go_build(read, program):
        yield _go(tree, file, build)
    if crates := rust_crates(read, program):
        yield _rust(tree, file, crates)


def _component(tree: FileTree, file: TreeFile, name: str, version: str, kind: str, **more: str) -> Component:
    """A component found in a program; `more` are properties, dashes written as underscores, and `ecosystem`."""
    purl = build_purl(kind, name.lower() if kind == "golang" else name, version)
    ecosystem = more.pop("ecosystem")
    scope = more.pop("scope", "required")
    described = {f"ci-guard:{key.replace('_', ':')}": value for key, value in more.items()}
    described[_LAYER] = tree.layer(file.path)
    return Component(
        ref=purl,
        name=name,
        version=version,
        purl=purl,
        ecosystem=ecosystem,
        scope=scope,
        locations=(tree.place(file.path),),
        properties=tuple(sorted((key, value) for key, value in described.items() if value)),
    )


def _file(tree: FileTree, file: TreeFile, properties: dict[str, str]) -> Component:
    layer = tree.layer(file.path)
    place = tree.place(file.path)
    listed = {**properties, _LAYER: layer, PROGRAM: "true"}
    return Component(
        ref=f"file:{place.path}",
        name=file.path,
        type="application",
        hashes=_digests(tree, file),
        locations=(place,),
        properties=tuple(sorted((key, value) for key, value in listed.items() if value)),
    )


def _digests(tree: FileTree, file: TreeFile) -> tuple[Hash, ...]:
    """SHA-256, and SHA-512, which BSI asks for."""
    digests = {"sha256": hashlib.sha256(), "sha512": hashlib.sha512()}
    for start in range(0, file.size, _CHUNK):
        data = tree.read(file.path, start, _CHUNK)
        for digest in digests.values():
            digest.update(data)
    return tuple(Hash(algorithm, digest.hexdigest()) for algorithm, digest in sorted(digests.items()))


def _go(tree: FileTree, file: TreeFile, build: GoBuild) -> Inventory:
    revision = dict(build.settings).get("vcs.revision", "")
    own = _file(tree, file, {"ci-guard:go:version": build.go, "ci-guard:go:revision": revision})
    standard = GoModule("stdlib", build.go.removeprefix("go"))
    listed = [standard, *([build.main] if build.main else []), *build.modules]
    modules = [
        _component(tree, file, m.path, m.version, "golang", ecosystem="Go", go_sum=m.sum, go_replaces=m.replaces)
        for m in listed
    ]
    # Who of the modules needs whom is not recorded: the program needs all of them.
    edges = tuple(sorted(Edge(own.ref, module.ref, "contains") for module in modules))
    return Inventory((own, *modules), edges, (own.ref,), frozenset({own.ref}))


def _rust(tree: FileTree, file: TreeFile, crates: tuple[Crate, ...]) -> Inventory:
    own = _file(tree, file, {})
    components = [
        _component(
            tree,
            file,
            c.name,
            c.version,
            "cargo",
            ecosystem="crates.io" if c.source in ("crates.io", "registry") else "",
            scope="dev" if c.kind == "build" else "required",
            rust_source=c.source,
        )
        for c in crates
    ]
    edges = {Edge(own.ref, component.ref, "contains") for component in components}
    for crate, component in zip(crates, components, strict=True):
        edges |= {Edge(component.ref, components[n].ref) for n in crate.needs if components[n].ref != component.ref}
    whole = frozenset({own.ref, *(component.ref for component in components)})
    return Inventory((own, *components), tuple(sorted(edges)), (own.ref,), whole)
