"""Software components and how they hang together: what lockfiles, images and manifests are read into."""

from __future__ import annotations

from ci_guard.model.location import Location
from ci_guard.model.record import field, record


@record(order=True)
class Hash:
    """A digest of a distribution: `algorithm` as `sha256`, `sha512`, `sha1`, `md5`; `value` lower-case hex."""

    algorithm: str
    value: str


@record
class Distribution:
    """One downloadable file of a component (a wheel, an sdist, a tarball)."""

    url: str = ""
    filename: str = ""
    hashes: tuple[Hash, ...] = ()


@record
class Component:
    """One package, image, file or workload.

    `ref` is unique in an inventory (the purl where there is one). `type` is CycloneDX's component type
    (`library`, `container`, `application`, `file`). `ecosystem` is OSV's name (`PyPI`, `npm`, …).
    `source` is where the lock says it comes from: `registry`, `git`, `url`, `path`, `workspace` or "".
    `scope` is `required`, `optional` or `dev`. `copyright` is what the package's own files state, a line each.
    `installed`: the package itself was read, not only what a lock says of it. Unknown is "", never a guess.
    """

    ref: str
    name: str
    version: str = ""
    type: str = "library"
    purl: str = ""
    ecosystem: str = ""
    hashes: tuple[Hash, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    source: str = ""
    source_url: str = ""
    scope: str = "required"
    markers: str = ""
    licenses: tuple[str, ...] = ()
    locations: tuple[Location, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    copyright: str = ""
    installed: bool = False


@record(order=True)
class Edge:
    """`source` depends on (or runs, or contains) `target`; both are `Component.ref`."""

    source: str
    target: str
    kind: str = "depends-on"


@record
class Inventory:
    """Components and edges of one scan; `roots` are the refs nobody else needs to explain.

    `complete` names the refs whose edges are known to be all there; `unknown` says in words what could not be read.
    """

    components: tuple[Component, ...] = ()
    edges: tuple[Edge, ...] = ()
    roots: tuple[str, ...] = ()
    complete: frozenset[str] = field(default_factory=frozenset)
    unknown: tuple[str, ...] = ()
