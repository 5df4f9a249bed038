"""`bun.lock`, versions 0 and 1: a tuple a package, under the path at which Node would find it.

    "supports-color/has-flag": ["has-flag@4.0.0", "", {"dependencies": {…}}, "sha512-…"]

The key is the path below `node_modules`, the first text what it resolved to, the second its registry ("" is the
default one; only packages of registries have it), then the package's own needs, then its integrity (of a repository:
the commit).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record, replace
from ci_guard.sbom.digests import parse_integrity
from ci_guard.sbom.lockfiles.assembly import Assembly
from ci_guard.sbom.lockfiles.jsonc import plain_json
from ci_guard.sbom.lockfiles.lines import lock_file
from ci_guard.sbom.lockfiles.lock import (
    MAX_ENTRIES,
    Lock,
    local_ref,
    only_table,
    refuse,
    source_text,
    table_of,
    text_of,
)
from ci_guard.sbom.lockfiles.npm_source import source_of
from ci_guard.sbom.lockfiles.package_json import asked, may_lack, platforms
from ci_guard.source.document import Document

FORMAT = "bun.lock"
ECOSYSTEM = "npm"

_LOCATOR = re.compile(r"(?P<name>@?[^@]+)@(?P<reference>.*)\Z", re.DOTALL)


@record(frozen=False)
class _Reader:
    """Where the packages and the members of one lock went: by key, and by folder."""

    lock: Assembly
    document: Document
    refs: dict[str, str] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:  # noqa: ARG001 - members and their needs stand in it
    """Every package with its line. Raises LockError."""
    text = plain_json(source_text(path, data).text)
    document, table = only_table(path, text.encode("utf-8", "surrogatepass"), "json")
    version = table.get("lockfileVersion")
    if version not in (0, 1) or isinstance(version, bool):
        raise refuse(document, ("lockfileVersion",), f"bun.lock version {version!r} is not known, only 0 and 1")
    packages = table_of(table, "packages")
    if len(packages) > MAX_ENTRIES:
        raise refuse(document, ("packages",), f"more than {MAX_ENTRIES} packages")
    reader = _Reader(Assembly(path, FORMAT), document)
    members = dict(_members(reader, table_of(table, "workspaces")))
    for key, entry in packages.items():
        _package(reader, key, entry, members)
    for key, own in reader.tables.items():
        _connect(reader, reader.refs[key], own, key)
    for folder, own in table_of(table, "workspaces").items():
        if folder in members and isinstance(own, dict):
            _connect(reader, members[folder], own, text_of(own, "name") if folder else "")
    if not members:
        root = reader.lock.add(lock_file(path, document.locate(())))
        reader.lock.roots.append(root)
        reader.lock.incomplete.add(root)
        reader.lock.note("no project stands in this bun.lock")
    reader.lock.scope_by_reach()
    return replace(reader.lock.lock(), default_index=True)


def _members(reader: _Reader, workspaces: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(folder, ref) of the project ("") and the members of its workspace."""
    path = reader.document.path
    for folder, own in workspaces.items():
        place = reader.document.locate(("workspaces", folder), key=True)
        if not isinstance(own, dict):
            reader.lock.refuse(place, f"{folder or 'the project'}: a member must be a table")
            continue
        name = text_of(own, "name") or posixpath.basename(folder or posixpath.dirname(path)) or "project"
        component = Component(
            ref=local_ref(ECOSYSTEM, path, folder or ".", name),
            name=name,
            version=text_of(own, "version"),
            type="application",
            ecosystem=ECOSYSTEM,
            source="workspace",
            source_url=folder or ".",
            locations=(place,),
        )
        ref = reader.lock.add(component)
        reader.lock.roots.append(ref)
        yield folder, ref


def _package(reader: _Reader, key: str, entry: object, members: Mapping[str, str]) -> None:
    place = reader.document.locate(("packages", key), key=True)
    given = entry if isinstance(entry, list) and entry else [None]
    found = _LOCATOR.match(given[0]) if isinstance(given[0], str) else None
    if found is None:
        reader.lock.refuse(place, f"{key}: an entry must begin with a name and what it resolved to")
        return
    name, reference = found["name"], found["reference"]
    folder = reference.partition(":")[2]
    if reference.startswith("workspace:") and folder in members:
        reader.refs[key] = members[folder]
        return
    own = next((part for part in given[1:] if isinstance(part, dict)), {})
    texts = [part for part in given[1:] if isinstance(part, str)]
    component = replace(_component(reader.document.path, name, reference, texts), locations=(place,))
    bundled = (("cdx:npm:package:bundled", "true"),) if own.get("bundled") is True else ()
    component = replace(component, markers=platforms(own), properties=bundled)
    reader.refs[key] = reader.lock.add(component)
    reader.tables[key] = own


def _component(path: str, name: str, reference: str, texts: list[str]) -> Component:
    """`texts` are what stands in the tuple beside the locator and the table: registry, integrity, commit."""
    source, url = _source(name, reference, texts)
    hashes = parse_integrity(texts[-1]) if texts else ()
    files = (Distribution(url, posixpath.basename(url), hashes),) if source == "url" else ()
    return Component(
        ref=local_ref(ECOSYSTEM, path, url, name) if source == "path" else f"{path}#{name}@{reference}",
        name=name,
        version=reference if source == "registry" else "",
        ecosystem=ECOSYSTEM,
        hashes=hashes,
        distributions=files,
        source=source,
        source_url=url,
    )


def _source(name: str, reference: str, texts: list[str]) -> tuple[str, str]:
    if reference.startswith(("root:", "workspace:", "link:", "file:")):
        return "path", reference.partition(":")[2] or "."
    if ":" not in reference:
        return "registry", texts[0] if len(texts) > 1 else ""
    source, url = source_of(reference, name)
    return ("url", url) if source == "registry" else (source, url)


def _connect(reader: _Reader, ref: str, own: Mapping[str, Any], key: str) -> None:
    for wanted in asked(own):
        target = _resolve(reader.refs, key, wanted.name)
        if target is not None:
            reader.lock.need(ref, target, wanted.kind)
        elif not may_lack(own, wanted):
            reader.lock.lacks(ref, wanted.name)


def _resolve(refs: Mapping[str, str], key: str, name: str) -> str | None:
    """The nearest entry upwards: `a/b/name`, `a/name`, `name`. Scopes are folders too, which does no harm."""
    while key:
        found = refs.get(f"{key}/{name}")
        if found is not None:
            return found
        key = key.rpartition("/")[0]
    return refs.get(name)
