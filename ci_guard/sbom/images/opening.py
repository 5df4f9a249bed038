"""`oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, each with `:REFERENCE` or `@DIGEST`; and an image's files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.sbom.images.compression import Limits, unpacked
from ci_guard.sbom.images.layers import ImageTree, Layer
from ci_guard.sbom.images.manifests import Image, images
from ci_guard.sbom.images.span import Span
from ci_guard.sbom.images.store import ArchiveStore, FolderStore, Store
from ci_guard.sbom.images.tar_index import Member, members
from ci_guard.sbom.installed.databases import WATCHED

TRANSPORTS = ("oci:", "oci-archive:", "docker-archive:")
DEFAULT_PLATFORM = "linux/amd64"


@record
class ImagePlace:
    """Where images are stored, as a person names it: the path, and which of several (a reference or a digest)."""

    path: Path
    wanted: str = ""


def image_place(text: str) -> ImagePlace:
    """`oci:DIR[:REFERENCE]` and the like; a bare path is one too. Raises InputError when there is no such file."""
    named = next((text.removeprefix(t) for t in TRANSPORTS if text.startswith(t)), text)
    for cut in _cuts(named):
        if Path(named[:cut]).exists():
            return ImagePlace(Path(named[:cut]), named[cut + 1 :])
    raise InputError(f"{named}: no such file or folder")


def _cuts(text: str) -> list[int]:
    """Where path and reference may part: a path may hold colons, and the longest one that exists is meant."""
    return [len(text), *(i for i in range(len(text) - 1, 0, -1) if text[i] in ":@")]


def open_store(path: Path, limits: Limits, keep: ExitStack) -> Store:
    """The blobs below a folder or in an archive, open until `keep` closes. Raises InputError."""
    if path.is_dir():
        return FolderStore(path, keep)
    try:
        stream = keep.enter_context(path.open("rb"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    return ArchiveStore(Span(stream, 0, stream.seek(0, 2), path.name), limits, keep)


def stored_images(place: ImagePlace, limits: Limits, keep: ExitStack) -> list[Image]:
    """The images at a place: all, or those that the place names. Raises InputError when there is none."""
    found = images(open_store(place.path, limits, keep))
    wanted = [i for i in found if not place.wanted or place.wanted in {i.digest, i.config_digest, *i.indexes, *i.names}]
    if not wanted:
        there = ", ".join(sorted({name for i in found for name in i.names} | {i.digest for i in found})) or "nothing"
        raise InputError(f"{place.path.name}: no image {place.wanted!r}: there is {there}")
    return wanted


def choose(found: Sequence[Image], platform: str) -> Image:
    """The one image for a platform ("" = the only one, else linux/amd64). Raises InputError when several are left."""
    asked = platform or (DEFAULT_PLATFORM if len(found) > 1 else "")
    fit = [image for image in found if is_for(image, asked)]
    if len(fit) == 1:
        return fit[0]
    listed = ", ".join(sorted({f"{i.platform} {' '.join(i.names) or i.digest}" for i in found}))
    problem = f"no image for {asked}" if not fit else "several images: name one as PATH:REFERENCE or PATH@DIGEST"
    raise InputError(f"{problem}; there is {listed}")


def is_for(image: Image, platform: str) -> bool:
    """Whether an image is for a platform (`linux/arm64` is any variant of it, "" is any platform)."""
    return f"{image.platform}/".startswith(f"{platform}/" if platform else "")


def open_tree(image: Image, limits: Limits, keep: ExitStack) -> ImageTree:
    """The files of an image, its layers unpacked and checked. Raises InputError for anything that does not fit."""
    if len(image.layers) > limits.layers:
        raise InputError(f"{image.digest or image.config_digest}: more than {limits.layers} layers")
    tree = ImageTree(label=image.digest or image.config_digest, watched=frozenset(WATCHED))
    budget, count = limits.unpacked, _Count(limits.entries)
    for layer in image.layers:
        archive, diff_id = unpacked(image.blob(layer), limits, budget, keep)
        if diff_id != layer.diff_id:
            raise InputError(f"{layer.digest or layer.path}: unpacks to {diff_id}, not to {layer.diff_id}")
        budget -= archive.length
        tree.add(Layer(archive, diff_id), count.each(members(archive)))
    return tree


class _Count:
    """Lets through only so many members of all layers together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen = 0

    def each(self, found: Iterator[Member]) -> Iterator[Member]:
        for member in found:
            self._seen += 1
            if self._seen > self._most:
                raise InputError(f"more than {self._most} files in one image: refused")
            yield member
