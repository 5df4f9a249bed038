"""`requirements*.txt` as pip reads it: pinned or not, hashed or not, from an index, a repository, a URL or a folder.

Options of a line and of the file are facts; nothing is resolved, no include is opened, no variable expanded.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from ci_guard.model.component import Component, Edge, Hash
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record, replace
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.direct_reference import Reference, direct_reference, named_reference
from ci_guard.sbom.lockfiles.lock import MAX_ENTRIES, Lock, LockError, source_text
from ci_guard.sbom.lockfiles.requirement_lines import LogicalLine, logical_lines
from ci_guard.sbom.purls import canonical_name
from ci_guard.source.document import Unreadable
from ci_guard.source.text import SourceText

FORMAT = "requirements.txt"
ECOSYSTEM = "PyPI"

_MAX_FILES = 100  # constraints that name constraints; real ones do it once
_MAX_LINE = 65_536  # code points; a requirement with every hash of its release stays far below
_OPTIONS_OF_A_LINE = re.compile(r"\s(?=--(?:hash|global-option|config-settings?|install-option)\b|-C\b)")
_HASH = re.compile(r"\s--hash(?:=|\s+)(\S+)")
_OPTION = re.compile(r"\s*(--?[A-Za-z][A-Za-z-]*)[\s=]*(.*)", re.DOTALL)
_SHORT = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-i": "--index-url", "-f": "--find-links"}
_ALIASES = {"--requirements": "--requirement", "--pypi-url": "--index-url"}
_FACTS = frozenset({"--requirement", "--constraint", "--index-url", "--extra-index-url", "--find-links", "--no-index"})
_OTHERS = frozenset(
    {"--trusted-host", "--pre", "--prefer-binary", "--no-binary", "--only-binary", "--require-hashes", "--use-feature"}
)


@record
class _Requirement:
    """One requirement and where it stands."""

    reference: Reference
    hashes: tuple[Hash, ...]
    location: Location
    editable: bool
    comment: str


@record(frozen=False)
class _File:
    """What one pass over a file collects; `facts` are (option, value, line)."""

    source: SourceText
    requirements: list[_Requirement] = field(default_factory=list)
    facts: list[tuple[str, str, int]] = field(default_factory=list)
    broken: list[Unreadable] = field(default_factory=list)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every requirement of the file with its line, and who needs it as far as the file tells. Raises LockError.

    Constraints (`-c`) are looked up: what they pin is pinned, at their line too.
    """
    file = _read_file(path, data)
    return _lock(file, data, _constraints(file, beside))


def _read_file(path: str, data: bytes) -> _File:
    source = source_text(path, data)
    file = _File(source)
    for count, line in enumerate(logical_lines(source.text)):
        if count >= MAX_ENTRIES:
            raise LockError(Unreadable(path, source.location(line.start, line.start), f"over {MAX_ENTRIES} lines"))
        _read_line(file, line)
    return file


def _constraints(file: _File, beside: ReadBytes) -> dict[str, _Requirement]:
    """Name -> what the constraints of a file, and theirs, pin it to; the first that pins it counts."""
    found: dict[str, _Requirement] = {}
    pending = [file]
    seen = {file.source.path}
    while pending and len(seen) <= _MAX_FILES:
        current = pending.pop(0)
        for path in _paths(current, "constraint"):
            data = beside(path) if path not in seen else None
            seen.add(path)
            if data is None:
                continue
            try:
                constraints = _read_file(path, data)
            except LockError:
                continue  # a file of its own to the walk, which reports it there
            pending.append(constraints)
            for requirement in constraints.requirements:
                if requirement.reference.version:
                    found.setdefault(canonical_name(ECOSYSTEM, requirement.reference.name), requirement)
    return found


def _read_line(file: _File, line: LogicalLine) -> None:
    if len(line.text) > _MAX_LINE:
        _refuse(file, line, f"a line of more than {_MAX_LINE} characters")
    elif not line.text.lstrip().startswith("-"):
        _add(file, line, line.text, editable=False)
    else:
        _read_option(file, line)


def _read_option(file: _File, line: LogicalLine) -> None:
    match = _OPTION.match(line.text)
    short = line.text.lstrip()[:2]
    name, value = (match[1], match[2]) if match else (short, "")
    if short in _SHORT:  # `-rbase.txt` needs no blank
        name, value = _SHORT[short], line.text.lstrip()[2:].lstrip(" \t=")
    name, value = _ALIASES.get(name, name), value.strip()
    if name == "--editable":
        _add(file, line, value, editable=True)
    elif name in _FACTS:
        region = _place(file, line).region
        file.facts.append((name.removeprefix("--"), value, region.start_line if region else 0))
    elif name not in _OTHERS:
        _refuse(file, line, f"pip knows no option {name}")


def _add(file: _File, line: LogicalLine, text: str, *, editable: bool) -> None:
    spec = " ".join(_OPTIONS_OF_A_LINE.split(f" {text}", maxsplit=1)[0].split())
    reference = (None if editable else named_reference(spec)) or direct_reference(spec)
    if reference is None:
        _refuse(file, line, "this is no requirement that pip reads")
        return
    digests = {h for h in map(parse_hash, _HASH.findall(text)) if h is not None}
    place = _place(file, line)
    file.requirements.append(_Requirement(reference, tuple(sorted(digests)), place, editable, line.comment))


