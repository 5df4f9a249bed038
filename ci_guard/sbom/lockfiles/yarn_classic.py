"""`yarn.lock` version 1: entries under the ranges that they satisfy, in Yarn's own syntax.

"@scope/name@^1.0", name@~1.1:
version "1.1.0"
resolved "https://registry.example/name/-/name-1.1.0.tgz#<sha1>"
integrity sha512-…
dependencies:
other "^2.0"
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ci_guard.model.component import Component, Distribution, Hash
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record
from ci_guard.sbom.digests import parse_hash, parse_integrity
from ci_guard.sbom.lockfiles.assembly import Assembly
from ci_guard.sbom.lockfiles.lines import Line, bounded, lines, lock_file
from ci_guard.sbom.lockfiles.lock import Lock, local_ref, source_text, text_of
from ci_guard.sbom.lockfiles.npm_source import source_of
from ci_guard.sbom.lockfiles.package_json import Manifest, asked, may_lack, read_manifest
from ci_guard.source.text import SourceText

FORMAT = "yarn.lock"
ECOSYSTEM = "npm"

_PATTERN = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^",\s][^",]*)')
_FIELD = re.compile(r'(?P<key>"(?:[^"\\]|\\.)*"|[^\s"]+)(?:\s+(?P<value>\S.*))?\Z')
_NAME = re.compile(r"(?P<name>@?[^@]+)(?:@(?P<range>.*))?\Z", re.DOTALL)
_ALIAS = re.compile(r"npm:(?P<name>@?[^@]+)(?:@|\Z)")
_UNLOCKED = ("workspace:", "*", "file:", "link:")  # what may be a member, which Yarn 1 does not lock
_FETCHED = re.compile(r"/(?P<name>(?:@[^/]+(?:/|%2[fF]))?[^/@]+)/-/[^/]+\Z")
_SHA1 = re.compile(r"#(?P<sha1>[0-9a-f]{40})\Z")


@record(frozen=False)
class _Entry:
    """One entry: the patterns that it satisfies, its fields, and the table that is being read."""

    patterns: list[str]
    line: Line
    fields: dict[str, Any] = field(default_factory=dict)
    table: dict[str, Any] | None = None


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every entry with its line; what the project asks for is in the `package.json` beside it. Raises LockError."""
    source = source_text(path, data)
    lock = Assembly(path, FORMAT)
    entries = list(_entries(lock, source))
    bounded(source, len(entries))
    by_pattern: dict[str, str] = {}
    refs = []
    for entry in entries:
        ref = lock.add(_component(path, entry, entry.line.part(source, entry.patterns[0])))
        refs.append(ref)
        by_pattern.update(dict.fromkeys(entry.patterns, ref))
    for ref, entry in zip(refs, entries, strict=True):
        _connect(lock, by_pattern, ref, entry.fields)
    _roots(lock, by_pattern, beside, source.location(0, 0))
    return lock.lock()


def _entries(lock: Assembly, source: SourceText) -> Iterator[_Entry]:
    entry: _Entry | None = None
    for line in lines(source):
        body = line.text.strip()
        if not body or body.startswith("#"):
            continue
        depth = len(line.text) - len(line.text.lstrip(" "))
        if depth == 0:
            if entry is not None:
                yield entry
            entry = _header(lock, source, line, body)
        elif entry is None or not _take(entry, body, depth):
            lock.refuse(line.place(source), "this is no line of a yarn.lock")
    if entry is not None:
        yield entry


def _take(entry: _Entry, body: str, depth: int) -> bool:
    """One line below a header: a field, the head of a table, or a line of that table."""
    found = _FIELD.match(body)
    if found is None:
        return False
    key = _plain(found["key"])
    if found["value"] is None:
        entry.table = entry.fields.setdefault(key.rstrip(":"), {}) if depth == 2 else None
        return depth == 2
    target = entry.fields if depth == 2 else entry.table
    if not isinstance(target, dict):
        return False
    target[key] = _plain(found["value"])
    return True


def _header(lock: Assembly, source: SourceText, line: Line, body: str) -> _Entry | None:
    found = _PATTERN.finditer(body.removesuffix(":"))
    patterns = [m["quoted"] or m["plain"].strip() for m in found if m[0].strip('" ')]
    if not body.endswith(":") or not patterns:
        lock.refuse(line.place(source), "this is no entry of a yarn.lock")
        return None
    return _Entry(patterns, line)


