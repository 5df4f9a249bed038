"""An image in a registry as a layout: its blobs come one by one, are checked, and lie in unnamed temporary files."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from typing import Any, BinaryIO, cast

from ci_guard.model.errors import InputError
from ci_guard.model.ports import ImageSource
from ci_guard.sbom.images.span import Span
from ci_guard.sbom.images.tables import LIMIT, is_digest, table, tables, text

_MOST_BYTES = 2 * 1024**3  # of one packed layer


class RegistryStore:
    """The blobs of one image of a registry. `reference` is a digest; `name` is the image's as a person wrote it."""

    def __init__(self, source: ImageSource, reference: str, name: str, keep: ExitStack) -> None:
        self._source = source
        self._name = name
        self._keep = keep
        self._manifests = {reference}
        self._here: dict[str, Span] = {}
        self._top = reference

    def file(self, path: str) -> Span | None:
        """The index, made of the one reference, or a blob. Raises ServiceError, InputError."""
        if path not in self._here:
            data = self._index() if path == "index.json" else self._blob(path)
            if data is None:
                return None
            stream = cast(BinaryIO, self._keep.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115
            stream.write(data)
            self._here[path] = Span(stream, 0, len(data), path)
        return self._here[path]

    def _index(self) -> bytes:
        named = {"org.opencontainers.image.ref.name": self._name}
        return json.dumps({"manifests": [{"digest": self._top, "annotations": named}]}).encode()

    def _blob(self, path: str) -> bytes | None:
        digest = path.removeprefix("blobs/").replace("/", ":", 1)
        if not is_digest(digest):
            return None
        if digest not in self._manifests:
            return self._source.blob(digest, _MOST_BYTES)
        data = self._source.manifest_bytes(digest, LIMIT)
        self._manifests |= {text(d, "digest") for d in tables(_below(digest, data))}
        return data


def _below(digest: str, data: bytes) -> Any:
    try:
        return table(digest, data).get("manifests")
    except InputError:
        return None  # whoever asked for it will see for himself