def _place(file: _File, line: LogicalLine) -> Location:
    """The line's own text, up to its hashes and options."""
    text = _OPTIONS_OF_A_LINE.split(line.text, maxsplit=1)[0]
    blanks = len(text) - len(text.lstrip())
    return file.source.location(line.start + blanks, line.start + len(text.rstrip()))


def _refuse(file: _File, line: LogicalLine, reason: str) -> None:
    file.broken.append(Unreadable(file.source.path, _place(file, line), reason))


def _lock(file: _File, data: bytes, constraints: Mapping[str, _Requirement]) -> Lock:
    path = file.source.path
    root = _root(file, data)
    components = [_constrained(c, constraints) for c in _components(file)]
    notes = [f"{path}: a requirements file does not say which packages need which others"] if components else []
    notes += [f"{path}: what {value} asks for is read only if it is a file below the root" for value in _remote(file)]
    return Lock(
        components=(root, *components),
        edges=tuple(sorted(set(_edges(file, root.ref, components)))),
        roots=(root.ref,),
        unknown=tuple(notes + [f"{b.path}: {b.reason}" for b in file.broken]),
        path=path,
        format=FORMAT,
        broken=tuple(file.broken),
        includes=tuple(_includes(file)),
    )


def _root(file: _File, data: bytes) -> Component:
    """The file itself: it is what asks for the requirements."""
    path = file.source.path
    return Component(
        ref=f"file:{path}",
        name=posixpath.basename(path),
        type="file",
        hashes=(Hash("sha256", hashlib.sha256(data).hexdigest()),),
        locations=(Location(path),),
        properties=tuple(sorted({(f"ci-guard:pip:{name}", value) for name, value, _ in file.facts})),
    )


def _components(file: _File) -> Iterator[Component]:
    index = _only_index(file)
    seen: Counter[str] = Counter()
    for requirement in file.requirements:
        reference = requirement.reference
        ref = f"{file.source.path}#{canonical_name(ECOSYSTEM, reference.name)}"
        seen[ref] += 1
        yield Component(
            ref=ref if seen[ref] == 1 else f"{ref}+{seen[ref]}",
            name=reference.name,
            version=reference.version,
            ecosystem=ECOSYSTEM,
            hashes=requirement.hashes,
            source=reference.source,
            source_url=reference.url or index,
            markers=reference.marker,
            locations=(requirement.location,),
            properties=_properties(requirement),
        )


def _constrained(component: Component, constraints: Mapping[str, _Requirement]) -> Component:
    """With the version, the hashes and the line of the constraint, where the requirement itself has no pin."""
    pin = constraints.get(canonical_name(ECOSYSTEM, component.name))
    if pin is None or component.version or component.source != "registry":
        return component
    return replace(
        component,
        version=pin.reference.version,
        hashes=component.hashes or pin.hashes,
        locations=(*component.locations, pin.location),
        properties=tuple(p for p in component.properties if p[0] != "ci-guard:pip:specifier"),
    )


def _properties(requirement: _Requirement) -> tuple[tuple[str, str], ...]:
    reference = requirement.reference
    found = {
        "ci-guard:pip:specifier": "" if reference.version else reference.specifier,
        "cdx:python:package:required-extra": ",".join(reference.extras),
        "ci-guard:pip:editable": "true" if requirement.editable else "",
    }
    return tuple(sorted((key, value) for key, value in found.items() if value))


def _only_index(file: _File) -> str:
    """The index that everything comes from, "" when there are several: pip takes from any of them."""
    named = {value for name, value, _ in file.facts if name in {"index-url", "extra-index-url"}}
    extra = any(name == "extra-index-url" for name, _, _ in file.facts)
    return "" if extra or len(named) != 1 else named.pop()


def _includes(file: _File) -> Iterator[tuple[str, int]]:
    for name, value, line in file.facts:
        if name == "requirement" and "://" not in value:
            yield _beside(file, value), line


def _paths(file: _File, option: str) -> list[str]:
    return [_beside(file, value) for name, value, _ in file.facts if name == option and "://" not in value]


def _beside(file: _File, value: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(file.source.path), value))


def _remote(file: _File) -> list[str]:
    return [value for name, value, _ in file.facts if name == "requirement" and "://" in value]


def _edges(file: _File, root: str, components: list[Component]) -> Iterator[Edge]:
    """From the file to each requirement, or from those that pip-compile's `# via` comments name."""
    by_name = {canonical_name(ECOSYSTEM, c.name): c.ref for c in components}
    for requirement, component in zip(file.requirements, components, strict=True):
        wanting = [by_name.get(canonical_name(ECOSYSTEM, name), root) for name in _via(requirement.comment)]
        for ref in wanting or [root]:
            if ref != component.ref:
                yield Edge(ref, component.ref)


def _via(comment: str) -> list[str]:
    """`# via a, b`, or `# via` and a name a line, as pip-compile and uv write it; [] when it is no such comment."""
    lines = [line.lstrip("# \t") for line in comment.split("\n") if line.strip("# \t")]
    if not lines or lines[0].split()[0] != "via":
        return []
    lines[0] = lines[0].removeprefix("via")
    return [name.strip() for line in lines for name in line.split(",") if name.strip()]