def _plain(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _component(path: str, entry: _Entry, place: Location) -> Component:
    own = entry.fields
    name, wanted = name_and_range(entry.patterns[0])
    alias = _ALIAS.match(wanted)
    name = alias["name"] if alias else name
    # Yarn fetches the address, whatever name stands above it.
    fetched = _FETCHED.search(text_of(own, "resolved").partition("#")[0])
    name = unquote(fetched["name"]) if fetched else name
    version, url = text_of(own, "version"), text_of(own, "resolved")
    source, url = source_of(url or (wanted if wanted.startswith(("file:", "link:")) else ""), name)
    hashes, url = _hashes(own, source, url)
    files = (Distribution(url, posixpath.basename(url), hashes),) if source in {"registry", "url"} and url else ()
    return Component(
        ref=f"{path}#{name}@{version}",
        name=name,
        version=version,
        ecosystem=ECOSYSTEM,
        hashes=hashes,
        distributions=files,
        source=source,
        source_url=url,
        locations=(place,),
    )


def name_and_range(pattern: str) -> tuple[str, str]:
    """`@scope/name@range` apart; what has no name of its own (an address) is called like its last part."""
    found = _NAME.match(pattern)
    name = (found["name"] if found else "") or pattern
    if "://" in name:
        return posixpath.basename(name.partition("#")[0]) or name, pattern
    return name, (found["range"] if found else "") or ""


def _hashes(own: dict[str, Any], source: str, url: str) -> tuple[tuple[Hash, ...], str]:
    """The integrity, else the SHA-1 behind the address, which old entries have alone; and the address without it."""
    found = parse_integrity(text_of(own, "integrity"))
    sha1 = _SHA1.search(url) if source in {"registry", "url"} else None
    weak = parse_hash(f"sha1:{sha1['sha1']}") if sha1 and not found else None
    return found or ((weak,) if weak else ()), url[: sha1.start()] if sha1 else url


def _connect(lock: Assembly, by_pattern: dict[str, str], ref: str, own: dict[str, Any]) -> None:
    for wanted in asked(own):
        target = by_pattern.get(f"{wanted.name}@{wanted.range}") or by_pattern.get(wanted.name)
        if target is not None:
            lock.need(ref, target, wanted.kind)
        elif not may_lack(own, wanted):
            lock.lacks(ref, wanted.name)


def _roots(lock: Assembly, by_pattern: dict[str, str], beside: ReadBytes, place: Location) -> None:
    """The project and its members, as far as `package.json` files name their folders one by one."""
    project = read_manifest(lock.path, beside)
    if project is None:
        root = lock.add(lock_file(lock.path, place))
        lock.roots.append(root)
    else:
        root = _member(lock, by_pattern, project, ".", place)
        for folder in project.workspaces():
            member = read_manifest(lock.path, beside, folder) if "*" not in folder else None
            if member is not None:
                _member(lock, by_pattern, member, folder, place)
    left = lock.unneeded()
    if left or project is None:
        lock.incomplete.add(root)
        lock.note("a yarn.lock of version 1 does not say which packages the project and its members ask for")
    # Whatever is reached only from here may be for development: nobody knows.
    lock.scope_by_reach()
    for ref in left:
        lock.need(root, ref)


def _member(lock: Assembly, by_pattern: dict[str, str], manifest: Manifest, folder: str, place: Location) -> str:
    name = manifest.name or posixpath.basename(posixpath.dirname(lock.path)) or "project"
    ref = lock.add(
        Component(
            ref=local_ref(ECOSYSTEM, lock.path, folder, name),
            name=name,
            version=manifest.version,
            type="application",
            ecosystem=ECOSYSTEM,
            source="workspace",
            source_url=folder,
            locations=(place,),
        )
    )
    lock.roots.append(ref)
    for wanted in asked(manifest.table):
        target = by_pattern.get(f"{wanted.name}@{wanted.range}")
        if target is not None:
            lock.need(ref, target, wanted.kind)
        elif not may_lack(manifest.table, wanted) and not wanted.range.startswith(
            ("workspace:", "*", "file:", "link:")
        ):
            lock.lacks(ref, wanted.name)
    return ref
