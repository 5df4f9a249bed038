"""The root of a run: the folder that paths are relative to, and out of which nothing is read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ci_guard.model.errors import InputError


def root_and_targets(current: Path, named: Sequence[str]) -> tuple[Path, tuple[str, ...]]:
    """The root, and the targets relative to it (`.` is the root itself).

    The root is the current directory; targets outside of it make the folder that holds them all the root.
    Raises InputError for a target that does not exist.
    """
    current = Path(os.path.normpath(current.absolute()))  # not resolved: a link stays the name that the user typed
    places = [Path(os.path.normpath(current / name)) for name in named or (".",)]
    for place, name in zip(places, named or (".",), strict=True):
        if not os.path.lexists(place):
            raise InputError(f"{name}: no such file or folder")
    if all(place.is_relative_to(current) for place in places):
        root = current
    else:
        folders = [place if place.is_dir() else place.parent for place in places]
        root = Path(os.path.commonpath(folders))
    return root, tuple(str(place.relative_to(root).as_posix()) for place in places)
