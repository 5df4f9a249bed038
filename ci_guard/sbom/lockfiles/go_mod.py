"""`go.mod` with the `go.sum` beside it: required modules, what replaces them, and their hashes.

go.mod tells which modules the main module asks for itself and which are there for the sake of others, but not whose;
since Go 1.17 it lists all that a build can reach.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ci_guard.model.component import Component, Edge
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record
from ci_guard.sbom.lockfiles.go_sum import Sums, read_sums
from ci_guard.sbom.lockfiles.lines import Line, Refs, bounded, lines, unreadable
from ci_guard.sbom.lockfiles.lock import Lock, LockError, local_ref, source_text
from ci_guard.source.document import Unreadable
from ci_guard.source.text import SourceText

FORMAT = "go.mod"
ECOSYSTEM = "Go"

_TOKEN = re.compile(r'"[^"]*"|`[^`]*`|[()]|=>|,|[^\s()",`]+')
_COMMENT = re.compile(r"//.*\Z")
_INDIRECT = re.compile(r"//\s*indirect(?:;|\s|\Z)")
_VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?\Z")
_GO = re.compile(r"([0-9]+)\.([0-9]+)")
_DIRECTIVES = frozenset(
    {"module", "go", "toolchain", "godebug", "require", "exclude", "replace", "retract", "tool", "ignore"}
)
_COMPLETE_SINCE = (1, 17)
_LOCAL = ("./", "../", "/")


@record
class _Module:
    """A module version (or, in a replacement, a folder and "") and where it is written."""

    name: str
    version: str
    place: Location
    indirect: bool = False


@record(frozen=False)
class _File:
    """What one pass over go.mod collects."""

    source: SourceText
    module: str = ""
    module_place: Location | None = None
    go: str = ""
    requires: list[_Module] = field(default_factory=list)
    replaces: dict[tuple[str, str], _Module] = field(default_factory=dict)
    excluded: set[tuple[str, str]] = field(default_factory=set)
    broken: list[Unreadable] = field(default_factory=list)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every required module with its replacement and hash. Raises LockError."""
    file = _File(source_text(path, data))
    for count, (directive, tokens, line) in enumerate(_statements(file.source)):
        bounded(file.source, count)
        _take(file, directive, tokens, line)
    sums, broken, note = _sums(path, beside)
    return _lock(file, sums, broken, note)


def _sums(path: str, beside: ReadBytes) -> tuple[Sums | None, list[Unreadable], str]:
    """The hashes of go.sum (None when there is none), its broken lines, and what to say when there are none."""
    where = posixpath.join(posixpath.dirname(path), "go.sum")
    data = beside(where)
    if data is None:
        return None, [], "there is no go.sum beside it"
    try:
        sums, broken = read_sums(where, data)
    except LockError as error:
        return None, [error.unreadable], "its go.sum cannot be read"
    return sums, broken, ""


def _statements(source: SourceText) -> Iterator[tuple[str, list[str], Line]]:
    """(directive, arguments, line) with blocks unrolled. Raises LockError for a block that nobody closes."""
    block, opened = "", Line("", 0)
    for line in lines(source):
        tokens = [t.strip('"`') for t in _TOKEN.findall(_COMMENT.sub("", line.text))]
        if not tokens:
            continue
        if block:
            if tokens == [")"]:
                block = ""
            else:
                yield block, tokens, line
        elif tokens[-1] == "(" and len(tokens) == 2:
            block, opened = tokens[0], line
        else:
            yield tokens[0], tokens[1:], line
    if block:
        raise unreadable(source, opened.start, opened.start + len(opened.text), f"the block of `{block}` never ends")


def _take(file: _File, directive: str, tokens: list[str], line: Line) -> None:
    if directive == "module" and len(tokens) == 1:
        file.module, file.module_place = tokens[0], line.part(file.source, tokens[0])
    elif directive == "go" and len(tokens) == 1:
        file.go = tokens[0]
    elif directive == "require":
        _require(file, tokens, line)
    elif directive == "replace":
        _replace(file, tokens, line)
    elif directive == "exclude" and len(tokens) == 2:
        file.excluded.add((tokens[0], tokens[1]))
    elif directive not in _DIRECTIVES:
        _refuse(file, line, f"`{directive[:40]}` is no directive of go.mod")


