"""What an image contains: itself as a component, its packages, which layer brought each, and what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from ci_guard.model.component import Component, Edge, Inventory
from ci_guard.model.errors import InputError
from ci_guard.model.location import Location
from ci_guard.model.record import replace
from ci_guard.sbom.deployed import Contents
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.images.compression import Limits
from ci_guard.sbom.images.layers import ImageTree
from ci_guard.sbom.images.manifests import Image
from ci_guard.sbom.images.opening import open_tree
from ci_guard.sbom.images.tables import text
from ci_guard.sbom.installed import catalogue
from ci_guard.sbom.installed.databases import WATCHED
from ci_guard.sbom.installed.distribution import OS_RELEASE
from ci_guard.sbom.installed.tree import METADATA_LIMIT, TreeFile
from ci_guard.sbom.purls import build_purl, oci_purl

LAYER = "ci-guard:layer"
_LABELS = {
    "ci-guard:vendor": "org.opencontainers.image.vendor",
    "ci-guard:maintainer": "org.opencontainers.image.authors",
    "ci-guard:image:version": "org.opencontainers.image.version",
    "ci-guard:image:source": "org.opencontainers.image.source",
    "ci-guard:image:revision": "org.opencontainers.image.revision",
    "": "org.opencontainers.image.licenses",
}
"""Property -> label that whoever built the image may have set; "" is the licence."""

_UNNAMED = "image"
_MOST_STATES = 2 * METADATA_LIMIT  # bytes of all states of one database
_NOT_OWNED = "files that no package manager, build record or bill of materials names were not identified"


def image_component(image: Image, repository: str = "") -> Component:
    """The image by the digest of its manifest. Where there is none (older `docker save`) it has no purl with a version:
    the digest of the configuration is the image's id for Docker, and names nothing in a registry.
    """
    named, tag = _reference(image)
    repository = repository or named
    created = text(dict(image.config), "created")
    described = [("ci-guard:image:platform", image.platform), ("ci-guard:image:created", created)]
    described += [("ci-guard:image:config", image.config_digest)]
    labels = {key: text(dict(image.config), "config", "Labels", label) for key, label in _LABELS.items()}
    described += [(key, value) for key, value in labels.items() if key]
    described += [("ci-guard:image:index", digest) for digest in image.indexes]
    described += [("ci-guard:image:reference", name) for name in image.names]
    described += [(f"ci-guard:image:layer:{n:03}", layer.diff_id) for n, layer in enumerate(image.layers)]
    parsed = parse_hash(image.digest)
    purl = oci_purl(repository, image.digest, "" if image.digest else tag) if repository else ""
    if image.digest and not repository:
        purl = build_purl("oci", _UNNAMED, image.digest)
    return Component(
        ref=purl or f"image:{image.config_digest}",
        name=repository or _UNNAMED,
        version=image.digest or image.config_digest,
        type="container",
        purl=purl,
        hashes=(parsed,) if parsed else (),
        licenses=(labels[""],) if labels[""] else (),
        properties=tuple((key, value) for key, value in described if value),
        installed=True,
    )


def _reference(image: Image) -> tuple[str, str]:
    """(repository, tag) of the first reference that is more than a tag; both "" when nothing names the image."""
    for name in image.names:
        head, colon, tag = name.partition("@")[0].rpartition(":")
        if colon and "/" not in tag:
            return head, tag
        if "/" in name:
            return name.partition("@")[0], ""
    return "", ""


def image_inventory(image: Image, limits: Limits, component: Component | None = None) -> Contents:
    """The image and all that is in it; one that cannot be read is there with nothing in it, and `unknown` says so.

    `component` stands for the image where a workload already named it.
    """
    own = component or image_component(image)
    with ExitStack() as keep:
        try:
            found = _contents(own, image, limits, keep)
        except InputError as error:
            lost = (f"{own.ref}: {error}",)
            return Contents((own,), roots=(own.ref,), unknown=lost, unread=lost)
    return found


def _contents(own: Component, image: Image, limits: Limits, keep: ExitStack) -> Contents:
    tree = open_tree(image, limits, keep)
    inside = attributed(tree, catalogue(tree))
    unread = {f"{own.ref}: {text}" for text in inside.unknown}
    notes = {f"{own.ref}: {note}" for note in (*tree.notes, _NOT_OWNED)}
    return Contents(
        components=(own, *inside.components),
        edges=(*inside.edges, *(Edge(own.ref, c.ref, "contains") for c in inside.components)),
        roots=(own.ref,),
        complete=inside.complete,
        unknown=tuple(sorted(unread | notes)),
        unread=tuple(sorted(unread)),
    )


def attributed(tree: ImageTree, inventory: Inventory) -> Inventory:
    """With the layer that added each package: the first from which on all states of its database have it."""
    added: dict[str, dict[str, str]] = {}
    for path, cataloger in WATCHED.items():
        states = tree.versions.get(path, [])
        small = sum(node.size for _, node in states) <= _MOST_STATES  # else: the layer that last wrote it
        if states and small and tree.find(path) is not None:
            added[tree.place(path).path] = _added(tree, path, cataloger)
    return replace(inventory, components=tuple(_with_layer(tree, c, added) for c in inventory.components))


def _with_layer(tree: ImageTree, component: Component, added: dict[str, dict[str, str]]) -> Component:
    for place in component.locations:
        if layer := added.get(place.path, {}).get(component.ref):
            others = [pair for pair in component.properties if pair[0] != LAYER]
            return replace(component, properties=tuple(sorted([*others, (LAYER, layer)])))
    if component.locations and LAYER not in dict(component.properties):
        layer = tree.layer(component.locations[0].path.removeprefix(f"{tree.label}!/"))
        return replace(component, properties=(*component.properties, (LAYER, layer))) if layer else component
    return component


def _added(tree: ImageTree, path: str, cataloger: str) -> dict[str, str]:
    """Ref of a package -> diff id of the layer that added it, by every state that the database was in."""
    since: dict[str, str] = {}
    for index, (layer, _) in enumerate(tree.versions[path]):
        found = catalogue(_Past(tree, path, tree.version(path, index)), (cataloger,))
        diff_id = tree.layers[layer].diff_id
        since = {c.ref: since.get(c.ref, diff_id) for c in found.components}
    return since


class _Past:
    """A tree in which one database is as a layer left it, beside the os-release of the whole image."""

    def __init__(self, tree: ImageTree, path: str, data: bytes) -> None:
        self._tree = tree
        self._path = path
        self._data = data

    def files(self, below: str = "") -> Sequence[TreeFile]:
        """None but the database, which is asked for by name."""
        del below
        return ()

    def find(self, path: str) -> TreeFile | None:
        """The database, or os-release."""
        if path == self._path:
            return TreeFile(path, len(self._data), executable=False)
        return self._tree.find(path) if path in OS_RELEASE else None

    def read(self, path: str, offset: int = 0, length: int = METADATA_LIMIT) -> bytes:
        """Bytes of the database as it was."""
        if path == self._path:
            return self._data[offset : offset + length]
        return self._tree.read(path, offset, length)

    def place(self, path: str, line: int = 0) -> Location:
        """As in the tree."""
        return self._tree.place(path, line)

    def layer(self, path: str) -> str:
        """Not known here: that is what is being found out."""
        del path
        return ""
