"""`pylock.toml` and `pylock.NAME.toml`, lock version 1.0 (PEP 751)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution, Hash
from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lines import lock_file
from ci_guard.sbom.lockfiles.lock import MAX_ENTRIES, Lock, list_of, only_table, refuse, table_of, text_of
from ci_guard.sbom.lockfiles.python_lock import ECOSYSTEM, PythonLock, filename_of
from ci_guard.sbom.lockfiles.toml_places import TomlPlaces
from ci_guard.source.document import Document

FORMAT = "pylock.toml"

_GROUP = re.compile(r"""["']([^"']+)["'] in (dependency_groups|extras)""")


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:  # noqa: ARG001 - a pylock stands alone by design
    """Every package of the lock; edges where its tool wrote them, which is optional. Raises LockError."""
    document, table = only_table(path, data, "toml")
    version = table.get("lock-version", "1.0")
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise refuse(document, ("lock-version",), f"pylock version {version!r} is not known, only 1")
    packages = table.get("packages", [])
    if not isinstance(packages, list) or len(packages) > MAX_ENTRIES:
        raise refuse(document, ("packages",), "`packages` is no list of packages, or too long")
    lock = PythonLock(path, FORMAT)
    tables = dict(_entries(lock, document, packages, frozenset(map(str, list_of(table, "default-groups")))))
    _connect(lock, tables)
    _root(lock, document)
    return lock.lock()


def _entries(
    lock: PythonLock, document: Document, packages: list[Any], default: frozenset[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    places = TomlPlaces(document, "packages", packages)
    for index, own in enumerate(packages):
        if not isinstance(own, dict) or not text_of(own, "name"):
            lock.refuse(document.locate(("packages", index)), "a package without a name")
            continue
        name, version, source = text_of(own, "name"), text_of(own, "version"), _source(own)
        files = _files(own)
        component = Component(
            ref=lock.package(name, version, source),
            name=name,
            version=version,
            type="application" if source[0] == "workspace" else "library",
            ecosystem=ECOSYSTEM,
            hashes=files[0].hashes if len(files) == 1 else (),
            distributions=files,
            source=source[0],
            source_url=source[1],
            scope=_scope(text_of(own, "marker"), default),
            markers=text_of(own, "marker"),
            locations=(places.place(index),),
        )
        yield lock.add(component), own


def _source(own: Mapping[str, Any]) -> tuple[str, str]:
    vcs, directory, archive = (table_of(own, key) for key in ("vcs", "directory", "archive"))
    if vcs:
        url, commit = text_of(vcs, "url") or text_of(vcs, "path"), text_of(vcs, "commit-id")
        return "git", f"{url}#{commit}" if commit else url
    if directory:
        path = text_of(directory, "path") or "."
        return ("workspace" if path == "." else "path"), path
    if archive:
        url = text_of(archive, "url")
        return ("url", url) if url else ("path", text_of(archive, "path"))
    return "registry", text_of(own, "index")


def _files(own: Mapping[str, Any]) -> tuple[Distribution, ...]:
    listed = [own.get("archive"), own.get("sdist"), *list_of(own, "wheels")]
    return tuple(_file(entry) for entry in listed if isinstance(entry, dict))


def _file(entry: Mapping[str, Any]) -> Distribution:
    url = text_of(entry, "url")
    name = text_of(entry, "name") or filename_of(url or text_of(entry, "path"))
    return Distribution(url, name, tuple(sorted(_hashes(table_of(entry, "hashes")))))


def _hashes(table: Mapping[str, Any]) -> Iterator[Hash]:
    for algorithm, value in table.items():
        found = parse_hash(f"{algorithm}:{value}") if isinstance(value, str) else None
        if found is not None:
            yield found


def _scope(marker: str, default: frozenset[str]) -> str:
    """Which extra or group brings a package: of one that has a way without, nothing is said about groups."""
    ways = [_GROUP.findall(way) for way in marker.split(" or ")] if marker else [[]]
    if any(not way or {name for name, _ in way} & default for way in ways):
        return "required"
    return "optional" if any(kind == "extras" for way in ways for _, kind in way) else "dev"


def _connect(lock: PythonLock, tables: Mapping[str, Mapping[str, Any]]) -> None:
    """`dependencies` are tables of as many keys of the other entry as tell it apart."""
    for ref, own in tables.items():
        if "dependencies" not in own:
            lock.incomplete.add(ref)
        for wanted in list_of(own, "dependencies"):
            name = text_of(wanted, "name") if isinstance(wanted, dict) else ""
            targets = (
                [t for t in lock.named(name) if all(tables[t].get(k) == v for k, v in wanted.items())] if name else []
            )
            for target in targets:
                lock.need(ref, target)
            if not targets:
                lock.lacks(ref, name or "a package without a name")
    if len(lock.incomplete) == len(tables):
        lock.note("this pylock does not say which packages need which others")


def _root(lock: PythonLock, document: Document) -> None:
    """The project itself where the lock has it, else the lock."""
    own = [ref for ref, component in lock.components.items() if component.source == "workspace"]
    root = own[0] if own else lock.add(lock_file(lock.path, document.locate(())))
    lock.roots += own or [root]
    for ref in lock.unneeded():
        scope = lock.components[ref].scope
        kind = {"dev": "dev-depends-on", "optional": "optional-depends-on"}.get(scope, "depends-on")
        lock.need(root, ref, kind, lock.components[ref].markers)
