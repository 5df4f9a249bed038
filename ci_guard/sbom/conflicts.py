"""One name, two contents: entries of all locks that name one file with different hashes, one tag with two digests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ci_guard.model.component import Component, Hash
from ci_guard.model.location import Location
from ci_guard.model.record import record
from ci_guard.sbom.digests import strength
from ci_guard.sbom.inventory import place_key
from ci_guard.sbom.lockfiles.lock import Lock

_MANY_FILES = frozenset({"PyPI", "Maven"})
"""Ecosystems in which one version has several files: only files of one name can be compared."""


@record
class Conflict:
    """An entry, its digest, and the other digest with its place."""

    component: Component
    place: Location
    digest: str
    other: str
    other_place: Location


def hash_conflicts(locks: Iterable[Lock]) -> Iterator[Conflict]:
    """Entries whose file has another hash than the same file elsewhere has, in the order of their places."""
    seen: dict[tuple[str, str, str], tuple[frozenset[str], Location]] = {}
    for component, place in _placed(c for lock in locks for c in lock.components if c.type == "library" and c.purl):
        for file, hashes in _files(component):
            for algorithm in sorted({h.algorithm for h in hashes if strength(h.algorithm) == "strong"}):
                values = frozenset(h.value for h in hashes if h.algorithm == algorithm)
                first, where = seen.setdefault((component.purl, file, algorithm), (values, place))
                if first.isdisjoint(values):
                    yield Conflict(component, place, _shown(algorithm, values), _shown(algorithm, first), where)


def digest_conflicts(images: Iterable[Component]) -> Iterator[Conflict]:
    """Images of one tag with another digest than elsewhere. `name` is the repository, `properties` hold the tag."""
    seen: dict[tuple[str, str], tuple[str, Location]] = {}
    for component, place in _placed(images):
        tag = next((v for k, v in component.properties if k.endswith(":tag")), "")
        if not tag or not component.hashes:
            continue
        digest, where = seen.setdefault((component.name, tag), (component.version, place))
        if digest != component.version:
            yield Conflict(component, place, component.version, digest, where)


def _placed(components: Iterable[Component]) -> list[tuple[Component, Location]]:
    return sorted(((c, c.locations[0]) for c in components if c.locations), key=lambda pair: place_key(pair[1]))


def _files(component: Component) -> Iterator[tuple[str, frozenset[Hash]]]:
    """(file name, hashes of which any may be met); "" for the one file of a version."""
    if component.ecosystem == "Go":  # go.sum means each of its lines
        yield from (("", frozenset({h})) for h in component.hashes)
    elif component.ecosystem in _MANY_FILES:
        yield from ((f.filename, frozenset(f.hashes)) for f in component.distributions if f.filename)
    else:
        yield "", frozenset({*component.hashes, *(h for f in component.distributions for h in f.hashes)})


def _shown(algorithm: str, values: Iterable[str]) -> str:
    return f"{algorithm}:{min(values)[:16]}…"
