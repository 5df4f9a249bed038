"""`Pipfile.lock`: pinned packages by category, with hashes; who needs whom it does not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ci_guard.model.component import Component, Hash
from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lines import lock_file
from ci_guard.sbom.lockfiles.lock import MAX_ENTRIES, Lock, list_of, only_table, refuse, table_of, text_of
from ci_guard.sbom.lockfiles.python_lock import ECOSYSTEM, PythonLock
from ci_guard.source.document import Document

FORMAT = "Pipfile.lock"

_KINDS = {"default": ("required", "depends-on"), "develop": ("dev", "dev-depends-on")}
_OTHER = ("optional", "optional-depends-on")  # a category of one's own is installed when it is asked for


class _Entry(NamedTuple):
    """One package of one category."""

    category: str
    name: str
    own: dict[str, Any]


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:  # noqa: ARG001 - a Pipfile would add ranges only
    """Every package of every category. Raises LockError."""
    document, table = only_table(path, data, "json")
    specification = table_of(table, "_meta").get("pipfile-spec", 6)
    if specification != 6:
        raise refuse(
            document, ("_meta", "pipfile-spec"), f"Pipfile.lock version {specification!r} is not known, only 6"
        )
    if sum(len(packages) for packages in table.values() if isinstance(packages, dict)) > MAX_ENTRIES:
        raise refuse(document, (), f"more than {MAX_ENTRIES} packages")
    lock = PythonLock(path, FORMAT)
    root = lock.add(lock_file(path, document.locate(())))
    lock.roots.append(root)
    indexes = _indexes(table)
    for entry in _entries(lock, document, table):
        scope, kind = _KINDS.get(entry.category, _OTHER)
        ref = lock.add(_component(lock, document, entry, indexes, scope))
        lock.incomplete.add(ref)
        lock.need(root, ref, kind, text_of(entry.own, "markers"))
    if lock.incomplete:
        lock.note("a Pipfile.lock does not say which packages need which others")
    return lock.lock()


def _entries(lock: PythonLock, document: Document, table: Mapping[str, Any]) -> Iterator[_Entry]:
    for category, packages in table.items():
        if category == "_meta":
            continue
        if not isinstance(packages, dict):
            lock.refuse(document.locate((category,), key=True), f"`{category}` is no table of packages")
            continue
        for name, own in packages.items():
            if isinstance(own, dict) and name:
                yield _Entry(category, name, own)
            else:
                lock.refuse(document.locate((category, name), key=True), f"{name}: an entry must be a table")


def _indexes(table: Mapping[str, Any]) -> dict[str, str]:
    """Name -> URL of the indexes; under "" the only one, when there is but one."""
    listed = [s for s in list_of(table_of(table, "_meta"), "sources") if isinstance(s, dict)]
    found = {text_of(s, "name"): text_of(s, "url") for s in listed}
    return found | ({"": text_of(listed[0], "url")} if len(listed) == 1 else {})


def _component(
    lock: PythonLock, document: Document, entry: _Entry, indexes: Mapping[str, str], scope: str
) -> Component:
    own = entry.own
    source = _source(own, indexes)
    version = text_of(own, "version").lstrip("= ") if text_of(own, "version").startswith("==") else ""
    return Component(
        ref=lock.package(entry.name, version, source),
        name=entry.name,
        version=version,
        ecosystem=ECOSYSTEM,
        hashes=_hashes(own),
        source=source[0],
        source_url=source[1],
        scope=scope,
        markers=text_of(own, "markers"),
        locations=(document.locate((entry.category, entry.name), key=True),),
        properties=_properties(own),
    )


def _source(own: Mapping[str, Any], indexes: Mapping[str, str]) -> tuple[str, str]:
    if text_of(own, "git"):
        return "git", f"{text_of(own, 'git')}#{text_of(own, 'ref')}".rstrip("#")
    for key in ("file", "path"):
        if text_of(own, key):
            return ("url" if "://" in own[key] and not own[key].startswith("file:") else "path"), own[key]
    return "registry", indexes.get(text_of(own, "index"), "")


def _hashes(own: Mapping[str, Any]) -> tuple[Hash, ...]:
    found = {parse_hash(text) for text in list_of(own, "hashes") if isinstance(text, str)}
    return tuple(sorted(h for h in found if h is not None))


def _properties(own: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    extras = ",".join(sorted(e for e in list_of(own, "extras") if isinstance(e, str)))
    found = {
        "ci-guard:pip:editable": "true" if own.get("editable") is True else "",
        "cdx:python:package:required-extra": extras,
        "ci-guard:pip:specifier": "" if text_of(own, "version").startswith("==") else text_of(own, "version"),
    }
    return tuple(sorted((key, value) for key, value in found.items() if value))