def _refuse(file: _File, line: Line, reason: str) -> None:
    file.broken.append(Unreadable(file.source.path, line.place(file.source), reason))


def _require(file: _File, tokens: list[str], line: Line) -> None:
    if len(tokens) != 2 or not _VERSION.match(tokens[1]):
        _refuse(file, line, "`require` takes a module and a version such as v1.2.3")
        return
    indirect = _INDIRECT.search(line.text) is not None
    file.requires.append(_Module(tokens[0], tokens[1], line.part(file.source, tokens[0]), indirect))


def _replace(file: _File, tokens: list[str], line: Line) -> None:
    arrow = tokens.index("=>") if "=>" in tokens else 0
    old, new = tokens[:arrow], tokens[arrow + 1 :]
    local = bool(new) and new[0].startswith(_LOCAL)
    if not 1 <= len(old) <= 2 or len(new) != (1 if local else 2):
        _refuse(file, line, "`replace` takes a module, `=>`, and a folder or a module with its version")
        return
    replacement = _Module(new[0], "" if local else new[1], line.part(file.source, new[0]))
    file.replaces[old[0], old[1] if len(old) == 2 else ""] = replacement


def _lock(file: _File, sums: Sums | None, broken: list[Unreadable], note: str) -> Lock:
    path = file.source.path
    root = _root(file)
    refs = Refs(path)
    components, edges = [root], []
    left_out = [w for w in file.requires if (w.name, w.version) in file.excluded]
    for wanted in (w for w in file.requires if w not in left_out):
        component = _component(file, wanted, sums or {}, refs)
        components.append(component)
        edges.append(Edge(root.ref, component.ref, "indirectly-depends-on" if wanted.indirect else "depends-on"))
    unknown = [f"{path}: go.mod does not say which module needs which"] if len(components) > 1 else []
    if file.requires and not _is_complete(file.go):
        unknown.append(f"{path}: before Go 1.17 go.mod lists only what the module asks for itself")
    unknown += [
        f"{path}: {w.name} {w.version} is excluded; which version takes its place is not told" for w in left_out
    ]
    every = [*file.broken, *broken]
    return Lock(
        components=tuple(components),
        edges=tuple(sorted(set(edges))),
        roots=(root.ref,),
        complete=frozenset({root.ref}) if _is_complete(file.go) and not every and not left_out else frozenset(),
        unknown=tuple(sorted(unknown)) + tuple(f"{b.path}: {b.reason}" for b in every),
        path=path,
        format=FORMAT,
        broken=tuple(every),
        hashless=note if sums is None else "",
    )


def _is_complete(go: str) -> bool:
    found = _GO.match(go)
    return found is not None and (int(found[1][:6]), int(found[2][:6])) >= _COMPLETE_SINCE


def _root(file: _File) -> Component:
    path = file.source.path
    name = file.module or path
    return Component(
        ref=local_ref(ECOSYSTEM, path, ".", name),
        name=name,
        type="application",
        ecosystem=ECOSYSTEM,
        source="workspace",
        source_url=".",
        locations=(file.module_place or file.source.location(0, 0),),
    )


def _component(file: _File, wanted: _Module, sums: Sums, refs: Refs) -> Component:
    """A required module, or what the main module puts in its place."""
    replaced = file.replaces.get((wanted.name, wanted.version)) or file.replaces.get((wanted.name, ""))
    used = replaced or wanted
    properties = [("ci-guard:go:indirect", "true")] if wanted.indirect else []
    if replaced is not None:
        properties.append(("ci-guard:go:replaces", f"{wanted.name}@{wanted.version}"))
    local = replaced is not None and not replaced.version
    found = sums.get((used.name, used.version), ())
    return Component(
        ref=refs.new(wanted.name if local else used.name, "" if local else used.version),
        name=wanted.name if local else used.name,
        version="" if local else used.version,
        ecosystem=ECOSYSTEM,
        hashes=tuple(digest for digest, _ in found),
        source="path" if local else "registry",
        source_url=used.name if local else "",
        locations=(wanted.place, *((replaced.place,) if replaced else ()), *(place for _, place in found)),
        properties=tuple(sorted(properties)),
    )
