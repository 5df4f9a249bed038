"""Layers put on top of each other, as a container runtime does: files, whiteouts, opaque folders, links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ci_guard.model.errors import InputError
from ci_guard.model.location import Location, Region
from ci_guard.model.record import field, record
from ci_guard.sbom.images.span import Span
from ci_guard.sbom.images.tar_index import Member
from ci_guard.sbom.installed.links import resolve
from ci_guard.sbom.installed.tree import METADATA_LIMIT, TreeFile

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


@record
class Layer:
    """One unpacked layer: its tar, and the sha256 of it (`diff_id` in the image's configuration)."""

    archive: Span
    diff_id: str


class _Node(NamedTuple):
    """What stands at a path since `layer`; a file's bytes lie in layer `data` (of a hard link: below)."""

    kind: str
    layer: int
    data: int = 0
    size: int = 0
    offset: int = 0
    executable: bool = False
    target: str = ""


@record(frozen=False)
class ImageTree:
    """The files of an image, read from where they lie in the layers (a `FileTree`).

    `label` stands before `!/` in locations. `versions` are the watched files as each layer left them, oldest first.
    `notes` say in words what was left out.
    """

    label: str
    watched: frozenset[str] = frozenset()
    layers: list[Layer] = field(default_factory=list)
    versions: dict[str, list[tuple[int, _Node]]] = field(default_factory=lambda: defaultdict(list))
    notes: set[str] = field(default_factory=set)
    _nodes: dict[str, _Node] = field(default_factory=dict)
    _children: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _parents: dict[str, str] = field(default_factory=dict)
    _listing: list[TreeFile] | None = None

    # Reading

    def files(self, below: str = "") -> Sequence[TreeFile]:
        """Every regular file below the folder, sorted by path."""
        if self._listing is None:
            found = ((p, n) for p, n in self._nodes.items() if n.kind == "file")
            self._listing = sorted(TreeFile(path, n.size, n.executable) for path, n in found)
        folder = resolve(below, self._link) if below else ""
        if not folder:
            return self._listing if folder is not None else []
        return [file for file in self._listing if file.path.startswith(f"{folder}/")]

    def find(self, path: str) -> TreeFile | None:
        """The regular file that `path` leads to."""
        real = resolve(path, self._link)
        node = self._nodes.get(real) if real else None
        return TreeFile(real or "", node.size, node.executable) if node is not None and node.kind == "file" else None

    def read(self, path: str, offset: int = 0, length: int = METADATA_LIMIT) -> bytes:
        """Bytes of the file at `path`. Raises InputError."""
        found = self.find(path)
        if found is None:
            raise InputError(f"{self.label}!/{path}: no such file")
        return self._span(found.path, self._nodes[found.path]).read(offset, length)

    def place(self, path: str, line: int = 0) -> Location:
        """`LABEL!/path`, with its line."""
        return Location(f"{self.label}!/{path}", Region(line, 1, line, 1) if line else None)

    def layer(self, path: str) -> str:
        """The diff id of the layer that brought the file."""
        found = self.find(path)
        return self.layers[self._nodes[found.path].layer].diff_id if found is not None else ""

    def version(self, path: str, index: int) -> bytes:
        """The watched file as its `index`-th version was. Raises InputError."""
        return self._span(path, self.versions[path][index][1]).read(0, METADATA_LIMIT)

    def _span(self, path: str, node: _Node) -> Span:
        return self.layers[node.data].archive.part(node.offset, node.size, f"{self.label}!/{path}")

    def _link(self, path: str) -> str | None:
        node = self._nodes.get(path)
        return node.target if node is not None and node.kind == "symlink" else None

    # Building

    def add(self, layer: Layer, members: Iterable[Member]) -> None:
        """Put a layer on top. Raises InputError for what no runtime would unpack alike."""
        self.layers.append(layer)
        self._listing = None
        index = len(self.layers) - 1
        for member in members:
            name = member.path.rpartition("/")[2]
            if name.startswith(_WHITEOUT):
                self._hide(member.path, name, index)
            elif member.path:
                self._put(member, index)

    def _hide(self, path: str, name: str, index: int) -> None:
        """A whiteout takes away what the layers below brought, never what stands in its own layer."""
        folder = resolve(path.rpartition("/")[0], self._link)
        if folder is None:
            return
        if name == _OPAQUE:
            for child in sorted(self._children.get(folder, ())):
                self._remove(f"{folder}/{child}" if folder else child, below=index)
        elif hidden := name.removeprefix(_WHITEOUT):
            self._remove(f"{folder}/{hidden}" if folder else hidden, below=index)

    def _put(self, member: Member, index: int) -> None:
        head, _, name = member.path.rpartition("/")
        folder = self._folder(head)
        path = f"{folder}/{name}" if folder else name
        node = self._node(member, index)
        if node is None:
            return
        before = self._nodes.get(path)
        if before is not None and not (before.kind == node.kind == "directory"):
            if before.layer == index and before.kind != "directory":
                self.notes.add(f"{path}: stands in one layer twice; the last one counts")
            self._remove(path)
        self._place(path, node)
        if path in self.watched and node.kind == "file":
            self.versions[path].append((index, node))

    def _place(self, path: str, node: _Node) -> None:
        """Set a node and the folders above it that no member names."""
        self._nodes[path] = node
        while path:
            folder, _, name = path.rpartition("/")
            if name in self._children[folder]:
                return
            self._children[folder].add(name)
            path = folder
            above = self._nodes.get(path)
            if above is not None and above.kind == "file":
                raise InputError(f"{self.label}!/{path}: a file and a folder at once")
            if path and above is None:
                self._nodes[path] = _Node("directory", node.layer)

    def _node(self, member: Member, index: int) -> _Node | None:
        if member.kind == "special":
            self.notes.add("devices and pipes were left out")
            return None
        if member.kind != "hardlink":
            return _Node(member.kind, index, index, member.size, member.offset, member.executable, member.target)
        folder, _, name = member.target.rpartition("/")
        folder = self._folder(folder)
        target = self._nodes.get(f"{folder}/{name}" if folder else name)
        if target is None or target.kind == "directory":
            raise InputError(f"{self.label}!/{member.path}: a hard link to {member.target!r}, which is no file")
        return target._replace(layer=index)

    def _folder(self, path: str) -> str:
        """Where a folder really is, its links followed; layers are unpacked onto what is below them."""
        if not path:
            return ""
        known = self._parents.get(path)
        if known is None:
            found = resolve(path, self._link)
            if found is None:
                raise InputError(f"{self.label}!/{path}: symbolic links in a circle")
            known = self._parents[path] = found
        return known

    def _remove(self, path: str, below: int | None = None) -> None:
        """Take away a path and all under it; with `below`, only what layers before that one brought."""
        pending = [path]
        order: list[str] = []
        while pending:
            here = pending.pop()
            order.append(here)
            pending += [f"{here}/{child}" for child in self._children.get(here, ())]
        for here in reversed(order):
            node = self._nodes.get(here)
            if node is None or (below is not None and (node.layer >= below or self._children.get(here))):
                continue
            if node.kind != "file":
                self._parents.clear()  # what was a folder, or led to one, may lead elsewhere now
            del self._nodes[here]
            self._children.pop(here, None)
            folder, _, name = here.rpartition("/")
            self._children[folder].discard(name)
