"""`pdm.lock`, lock versions 2 to 4: packages, the groups that they belong to, and what each needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import replace
from ci_guard.sbom.lockfiles.lock import MAX_ENTRIES, Lock, list_of, only_table, refuse, table_of, text_of
from ci_guard.sbom.lockfiles.pyproject import Want, read_project, wanted
from ci_guard.sbom.lockfiles.python_lock import ECOSYSTEM, PythonLock, file_of, files_of
from ci_guard.sbom.lockfiles.toml_places import TomlPlaces
from ci_guard.source.document import Document

FORMAT = "pdm.lock"

_KNOWN = ("", "2", "3", "4")


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every package of the lock, an entry with extras folded into its package. Raises LockError."""
    document, table = only_table(path, data, "toml")
    metadata = table_of(table, "metadata")
    version = text_of(metadata, "lock_version")
    if version.partition(".")[0] not in _KNOWN:
        raise refuse(document, ("metadata", "lock_version"), f"pdm.lock version {version} is not known, only 2 to 4")
    packages = table.get("package", [])
    if not isinstance(packages, list) or len(packages) > MAX_ENTRIES:
        raise refuse(document, ("package",), "`package` is no list of packages, or too long")
    lock = PythonLock(path, FORMAT)
    tables = _entries(lock, document, packages, metadata)
    for ref, own in tables:
        lock.connect(ref, _wants(own))
    project = read_project(path, beside)
    lock.root(project, document.locate(("package",) if packages else ()))
    extras = project.extras if project is not None else frozenset()
    groups: dict[str, set[str]] = {}
    for ref, own in tables:
        groups.setdefault(ref, set()).update(g for g in list_of(own, "groups") if isinstance(g, str))
    for ref, names in groups.items():
        scope = _scope(names, extras, known=project is not None)
        lock.components[ref] = replace(lock.components[ref], scope=scope)
    lock.mark_by_reach()
    return lock.lock()


def _entries(
    lock: PythonLock, document: Document, packages: list[Any], metadata: Mapping[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """(ref, table) of every entry; the entry of a package with extras shares the ref of the package."""
    places = TomlPlaces(document, "package", packages)
    found: list[tuple[str, dict[str, Any]]] = []
    bare: dict[tuple[str, str, str], str] = {}
    for index, own in enumerate(packages):
        if not isinstance(own, dict) or not text_of(own, "name"):
            lock.refuse(document.locate(("package", index)), "a package without a name")
            continue
        name, version, source = text_of(own, "name"), text_of(own, "version"), _source(own)
        key = (name, version, source[1])
        if key in bare and "extras" in own:
            found.append((bare[key], own))
            continue
        files = files_of(own) or _files_apart(metadata, name, version)
        component = Component(
            ref=lock.package(name, version, source),
            name=name,
            version=version,
            ecosystem=ECOSYSTEM,
            hashes=files[0].hashes if len(files) == 1 else (),
            distributions=files,
            source=source[0],
            source_url=source[1],
            markers=text_of(own, "marker"),
            locations=(places.place(index),),
        )
        ref = lock.add(component)
        bare[key] = ref
        found.append((ref, own))
    return found


def _source(own: Mapping[str, Any]) -> tuple[str, str]:
    if text_of(own, "git"):
        commit = text_of(own, "revision") or text_of(own, "ref")
        return "git", f"{text_of(own, 'git')}#{commit}" if commit else text_of(own, "git")
    if text_of(own, "url"):
        return "url", text_of(own, "url")
    if text_of(own, "path"):
        return "path", text_of(own, "path")
    return "registry", ""


def _files_apart(metadata: Mapping[str, Any], name: str, version: str) -> tuple[Distribution, ...]:
    """Before lock version 4.3 the files of all packages stood in `[metadata.files]`."""
    listed = list_of(table_of(metadata, "files"), f"{name} {version}")
    return tuple(file_of(f) for f in listed if isinstance(f, dict))


def _wants(own: Mapping[str, Any]) -> Iterator[Want]:
    for text in list_of(own, "dependencies"):
        yield from wanted(text)


def _scope(groups: set[str], extras: frozenset[str], *, known: bool) -> str:
    """Which groups are extras and which are for development only the project's own file tells."""
    if not groups or "default" in groups:
        return "required" if groups else ""
    if groups & extras:
        return "optional"
    return "dev" if known else ""
