"""`Gemfile.lock` and `gems.locked`: gems from registries, repositories and folders, with checksums and edges."""

from __future__ import annotations

import re
from collections import defaultdict

from ci_guard.model.component import Component, Edge, Hash
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lines import Line, Refs, bounded, lines, lock_file
from ci_guard.sbom.lockfiles.lock import Lock, LockError, source_text
from ci_guard.source.document import Unreadable
from ci_guard.source.text import SourceText

FORMAT = "Gemfile.lock"
ECOSYSTEM = "RubyGems"

_VARIANTS = 64  # entries of one name: RubyGems knows a dozen platforms
_SOURCES = {"GEM": "registry", "GIT": "git", "PATH": "path", "PLUGIN SOURCE": "url"}
_OPTION = re.compile(r"  ([a-z]+): (.*)\Z")
_SPEC = re.compile(r"    (?P<name>[^\s()!]+)(?: \((?P<version>[^()\s-]*)(?:-(?P<platform>[^()\s]*))?\))?!?\Z")
_NEED = re.compile(r"      (?P<name>[^\s()!]+)(?: \([^()]*\))?!?\Z")
_WANTED = re.compile(r"  (?P<name>[^\s()!]+)(?: \([^()]*\))?!?\Z")
_CHECKSUM = re.compile(r"  (?P<name>\S+) \((?P<version>[^()\s]+)\)(?: (?P<sums>\S+))?\Z")


@record(frozen=False)
class _Gem:
    """One `name (version)` below `specs:`."""

    name: str
    version: str
    platform: str
    source: str
    url: str
    place: Location
    needs: list[str] = field(default_factory=list)


@record(frozen=False)
class _File:
    """What one pass over a lock collects; `options` are those of the section that is being read."""

    source: SourceText
    section: str = ""
    options: dict[str, str] = field(default_factory=dict)
    gems: list[_Gem] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    sums: dict[tuple[str, str], set[Hash]] = field(default_factory=lambda: defaultdict(set))
    has_sums: bool = False
    broken: list[Unreadable] = field(default_factory=list)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:  # noqa: ARG001 - a Gemfile is a program
    """Every gem of the lock. Raises LockError."""
    file = _File(source_text(path, data))
    for count, line in enumerate(lines(file.source)):
        bounded(file.source, count)
        if line.text and not line.text[0].isspace():
            file.section, file.options = line.text.strip(), {}
            file.has_sums = file.has_sums or file.section == "CHECKSUMS"
        elif line.text.strip():
            _take(file, line)
    return _lock(file)


def _take(file: _File, line: Line) -> None:
    if file.section in _SOURCES:
        _source_line(file, line)
    elif file.section == "DEPENDENCIES":
        found = _WANTED.match(line.text.rstrip())
        if found:
            file.wanted.append(found["name"])
        else:
            _refuse(file, line, "this is no dependency: name (requirement)")
    elif file.section == "CHECKSUMS":
        _checksum(file, line)
    elif not file.section:
        _refuse(file, line, "this stands before the first section")


def _refuse(file: _File, line: Line, reason: str) -> None:
    file.broken.append(Unreadable(file.source.path, line.place(file.source), reason))


def _source_line(file: _File, line: Line) -> None:
    text = line.text.rstrip()
    option, spec, need = _OPTION.match(text), _SPEC.match(text), _NEED.match(text)
    if option:
        file.options.setdefault(option[1], option[2].strip())
    elif spec:
        kind, url = _SOURCES[file.section], _url(file)
        place = line.part(file.source, text.strip())
        file.gems.append(_Gem(spec["name"], spec["version"] or "", spec["platform"] or "", kind, url, place))
    elif need and file.gems:
        file.gems[-1].needs.append(need["name"])
    elif text.strip() != "specs:":
        _refuse(file, line, "this is neither an option nor a gem")


def _url(file: _File) -> str:
    remote, revision = file.options.get("remote", ""), file.options.get("revision", "")
    if file.section != "GIT":
        return remote
    return f"git+{remote.removeprefix('git+')}" + (f"#{revision}" if revision else "")


def _checksum(file: _File, line: Line) -> None:
    found = _CHECKSUM.match(line.text.rstrip())
    if found is None:
        _refuse(file, line, "this is no checksum: name (version) sha256=…")
        return
    for one in (found["sums"] or "").split(","):
        digest = parse_hash(one.replace("=", ":", 1))
        if digest is not None:
            file.sums[found["name"], found["version"]].add(digest)
        elif one:
            _refuse(file, line, f"{found['name']}: `{one[:80]}` is no checksum")


def _lock(file: _File) -> Lock:
    path = file.source.path
    refs = Refs(path)
    own = lock_file(path, file.source.location(0, 0))
    entries = [(gem, _component(file, gem, refs)) for gem in file.gems]
    by_name: dict[str, list[str]] = defaultdict(list)
    for gem, component in entries:
        by_name[gem.name].append(component.ref)
        if len(by_name[gem.name]) > _VARIANTS:
            raise LockError(Unreadable(path, gem.place, f"{gem.name} stands here more than {_VARIANTS} times"))
    edges = {Edge(own.ref, ref) for name in set(file.wanted) for ref in by_name[name]}
    unknown, incomplete = set(), set()
    for gem, component in entries:
        for name in gem.needs:
            edges |= {Edge(component.ref, ref) for ref in by_name.get(name, ())}
            if not by_name.get(name) and name != "bundler":  # bundler locks all but itself
                incomplete.add(component.ref)
                unknown.add(f"{path}: {gem.name} needs {name}, which is not locked")
    components = (own, *(component for _, component in entries))
    return Lock(
        components=components,
        edges=tuple(sorted(e for e in edges if e.source != e.target)),
        roots=(own.ref,),
        complete=frozenset(c.ref for c in components) - incomplete,
        unknown=tuple(sorted(unknown)) + tuple(f"{b.path}: {b.reason}" for b in file.broken),
        path=path,
        format=FORMAT,
        broken=tuple(file.broken),
        hashless="" if file.has_sums else "it has no section CHECKSUMS",
    )


def _component(file: _File, gem: _Gem, refs: Refs) -> Component:
    full = f"{gem.version}-{gem.platform}" if gem.platform else gem.version
    return Component(
        ref=refs.new(gem.name, full),
        name=gem.name,
        version=gem.version,
        ecosystem=ECOSYSTEM,
        hashes=tuple(sorted(file.sums.get((gem.name, full), ()))),
        source=gem.source,
        source_url=gem.url,
        scope="",
        locations=(gem.place,),
        properties=(("ci-guard:gem:platform", gem.platform),) if gem.platform else (),
    )
