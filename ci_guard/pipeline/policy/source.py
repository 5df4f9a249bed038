"""Where policy is read from, byte for byte: the base commit of a change, else the working tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from ci_guard.source.files import SourceFile, read_file, read_or_none, walk

if TYPE_CHECKING:
    from ci_guard.pipeline.policy.base import BaseTree

T = TypeVar("T")
Difference = Callable[[str, bytes | None, bytes | None], Iterable[T]]
"""What differs between a file's content in the base and its content now, under its path from the root."""


class PolicySource:
    """Where policy is read from: the base commit for what lies in the repository, else the disk."""

    def __init__(self, root: Path, base: BaseTree | None) -> None:
        self.root = root
        self.base = base
        self.read: dict[str, bytes | None] = {}

    def name(self, path: str) -> str:
        """`path` as findings and messages name it: relative to the root where it lies inside."""
        inside = self._inside(path)
        return path if inside is None else inside

    def in_force(self, path: str) -> bytes | None:
        """The content that counts, None when there is none; kept, so that a verdict can name what it rests on.

        Raises InputError, RevisionError.
        """
        inside = self._inside(path)
        data = self._on_disk(path) if self.base is None or inside is None else self.base.read(inside)
        self.read[self.name(path)] = data
        return data

    def now(self, path: str) -> bytes | None:
        """The content in the working tree; on a pull request a link or a device is as good as nothing."""
        inside = self._inside(path)
        if self.base is not None and inside is not None:
            return read_or_none(self.root, inside)
        return self._on_disk(path)

    def below(self, folder: str, *, head: bool = False) -> list[str]:
        """The YAML files at or below `folder` that count, or (`head`) those of the working tree; sorted.

        Raises InputError, RevisionError.
        """
        inside = self._inside(folder)
        if self.base is not None and inside is not None and not head:
            found: Iterable[str] = self.base.files()
        elif inside is not None:
            exists = (self.root / inside).exists()
            found = (e.path for e in walk(self.root, [inside]) if isinstance(e, SourceFile)) if exists else ()
        else:
            return [str(e.absolute) for e in walk(Path(folder)) if isinstance(e, SourceFile) and _is_rule(e.path)]
        top = "" if inside == "." else f"{inside}/"
        return sorted(path for path in found if (path == inside or path.startswith(top)) and _is_rule(path))

    def changes(self, path: str, differences: Difference[T]) -> Iterable[T]:
        """What the change does to one policy file; nothing when only the base moved on."""
        inside = self._inside(path)
        if self.base is None or inside is None:
            return ()
        before, now = self.base.read(inside), self.now(path)
        return () if now == before or now == self.base.read_at_fork(inside) else differences(inside, before, now)

    def _on_disk(self, path: str) -> bytes | None:
        inside = self._inside(path)
        place = self.root / path if inside is None else self.root / inside
        if not place.exists() and not place.is_symlink():
            return None
        return read_file(place.parent, place.name) if inside is None else read_file(self.root, inside)

    def _inside(self, path: str) -> str | None:
        place = Path(path)
        if place.is_absolute():
            if not place.is_relative_to(self.root):
                return None
            place = place.relative_to(self.root)
        posix = PurePosixPath(place.as_posix())
        return None if ".." in posix.parts else str(posix)


def _is_rule(path: str) -> bool:
    return path.endswith(".yaml")
