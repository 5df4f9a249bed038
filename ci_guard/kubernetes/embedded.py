"""Component configuration inside other objects: `data` of ConfigMaps, `files[].content` of Cluster API.

The inner text is a document of its own. Where it is written as a literal block (`|`), as people write it, each of its
places is a place of the outer file; otherwise a finding stands at the value that holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.kubernetes.component_files import KINDS
from ci_guard.kubernetes.kubeadm import GROUP as KUBEADM
from ci_guard.kubernetes.kubeadm import config_spec
from ci_guard.kubernetes.resources import Resource, resources_of
from ci_guard.model.location import FieldPath, Location, NodePath, Region
from ci_guard.model.record import record, replace
from ci_guard.model.subject import Positions
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read

_LONGEST = 1_000_000  # characters; etcd takes no larger object
_MOST_VALUES = 200  # of one ConfigMap


@record
class _Block:
    """How a literal block lies in its file: line of its first text line, and columns cut off each line."""

    first_line: int
    indent: int


class EmbeddedPositions:
    """A document within a string of another one; implements `Positions` with places of the outer file."""

    def __init__(self, inner: Document, outer: Positions, where: NodePath, text: str) -> None:
        self.path = outer.path
        self._inner, self._outer, self._where = inner, outer, where
        self._block = _block(outer, where, text)

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        """The place in the outer file."""
        found = self._inner.locate(path, key=key)
        if self._block is None or found.region is None:
            return self._outer.locate(self._where)
        return replace(found, path=self.path, region=_shifted(found.region, self._block))

    def exists(self, path: NodePath) -> bool:
        """Whether the inner document has the node."""
        return self._inner.exists(path)

    def field_path(self, path: NodePath) -> FieldPath:
        """The path of the string, then the path within it."""
        inner = self._inner.field_path(path)
        return self._outer.field_path(self._where) + (f".{inner}" if inner else "")


def _shifted(region: Region, block: _Block) -> Region:
    down, right = block.first_line - 1, block.indent
    return Region(
        region.start_line + down, region.start_column + right, region.end_line + down, region.end_column + right
    )


def _block(outer: Positions, where: NodePath, text: str) -> _Block | None:
    """How the string is written, if every line of it is a line of the file behind the same indentation."""
    if not isinstance(outer, Document):
        return None
    region = outer.region_of(where)
    lines = text.rstrip("\n").split("\n")
    first = region.end_line - len(lines) + 1
    if first <= region.start_line:
        return None
    written = [outer.text.line(n) for n in range(first, region.end_line + 1)]
    indent = next((w.index(t) for w, t in zip(written, lines, strict=True) if t.strip() and t in w), 0)
    same = all(w[indent:] == t and not w[:indent].strip() for w, t in zip(written, lines, strict=True))
    return _Block(first, indent) if same and indent else None


def embedded_resources(resource: Resource) -> Iterator[Resource]:
    """The component configuration that a resource carries as text, each as a resource of its own."""
    for where, text in _texts(resource):
        if len(text) > _LONGEST or "kind" not in text or not _may_configure(text):
            continue
        for document in read(resource.document.path, text.encode(errors="replace"), "kubernetes"):
            if not isinstance(document, Unreadable):
                positions = EmbeddedPositions(document, resource.document, where, text)
                yield from resources_of(positions, document.value)


def _may_configure(text: str) -> bool:
    return f"{KUBEADM}/" in text or any(kind in text for kind in KINDS)


def _texts(resource: Resource) -> Iterator[tuple[NodePath, str]]:
    if resource.kind == "ConfigMap" and not resource.group:
        data: Any = resource.value.get("data")
        pairs = list(data.items())[:_MOST_VALUES] if isinstance(data, dict) else []
        yield from (((*resource.path, "data", key), text) for key, text in pairs if isinstance(text, str))
    spec = config_spec(resource)
    files = spec.value.get("files") if spec is not None else None
    for index, file in enumerate(files if isinstance(files, list) and spec is not None else ()):
        content = file.get("content") if isinstance(file, dict) and "encoding" not in file else None
        if isinstance(content, str) and spec is not None:
            yield (*spec.path, "files", index, "content"), content
