"""Images made from a description in YAML, written by the standard library's tarfile."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import yaml
from backports import zstd

CASES = Path(__file__).parent / "cases"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_PACK = {"gzip": lambda data: gzip.compress(data, mtime=0), "zstd": zstd.compress, "plain": lambda data: data}
_TYPES = {"link": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE, "folder": tarfile.DIRTYPE, "device": tarfile.CHRTYPE}


def digest(data: bytes) -> str:
    """As an image names it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer_tar(entries: list[dict[str, Any]], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """A layer: each entry has `path` and one of `text`, `base64`, `link`, `hardlink`, `folder`, `device`."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tar_format) as tar:
        for entry in entries:
            info = tarfile.TarInfo(entry["path"])
            content = str(entry.get("text", "")).encode()
            if "bytes" in entry:
                content = entry["bytes"]
            info.mode = 0o755 if entry.get("executable") else 0o644
            for kind, flag in _TYPES.items():
                if kind in entry:
                    info.type, info.linkname = flag, entry[kind] if isinstance(entry[kind], str) else ""
            info.size = len(content) if info.type == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


class ImageFiles:
    """The files of a layout, gathered before they are written as a folder or an archive."""

    def __init__(self, labels: dict[str, str] | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.labels = labels

    def blob(self, data: bytes, media_type: str = "") -> dict[str, Any]:
        """Keep a blob; its descriptor."""
        name = digest(data)
        self.files[f"blobs/sha256/{name.removeprefix('sha256:')}"] = data
        return {"mediaType": media_type, "digest": name, "size": len(data)}

    def json(self, value: object, media_type: str) -> dict[str, Any]:
        """Keep a JSON blob; its descriptor."""
        return self.blob(json.dumps(value).encode(), media_type)

    def manifest(self, layers: list[bytes], packing: str, platform: str = "linux/amd64") -> dict[str, Any]:
        """Keep an image; the descriptor of its manifest."""
        system, architecture = platform.split("/")
        config: dict[str, Any] = {"os": system, "architecture": architecture, "created": "2026-01-02T03:04:05Z"}
        config["config"] = {"Labels": self.labels} if self.labels else {}
        config_blob = self.json(
            {**config, "rootfs": {"type": "layers", "diff_ids": [digest(t) for t in layers]}}, _CONFIG
        )
        packed = [self.blob(_PACK[packing](t), f"application/vnd.oci.image.layer.v1.tar+{packing}") for t in layers]
        value = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config_blob, "layers": packed}
        return {**self.json(value, _MANIFEST), "platform": {"os": system, "architecture": architecture}}

    def index(self, manifests: list[dict[str, Any]]) -> None:
        """Write the index of the layout."""
        self.files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
        self.files["index.json"] = json.dumps(
            {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
        ).encode()

    def legacy(self, layers: list[bytes], tags: list[str]) -> None:
        """As older versions of `docker save` write it."""
        config = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [digest(t) for t in layers]}}
        data = json.dumps(config).encode()
        name = digest(data).removeprefix("sha256:") + ".json"
        paths = [f"{digest(t)[7:]}/layer.tar" for t in layers]
        self.files = {name: data, **dict(zip(paths, layers, strict=True))}
        self.files["manifest.json"] = json.dumps([{"Config": name, "RepoTags": tags, "Layers": paths}]).encode()

    def write_folder(self, folder: Path) -> Path:
        """As a folder."""
        for path, data in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        return folder

    def archive(self) -> bytes:
        """As a tar archive."""
        return layer_tar([{"path": path, "bytes": data} for path, data in self.files.items()])


def build(description: dict[str, Any], folder: Path) -> Path:
    """The image of a case: where it lies."""
    image = ImageFiles()
    layers = [layer_tar(layer) for layer in description["layers"]]
    if description.get("form") == "docker-archive":
        image.legacy(layers, description.get("names", []))
        (folder / "image.tar").write_bytes(image.archive())
        return folder / "image.tar"
    manifest = image.manifest(layers, description.get("packing", "gzip"))
    names = description.get("names", [])
    annotated = [{**manifest, "annotations": {"org.opencontainers.image.ref.name": name}} for name in names]
    image.index(annotated or [manifest])
    if description.get("form") == "oci-archive":
        (folder / "image.tar").write_bytes(image.archive())
        return folder / "image.tar"
    return image.write_folder(folder / "layout")


def described(case: str) -> dict[str, Any]:
    """The description of a case."""
    loaded: dict[str, Any] = yaml.safe_load((CASES / case / "image.yaml").read_text("utf-8"))
    return loaded
