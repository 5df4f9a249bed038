"""`poetry.lock`, lock versions 1.x and 2.x (and the older ones without a number)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import replace
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lock import MAX_ENTRIES, Lock, list_of, only_table, refuse, table_of, text_of
from ci_guard.sbom.lockfiles.pyproject import Project, poetry_wants, read_project
from ci_guard.sbom.lockfiles.python_lock import ECOSYSTEM, PythonLock, file_of, files_of
from ci_guard.sbom.lockfiles.toml_places import TomlPlaces
from ci_guard.source.document import Document

FORMAT = "poetry.lock"

_KNOWN = ("", "0", "1", "2")
_SOURCES = {"git": "git", "url": "url", "directory": "path", "file": "path", "legacy": "registry"}


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every package of the lock; who asks for it, as far as the lock or a `pyproject.toml` tells. Raises LockError."""
    document, table = only_table(path, data, "toml")
    metadata = table_of(table, "metadata")
    version = text_of(metadata, "lock-version")
    if version.partition(".")[0] not in _KNOWN:
        raise refuse(
            document, ("metadata", "lock-version"), f"poetry.lock version {version} is not known, only 1 and 2"
        )
    packages = table.get("package", [])
    if not isinstance(packages, list) or len(packages) > MAX_ENTRIES:
        raise refuse(document, ("package",), "`package` is no list of packages, or too long")
    lock = PythonLock(path, FORMAT)
    needs = dict(_entries(lock, document, packages, metadata))
    for ref, own in needs.items():
        lock.connect(ref, poetry_wants(table_of(own, "dependencies")))
    project = read_project(path, beside)
    lock.root(project, document.locate(("package",) if packages else ()))
    _scope(lock, needs, project)
    lock.mark_by_reach()
    return replace(lock.lock(), default_index=True)


def _entries(
    lock: PythonLock, document: Document, packages: list[Any], metadata: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    places = TomlPlaces(document, "package", packages)
    for index, own in enumerate(packages):
        if not isinstance(own, dict) or not text_of(own, "name"):
            lock.refuse(document.locate(("package", index)), "a package without a name")
            continue
        name, version, source = text_of(own, "name"), text_of(own, "version"), _source(own)
        files = files_of(own) or _files_apart(metadata, name)
        yield (
            lock.add(
                Component(
                    ref=lock.package(name, version, source),
                    name=name,
                    version=version,
                    ecosystem=ECOSYSTEM,
                    hashes=files[0].hashes if len(files) == 1 else (),
                    distributions=files,
                    source=source[0],
                    source_url=source[1],
                    markers=_markers(own),
                    locations=(places.place(index),),
                )
            ),
            own,
        )


def _source(own: Mapping[str, Any]) -> tuple[str, str]:
    source = table_of(own, "source")
    kind, url = _SOURCES.get(text_of(source, "type"), "registry"), text_of(source, "url")
    commit = text_of(source, "resolved_reference") or text_of(source, "reference")
    return kind, f"{url}#{commit}" if kind == "git" and commit else url


def _files_apart(metadata: Mapping[str, Any], name: str) -> tuple[Distribution, ...]:
    """Before 1.5 the files of all packages stood in `[metadata.files]`, before 1.0 their hashes alone."""
    files = tuple(file_of(f) for f in list_of(table_of(metadata, "files"), name) if isinstance(f, dict))
    texts = [f"sha256:{h}" for h in list_of(table_of(metadata, "hashes"), name) if isinstance(h, str)]
    bare = tuple(Distribution(hashes=(digest,)) for digest in map(parse_hash, texts) if digest is not None)
    return files or bare


def _markers(own: Mapping[str, Any]) -> str:
    """`markers` is one text, or a table by group since 2.1."""
    by_group = table_of(own, "markers")
    texts = sorted({m for m in by_group.values() if isinstance(m, str)})
    return text_of(own, "markers") or " or ".join(f"({m})" if len(texts) > 1 else m for m in texts)


def _scope(lock: PythonLock, needs: Mapping[str, Mapping[str, Any]], project: Project | None) -> None:
    """By the groups of 2.1, or the category of 1.x; between the two only the project's own file tells."""
    if project is not None:
        lock.scope_by_reach()
    for ref, own in needs.items():
        stated = _stated(own)
        if stated or project is None:
            lock.components[ref] = replace(lock.components[ref], scope=stated)


def _stated(own: Mapping[str, Any]) -> str:
    groups = list_of(own, "groups")
    if groups:
        main = "optional" if own.get("optional") is True else "required"
        return main if "main" in groups else "dev"
    if own.get("optional") is True:
        return "optional"
    return {"main": "required", "dev": "dev"}.get(text_of(own, "category"), "")
