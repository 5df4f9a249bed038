"""What is different between two sides, change by change.

Entries of one thing are matched by version first. Of those that only one side has, the newest of both belong together:
one thing may be there in several versions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ci_guard.model.component import Component
from ci_guard.model.record import record, replace
from ci_guard.sbom.comparison.identity import Identity, identity
from ci_guard.sbom.comparison.side import Side
from ci_guard.sbom.comparison.ways import Ways
from ci_guard.sbom.licenses import LicenseExpressions
from ci_guard.sbom.reading.cyclonedx import INSTALL_SCRIPT

KINDS = (
    *("hash", "digest", "source", "install-script", "downgraded", "licence"),
    *("added", "removed", "upgraded", "version", "content"),
)
"""In the order in which they are told. `version`: another version whose order nobody knows; `content`: other bytes of
what has no version, a file of the project."""

Order = Callable[[str, str], Any]
"""(purl, version) -> something that compares with others of its type, None where no order is known."""


@record
class Change:
    """`old` and `new` are versions, hashes, licences or sources, by `kind`; `version` is that of the new side.

    `key` leads to the component in the new side (in the old one if it was removed). `way` is who brings it in.
    """

    kind: str
    name: str
    purl: str
    key: str
    version: str = ""
    old: str = ""
    new: str = ""
    way: tuple[str, ...] = ()
    reached: bool = False


@record
class _Entry:
    key: str
    component: Component
    identity: Identity


_Versions = dict[str, list[_Entry]]


def compare(old: Side, new: Side, order: Order) -> list[Change]:
    """Every change, by kind and name."""
    ways, words = Ways(new), LicenseExpressions()
    before, after = _grouped(old), _grouped(new)
    found: list[Change] = []
    for name in sorted(before.keys() | after.keys()):
        found += _of_one_thing(before.get(name, {}), after.get(name, {}), order, words)
    placed = (c if c.kind == "removed" else replace(c, way=ways.to(c.key), reached=ways.known(c.key)) for c in found)
    return sorted(placed, key=lambda c: (KINDS.index(c.kind), c.name.lower(), c.name, c.version, c.old, c.key))


def _grouped(side: Side) -> dict[str, _Versions]:
    groups: dict[str, _Versions] = defaultdict(lambda: defaultdict(list))
    for key, component in side.components.items():
        entry = _Entry(key, component, identity(component))
        groups[entry.identity.key][entry.identity.version].append(entry)
    return groups


def _of_one_thing(before: _Versions, after: _Versions, order: Order, words: LicenseExpressions) -> Iterator[Change]:
    for version in sorted(before.keys() & after.keys()):
        yield from _of_one_version(before[version], after[version], words)
    gone = _newest_first([v for v in before if v not in after], before, order)
    come = _newest_first([v for v in after if v not in before], after, order)
    for one, other in zip(gone, come, strict=False):
        yield _moved(before[one][0], after[other][0], order)
        yield from _beside(before[one], after[other], words)
    for version in gone[len(come) :]:
        yield _change("removed", before[version][0], old=version)
    for version in come[len(gone) :]:
        yield _change("added", after[version][0], new=version)
        if _runs_script(after[version]):
            yield _change("install-script", after[version][0])


def _newest_first(versions: list[str], entries: _Versions, order: Order) -> list[str]:
    keys = {v: order(entries[v][0].component.purl, v) for v in versions}
    if any(key is None for key in keys.values()):
        return sorted(versions, reverse=True)
    return sorted(sorted(versions), key=lambda v: keys[v], reverse=True)


def _moved(before: _Entry, after: _Entry, order: Order) -> Change:
    """One version in the place of another."""
    one, other = before.identity.version, after.identity.version
    keys = order(before.component.purl, one), order(after.component.purl, other)
    kind = "version" if None in keys or keys[0] == keys[1] else "upgraded" if keys[0] < keys[1] else "downgraded"
    return _change(kind, after, one, other)


def _of_one_version(before: list[_Entry], after: list[_Entry], words: LicenseExpressions) -> Iterator[Change]:
    """The same version on both sides: its content must be the same, too."""
    digests = [{e.identity.digest for e in side if e.identity.digest} for side in (before, after)]
    if all(digests) and digests[0] != digests[1]:
        old_digest, new_digest = (min(d - o or d) for d, o in (digests, digests[::-1]))
        # Without a tag the digest itself is the version, and another one an update like any other.
        yield _change("digest" if after[0].identity.version else "version", after[0], old_digest, new_digest)
    elif not all(digests):
        for old, new_hash in _other_hashes(before, after):
            yield _change("hash" if after[0].identity.version else "content", after[0], old, new_hash)
            break
    yield from _beside(before, after, words)


def _beside(before: list[_Entry], after: list[_Entry], words: LicenseExpressions) -> Iterator[Change]:
    """What may change with the version or without it."""
    licences = [_licence(side, words) for side in (before, after)]
    if all(licences) and licences[0] != licences[1]:
        yield _change("licence", after[0], *licences)
    sources = [next((e.identity.source for e in side if e.identity.source), "") for side in (before, after)]
    if sources[0] != sources[1]:
        home = "the registry of all others"
        yield _change("source", after[0], sources[0] or home, sources[1] or home)
    if _runs_script(after) and not _runs_script(before):
        yield _change("install-script", after[0])


def _runs_script(entries: Iterable[_Entry]) -> bool:
    return any(INSTALL_SCRIPT in e.component.properties for e in entries)


def _licence(entries: Sequence[_Entry], words: LicenseExpressions) -> str:
    stated = sorted({words.spdx(text) or text for e in entries for text in e.component.licenses})
    return " AND ".join(f"({text})" if " " in text and len(stated) > 1 else text for text in stated)


def _other_hashes(before: list[_Entry], after: list[_Entry]) -> Iterator[tuple[str, str]]:
    """Files whose hashes of one algorithm have nothing in common; where a file has no name, those of the version."""
    one, other = _files(before), _files(after)
    shared = sorted(one.keys() & other.keys())
    pairs = [(one[name], other[name]) for name in shared] or [(_all(one), _all(other))]
    for old, new in pairs:
        for algorithm in sorted({a for a, _ in old} & {a for a, _ in new}):
            values = [sorted(f"{a}:{v}" for a, v in side if a == algorithm) for side in (old, new)]
            if set(values[0]).isdisjoint(values[1]):
                yield values[0][0], values[1][0]


_Hashes = set[tuple[str, str]]


def _files(entries: Iterable[_Entry]) -> dict[str, _Hashes]:
    """File name -> its hashes; "" for what is said of the component itself."""
    files: dict[str, _Hashes] = defaultdict(set)
    for entry in entries:
        component = entry.component
        if component.hashes:
            files[""] |= {(h.algorithm, h.value) for h in component.hashes}
        for file in component.distributions:
            if file.hashes:
                name = file.filename or file.url.partition("#")[0].rpartition("/")[2]
                files[name] |= {(h.algorithm, h.value) for h in file.hashes}
    return files


def _all(files: dict[str, _Hashes]) -> _Hashes:
    return {pair for hashes in files.values() for pair in hashes}


def _change(kind: str, entry: _Entry, old: str = "", new: str = "") -> Change:
    component = entry.component
    return Change(kind, component.name, component.purl, entry.key, entry.identity.version, old, new)
