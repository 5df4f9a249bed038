"""`yarn.lock` of Yarn 2 and later: YAML, entries under their descriptors, each with the locator that it resolved to.

Yarn's checksum is the SHA-512 of the archive that Yarn itself packs (`<cache key>/<hex>`), not of the registry's
tarball: it proves the content to Yarn, and stands here as the hash of that archive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from ci_guard.model.component import Component, Distribution
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import replace
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.assembly import Assembly
from ci_guard.sbom.lockfiles.lines import lock_file
from ci_guard.sbom.lockfiles.lock import MAX_ENTRIES, Lock, local_ref, only_table, refuse, table_of, text_of
from ci_guard.sbom.lockfiles.npm_source import source_of
from ci_guard.sbom.lockfiles.package_json import Asked, asked, may_lack, read_manifest
from ci_guard.source.document import Document

FORMAT = "yarn.lock"
ECOSYSTEM = "npm"

_LOCATOR = re.compile(r"(?P<name>@?[^@]+)@(?P<reference>.*)\Z", re.DOTALL)
_PATCH = re.compile(r"(?P<name>@?[^@]+)@patch:(?P<inner>.*?)#", re.DOTALL)
_PROTOCOL = re.compile(r"[a-z+]+:")
_LOCAL = ("workspace:", "link:", "portal:", "file:")


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every entry with its line; which needs are for development is in the members' own files. Raises LockError."""
    document, table = only_table(path, data, "yaml-1.2")
    version = table_of(table, "__metadata").get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise refuse(document, ("__metadata", "version"), "yarn.lock says no version of its format")
    if len(table) > MAX_ENTRIES:
        raise refuse(document, (), f"more than {MAX_ENTRIES} packages")
    lock = Assembly(path, FORMAT)
    by_descriptor: dict[str, str] = {}
    tables: dict[str, dict[str, Any]] = {}
    for key, own in table.items():
        if key == "__metadata":
            continue
        found = _LOCATOR.match(text_of(own, "resolution")) if isinstance(own, dict) else None
        if found is None:
            lock.refuse(document.locate((key,), key=True), f"{key}: an entry without a `resolution` that names it")
            continue
        ref = lock.add(_component(lock.path, document, key, own, found))
        tables[ref] = own
        by_descriptor.update(dict.fromkeys(_descriptors(key), ref))
    for ref, own in tables.items():
        _connect(lock, by_descriptor, ref, own, beside)
    _finish(lock, document)
    return replace(lock.lock(), default_index=True)


def _descriptors(key: str) -> Iterator[str]:
    """What an entry stands under; a patched package also under the range of the package that it patches."""
    for descriptor in key.split(", "):
        yield descriptor
        patch = _PATCH.match(descriptor)
        if patch is not None:
            yield f"{patch['name']}@patched:{unquote(patch['inner']).rpartition('@')[2].removeprefix('npm:')}"


def _component(path: str, document: Document, key: str, own: dict[str, Any], found: re.Match[str]) -> Component:
    name, reference = found["name"], found["reference"]
    source, url = _source(name, reference)
    local = source in {"workspace", "path"}
    version = str(own.get("version", "")) if not reference.startswith("workspace:") else ""
    patched = (("ci-guard:yarn:patched", "true"),) if reference.startswith("patch:") else ()
    return Component(
        ref=local_ref(ECOSYSTEM, path, url or ".", name) if local else f"{path}#{text_of(own, 'resolution')}",
        name=name,
        version="" if version.startswith("0.0.0-use.local") else version,
        type="application" if source == "workspace" else "library",
        ecosystem=ECOSYSTEM,
        distributions=_archive(own, name),
        source=source,
        source_url=url,
        markers=text_of(own, "conditions"),
        locations=(document.locate((key,), key=True),),
        properties=patched,
    )


def _source(name: str, reference: str) -> tuple[str, str]:
    if reference.startswith("workspace:"):
        return "workspace", reference.partition(":")[2]
    if reference.startswith(_LOCAL):
        return "path", reference.partition(":")[2].partition("::")[0].partition("#")[0]
    if reference.startswith(("npm:", "patch:")):
        archive = unquote(reference.partition("::__archiveUrl=")[2].partition("&")[0])
        return "registry", archive
    return source_of(reference.partition("::")[0], name)


def _archive(own: Mapping[str, Any], name: str) -> tuple[Distribution, ...]:
    """The archive that Yarn packs, with its checksum; no URL has it."""
    digest = parse_hash(f"sha512:{text_of(own, 'checksum').rpartition('/')[2]}")
    file = f"{name.replace('/', '-')}-{own.get('version', '')}.zip"
    return (Distribution("", file, (digest,)),) if digest else ()


def _connect(
    lock: Assembly, by_descriptor: Mapping[str, str], ref: str, own: Mapping[str, Any], beside: ReadBytes
) -> None:
    """Edges; a member's own `package.json` tells development from the rest, which the lock does not."""
    component = lock.components[ref]
    development: Mapping[str, Any] = {}
    if component.source == "workspace":
        lock.roots.append(ref)
        manifest = read_manifest(lock.path, beside, component.source_url)
        development = table_of(manifest.table, "devDependencies") if manifest is not None else {}
    patch = _PATCH.match(text_of(own, "resolution"))
    inner = f"{lock.path}#{unquote(patch['inner'])}" if patch is not None else ""
    if inner in lock.components:
        lock.need(ref, inner)
    for wanted in asked(own):
        kind = "dev-depends-on" if wanted.name in development else wanted.kind
        if kind == "depends-on" and table_of(table_of(own, "dependenciesMeta"), wanted.name).get("optional") is True:
            kind = "optional-depends-on"
        target = _target(by_descriptor, wanted)
        if target is not None:
            lock.need(ref, target, kind)
        elif not may_lack(own, wanted):
            lock.lacks(ref, wanted.name)


def _target(by_descriptor: Mapping[str, str], wanted: Asked) -> str | None:
    """Where a range leads: to the patched package if there is one; a range without a protocol is npm's."""
    plain = wanted.range.removeprefix("npm:")
    forms = [f"{wanted.name}@patched:{plain}", f"{wanted.name}@{wanted.range}"]
    if not _PROTOCOL.match(wanted.range):
        forms += [f"{wanted.name}@npm:{wanted.range}", f"{wanted.name}@workspace:{wanted.range}"]
    return next((by_descriptor[form] for form in forms if form in by_descriptor), None)


def _finish(lock: Assembly, document: Document) -> None:
    if not lock.roots:
        root = lock.add(lock_file(lock.path, document.locate(())))
        lock.roots.append(root)
        lock.incomplete.add(root)
        lock.note("no project stands in this yarn.lock")
        for ref in lock.unneeded():
            lock.need(root, ref)
    lock.scope_by_reach()
