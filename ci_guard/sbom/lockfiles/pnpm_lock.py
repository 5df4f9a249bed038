"""`pnpm-lock.yaml`, versions 5 to 9: packages, their instances with peers, and the importers of a workspace."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record, replace
from ci_guard.sbom.digests import parse_integrity
from ci_guard.sbom.lockfiles.assembly import Assembly
from ci_guard.sbom.lockfiles.lock import (
    MAX_ENTRIES,
    Lock,
    LockError,
    local_ref,
    refuse,
    table_of,
    text_of,
)
from ci_guard.sbom.lockfiles.npm_source import source_of
from ci_guard.sbom.lockfiles.package_json import KINDS, platforms, read_manifest
from ci_guard.sbom.lockfiles.pnpm_keys import candidates, parse_key, without_peers
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read as read_documents

FORMAT = "pnpm-lock.yaml"
ECOSYSTEM = "npm"

_KNOWN = ("5", "6", "7", "9")
_KINDS = dict(KINDS)
_GROUPS = ("dependencies", "optionalDependencies", "devDependencies")


@record(frozen=False)
class _Reader:
    """One document of the lock: where each key of `packages` went."""

    lock: Assembly
    document: Document
    table: dict[str, Any]
    beside: ReadBytes
    refs: dict[str, str] = field(default_factory=dict)
    owners: dict[str, dict[str, Any]] = field(default_factory=dict)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every package with its line. A document before the last one locks pnpm itself. Raises LockError."""
    documents = list(_documents(path, data))
    lock = Assembly(path, FORMAT)
    for document in documents:
        table = document.value if isinstance(document.value, dict) else {}
        version = str(table.get("lockfileVersion", "")).partition(".")[0]
        if version not in _KNOWN:
            raise refuse(
                document, ("lockfileVersion",), f"pnpm-lock version {version or 'none'} is not known, only 5 to 9"
            )
        reader = _Reader(lock, document, table, beside)
        _packages(reader)
        _instances(reader)
        _importers(reader, tools=document is not documents[-1])
    lock.scope_by_reach()
    _unreached(lock)
    return replace(lock.lock(), default_index=True)


def _documents(path: str, data: bytes) -> Iterator[Document]:
    for document in read_documents(path, data, "yaml-1.2"):
        if isinstance(document, Unreadable):
            raise LockError(document)
        if document.duplicates:
            _, where = document.duplicates[0]
            reason = "a key stands here twice: readers disagree about which one counts"
            raise LockError(Unreadable(path, where, reason))
        yield document


def _packages(reader: _Reader) -> None:
    packages = table_of(reader.table, "packages")
    if len(packages) > MAX_ENTRIES:
        raise refuse(reader.document, ("packages",), f"more than {MAX_ENTRIES} packages")
    for key, own in packages.items():
        table = own if isinstance(own, dict) else {}
        parsed = parse_key(key)
        if parsed is None and not text_of(table, "name"):
            place = reader.document.locate(("packages", key), key=True)
            reader.lock.refuse(place, f"{key}: this names no package and no version")
            continue
        reader.refs[key] = reader.lock.add(_component(reader, key, table))
        reader.owners[key] = table


def _component(reader: _Reader, key: str, own: Mapping[str, Any]) -> Component:
    parsed = parse_key(key)
    name = text_of(own, "name") or (parsed.name if parsed else "")
    version = text_of(own, "version") or (parsed.version if parsed else "")
    resolution = table_of(own, "resolution")
    source, url = _source(resolution, name, parsed.host if parsed else "", key)
    hashes = parse_integrity(text_of(resolution, "integrity"))
    files = (Distribution(url, posixpath.basename(url), hashes),) if _is_file(source, url) else ()
    path = reader.document.path
    return Component(
        ref=local_ref(ECOSYSTEM, path, url, name) if source == "path" else f"{path}#{key}",
        name=name,
        version=version,
        ecosystem=ECOSYSTEM,
        hashes=hashes,
        distributions=files,
        source=source,
        source_url=url,
        markers=platforms(own),
        locations=(reader.document.locate(("packages", key), key=True),),
        properties=_properties(own),
    )


def _is_file(source: str, url: str) -> bool:
    return source in {"registry", "url"} and url.startswith(("http://", "https://")) and "." in posixpath.basename(url)


