"""Where the blobs of an image lie: a folder in OCI layout, or a tar archive. Every blob is checked by its digest."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from ci_guard.model.errors import InputError
from ci_guard.sbom.images.compression import Limits, unpacked
from ci_guard.sbom.images.span import Span
from ci_guard.sbom.images.tables import is_digest
from ci_guard.sbom.images.tar_index import Member, members
from ci_guard.sbom.installed.links import resolve
from ci_guard.source.files import open_file

_MEMBERS = 100_000  # of the outer archive: an image has a few dozen blobs


class Store(Protocol):
    """Named files that make up images."""

    def file(self, path: str) -> Span | None:
        """The file at a path of the layout, None when it is not there. Raises InputError."""


class FolderStore:
    """A folder; no symbolic link in it is followed."""

    def __init__(self, root: Path, keep: ExitStack) -> None:
        self._root = root
        self._keep = keep

    def file(self, path: str) -> Span | None:
        """The open file."""
        if not (self._root / path).exists():
            return None
        stream = self._keep.enter_context(open_file(self._root, path))
        return Span(stream, 0, stream.seek(0, 2), path)


class ArchiveStore:
    """A tar archive, packed or not. A member that stands there twice is refused: readers disagree which one counts."""

    def __init__(self, archive: Span, limits: Limits, keep: ExitStack) -> None:
        self._tar, _ = unpacked(archive, limits, limits.unpacked, keep)
        self._members: dict[str, Member] = {}
        for member in members(self._tar):
            self._add(member)

    def _add(self, member: Member) -> None:
        name = f"{self._tar.name}: {member.path!r}"
        if member.kind == "directory":
            return
        if member.path in self._members:
            raise InputError(f"{name} stands there twice: refused")
        if member.kind == "special":
            raise InputError(f"{name} is a device or a pipe: refused")
        if member.kind == "symlink" and member.target.startswith("/"):
            raise InputError(f"{name} is a link out of the archive: refused")
        if len(self._members) >= _MEMBERS:
            raise InputError(f"{self._tar.name}: more than {_MEMBERS} members: refused")
        self._members[member.path] = member

    def file(self, path: str) -> Span | None:
        """A range of the archive; links between members are followed (older `docker save` shares layers so)."""
        found = resolve(path, self._link)
        member = self._members.get(found) if found is not None else None
        if member is None or member.kind != "file":
            return None
        return self._tar.part(member.offset, member.size, f"{self._tar.name}: {path}")

    def _link(self, path: str) -> str | None:
        member = self._members.get(path)
        if member is None or member.kind not in {"symlink", "hardlink"}:
            return None
        return member.target if member.kind == "symlink" else f"/{member.target}"


def blob(store: Store, digest: str, size: object = None) -> Span:
    """The blob of a digest, its bytes checked; `size` as its descriptor says. Raises InputError."""
    if not is_digest(digest):
        raise InputError(f"{digest!r} is no digest")
    algorithm, _, value = digest.partition(":")
    found = store.file(f"blobs/{algorithm}/{value}")
    if found is None:
        raise InputError(f"{digest}: no such blob here")
    if isinstance(size, int) and size != found.length:
        raise InputError(f"{digest}: has {found.length} bytes, its descriptor says {size}")
    if found.digest(algorithm) != digest:
        raise InputError(f"{digest}: the bytes have another digest")
    return found
