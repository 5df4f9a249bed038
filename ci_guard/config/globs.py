"""Path patterns of the configuration: `/`-separated, anchored at the folder of the configuration.

`*` and `?` stay inside one path segment, `[ab]` is one character of a set, `**` is any number of segments. A pattern
that names a folder covers all below it, so `vendor` and `vendor/**` mean the same. `*.yaml` is the top folder only;
`**/*.yaml` is every folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache


def matches(pattern: str, path: str) -> bool:
    """Whether the repo-relative `path`, or a folder above it, matches `pattern`."""
    return _covers(_segments(pattern), tuple(path.split("/")))


def inside(folder: str, path: str) -> str:
    """`path` from `folder`, both from the root; a path elsewhere, or a folder outside the root, changes nothing."""
    return path.removeprefix(folder + "/") if folder else path


def any_matches(patterns: Iterable[str], path: str) -> bool:
    """Whether one of `patterns` matches `path`."""
    return any(matches(pattern, path) for pattern in patterns)


@lru_cache(maxsize=1024)
def _segments(pattern: str) -> tuple[str, ...]:
    parts: list[str] = []
    for part in pattern.split("/"):
        # `**/**` says no more than `**`.
        if part not in {"", "."} and not (part == "**" and parts[-1:] == ["**"]):
            parts.append(part)
    return tuple(parts)


def _covers(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """All prefixes of `path` that the pattern can end at, one segment at a time: linear in both, no backtracking."""
    reached = _closure({0}, pattern)
    for segment in path:
        if len(pattern) in reached:
            return True
        step = {at if pattern[at] == "**" else at + 1 for at in reached if fnmatchcase(segment, pattern[at])}
        reached = _closure(step, pattern)
    return len(pattern) in reached


def _closure(reached: set[int], pattern: tuple[str, ...]) -> set[int]:
    # `**` also stands for no segment at all.
    return reached | {at + 1 for at in reached if at < len(pattern) and pattern[at] == "**"}