def _source(resolution: Mapping[str, Any], name: str, host: str, key: str) -> tuple[str, str]:
    if text_of(resolution, "repo"):
        repository = text_of(resolution, "repo")
        prefix = "" if repository.startswith(("git+", "git@")) else "git+"
        return "git", f"{prefix}{repository}#{text_of(resolution, 'commit')}"
    if text_of(resolution, "directory"):
        return "path", text_of(resolution, "directory")
    tarball = text_of(resolution, "tarball")
    if tarball.startswith("file:") or "@file:" in key or key.startswith("file:"):
        return "path", (tarball or key.rpartition("file:")[2]).removeprefix("file:")
    if tarball:
        return source_of(tarball, name)
    return "registry", f"https://{host}" if host else ""


def _properties(own: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    flags = {
        "ci-guard:npm:install-script": own.get("requiresBuild") is True,
        "ci-guard:npm:deprecated": isinstance(own.get("deprecated"), str),
        "ci-guard:npm:patched": own.get("patched") is True,
    }
    return tuple((key, "true") for key, on in sorted(flags.items()) if on)


def _instances(reader: _Reader) -> None:
    """Edges: of `packages` themselves up to version 6, of `snapshots` since."""
    snapshots = table_of(reader.table, "snapshots")
    for key, own in (snapshots or table_of(reader.table, "packages")).items():
        ref = reader.refs.get(key) or reader.refs.get(without_peers(key))
        if ref is not None and isinstance(own, dict):
            _connect(reader, ref, own, ".")


def _connect(reader: _Reader, ref: str, own: Mapping[str, Any], folder: str, kinds: Mapping[str, str] = _KINDS) -> None:
    for group in _GROUPS:
        for name, value in table_of(own, group).items():
            reference = text_of(value, "version") if isinstance(value, dict) else str(value)
            target = _target(reader, name, reference, folder)
            if target is not None:
                reader.lock.need(ref, target, kinds[group])
            elif group != "optionalDependencies":
                reader.lock.lacks(ref, name)


def _target(reader: _Reader, name: str, reference: str, folder: str) -> str | None:
    if reference.startswith(("link:", "file:")):
        place = posixpath.normpath(posixpath.join(folder, reference.partition(":")[2]))
        local = reader.refs.get(f"importers/{place}")
        if local is not None or reference.startswith("link:"):
            return local or _linked(reader, name, place)
    return next((reader.refs[key] for key in candidates(name, reference) if key in reader.refs), None)


def _linked(reader: _Reader, name: str, place: str) -> str:
    """A folder that is linked in and no member of the workspace."""
    ref = local_ref(ECOSYSTEM, reader.document.path, place, name)
    if ref not in reader.lock.components:
        where = reader.document.locate(("importers",), key=True)
        linked = Component(ref=ref, name=name, ecosystem=ECOSYSTEM, source="path", source_url=place, locations=(where,))
        reader.lock.add(linked)
        reader.lock.incomplete.add(ref)
    return ref


def _importers(reader: _Reader, *, tools: bool) -> None:
    """The projects of the workspace; without `importers` the document itself is the only one."""
    listed = table_of(reader.table, "importers")
    importers = {k: v for k, v in listed.items() if isinstance(v, dict)} or ({".": reader.table} if not tools else {})
    owners = {}
    for folder in importers:
        ref = _member(reader, folder, ("importers", folder) if listed else ("lockfileVersion",))
        reader.refs[f"importers/{posixpath.normpath(folder)}"] = ref
        owners[ref] = folder
    for ref, folder in owners.items():
        own = importers[folder]
        _connect(reader, ref, own, folder)
        for group in ("configDependencies", "packageManagerDependencies"):
            _connect(reader, ref, {"devDependencies": table_of(own, group)}, folder)


def _member(reader: _Reader, folder: str, node: tuple[str, ...]) -> str:
    """A project, once for all documents; its name and version are in its own file."""
    path = reader.document.path
    manifest = read_manifest(path, reader.beside, folder)
    fallback = posixpath.basename(posixpath.normpath(posixpath.join(posixpath.dirname(path), folder)))
    name = (manifest.name if manifest else "") or fallback.strip(".") or "project"
    ref = local_ref(ECOSYSTEM, path, folder, name)
    if ref in reader.lock.components:
        return ref
    component = Component(
        ref=ref,
        name=name,
        version=manifest.version if manifest else "",
        type="application",
        ecosystem=ECOSYSTEM,
        source="workspace",
        source_url=folder,
        locations=(reader.document.locate(node, key=True),),
    )
    reader.lock.roots.append(reader.lock.add(component))
    return ref


def _unreached(lock: Assembly) -> None:
    """What nobody reaches is locked without a reason that the lock tells."""
    lost = [ref for ref in lock.unneeded() if not lock.components[ref].scope]
    if lost:
        lock.note(f"no project of the workspace needs {len(lost)} of the packages")
