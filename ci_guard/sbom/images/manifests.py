"""From the index of a layout to one image: which manifests there are, for which platform, under which names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.sbom.images.span import Span
from ci_guard.sbom.images.store import Store, blob
from ci_guard.sbom.images.tables import is_digest, parsed, table, tables, text, texts

_DEPTH = 4  # indexes within indexes
_MOST = 1_000  # manifests of one layout
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


@record
class LayerRef:
    """One layer as the image names it: by digest and size, or by path (`docker save`); `diff_id` is of it unpacked."""

    digest: str
    diff_id: str
    size: object = None
    path: str = ""


@record
class Image:
    """One image for one platform. `digest` is its manifest's, "" where there is none (old `docker save`).

    `indexes` are the digests of the indexes that lead to it: a workload may name the image by any of them.
    `names` are the references it is stored under. `platform` is `os/architecture[/variant]`.
    """

    digest: str
    config_digest: str
    platform: str
    names: tuple[str, ...]
    indexes: tuple[str, ...]
    layers: tuple[LayerRef, ...]
    config: Mapping[str, Any]
    store: Store

    def blob(self, layer: LayerRef) -> Span:
        """The bytes of a layer, checked by its digest where it has one. Raises InputError."""
        return _file(self.store, layer.path) if layer.path else blob(self.store, layer.digest, layer.size)


def images(store: Store) -> list[Image]:
    """Every image of a layout or archive, each once, in the order of the index. Raises InputError."""
    index = store.file("index.json")
    if index is not None:
        return list(_indexed(store, table("index.json", index.read())))
    legacy = store.file("manifest.json")
    if legacy is None:
        raise InputError("neither index.json nor manifest.json: no image")
    return [_legacy(store, entry) for entry in tables(parsed("manifest.json", legacy.read()))]


def _indexed(store: Store, index: dict[str, Any]) -> Iterator[Image]:
    found: dict[str, tuple[set[str], set[str]]] = {}
    pending: list[tuple[dict[str, Any], tuple[str, ...], frozenset[str], int]] = [
        (d, (), frozenset(), 0) for d in tables(index.get("manifests"))
    ]
    pending.reverse()
    while pending:
        descriptor, lineage, names, depth = pending.pop()
        names = names | set(_names(descriptor))
        digest = text(descriptor, "digest")
        if _is_evidence(descriptor) or not _is_here(store, digest):
            continue  # a copy for one platform keeps the index of all
        content = table(digest, blob(store, digest, descriptor.get("size")).read())
        if "manifests" in content:
            below = reversed(tables(content["manifests"])) if depth < _DEPTH else ()
            pending += [(d, (*lineage, digest), names, depth + 1) for d in below]
        elif _is_image(content):
            known = found.setdefault(digest, (set(), set()))
            known[0].update(names)
            known[1].update(lineage)
        if len(found) + len(pending) > _MOST:
            raise InputError(f"index.json: more than {_MOST} manifests")
    for digest, (names_of, indexes) in found.items():
        yield _manifest(store, digest, tuple(sorted(names_of)), tuple(sorted(indexes)))


def _names(descriptor: dict[str, Any]) -> list[str]:
    given = [text(descriptor, "annotations", key) for key in _NAMES]
    return [name for name in given if name][:1]


def _is_evidence(descriptor: dict[str, Any]) -> bool:
    """Attestations that buildx keeps beside an image, as a manifest for the platform `unknown/unknown`."""
    kind = text(descriptor, "annotations", "vnd.docker.reference.type")
    return bool(kind) or text(descriptor, "platform", "os") == "unknown"


def _is_here(store: Store, digest: str) -> bool:
    algorithm, _, value = digest.partition(":")
    return not is_digest(digest) or store.file(f"blobs/{algorithm}/{value}") is not None


def _is_image(manifest: dict[str, Any]) -> bool:
    kind = text(manifest, "config", "mediaType")
    return kind.endswith(("image.config.v1+json", "container.image.v1+json")) and isinstance(
        manifest.get("layers"), list
    )


def _manifest(store: Store, digest: str, names: tuple[str, ...], indexes: tuple[str, ...]) -> Image:
    manifest = table(digest, blob(store, digest).read())
    config_digest = text(manifest, "config", "digest")
    config = table(config_digest, blob(store, config_digest, manifest["config"].get("size")).read())
    listed = tables(manifest["layers"])
    diff_ids = _diff_ids(config, len(listed), digest)
    layers = tuple(LayerRef(text(d, "digest"), i, d.get("size")) for d, i in zip(listed, diff_ids, strict=True))
    return Image(digest, config_digest, _platform(config), names, indexes, layers, config, store)


def _diff_ids(config: dict[str, Any], count: int, name: str) -> list[str]:
    rootfs = config.get("rootfs")
    given = texts(rootfs.get("diff_ids")) if isinstance(rootfs, dict) else []
    if len(given) != count or not all(is_digest(d) for d in given):
        raise InputError(f"{name}: {count} layers, and {len(given)} of them in the configuration")
    return given


def _platform(config: dict[str, Any]) -> str:
    return "/".join(part for part in (text(config, key) for key in ("os", "architecture", "variant")) if part)


def _legacy(store: Store, entry: dict[str, Any]) -> Image:
    """An entry of `docker save`'s manifest.json: files by path, the configuration's digest in its name."""
    config_path, paths = text(entry, "Config"), texts(entry.get("Layers"))
    config_file = _file(store, config_path)
    config_digest = config_file.digest("sha256")
    config = table(config_path, config_file.read())
    stem = config_path.rpartition("/")[2].removesuffix(".json")
    if is_digest(f"sha256:{stem}") and f"sha256:{stem}" != config_digest:
        raise InputError(f"{config_path}: the bytes have another digest")
    diff_ids = _diff_ids(config, len(paths), config_path)
    layers = tuple(LayerRef("", diff_id, path=path) for path, diff_id in zip(paths, diff_ids, strict=True))
    names = tuple(sorted(texts(entry.get("RepoTags"))))
    return Image("", config_digest, _platform(config), names, (), layers, config, store)


def _file(store: Store, path: str) -> Span:
    found = store.file(path)
    if found is None:
        raise InputError(f"manifest.json: names {path!r}, which is not here")
    return found
