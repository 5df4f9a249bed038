"""Symbolic links followed inside a tree, as the kernel does for a process whose root is the tree's."""

from __future__ import annotations

from collections.abc import Callable

ReadLink = Callable[[str], str | None]
"""The target of the link at a path without links before its last part; None when it is no link."""

_HOPS = 40  # Linux gives up after as many


def resolve(path: str, read_link: ReadLink) -> str | None:
    """Where `path` leads: no links in it, no `..`; None for a circle. What is not there resolves to itself.

    Absolute targets start at the tree's root, and `..` at the root stays there: nothing leads outside.
    """
    pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done: list[str] = []
    hops = 0
    while pending:
        part = pending.pop()
        if part == "..":
            del done[-1:]
            continue
        target = read_link("/".join([*done, part]))
        if target is None:
            done.append(part)
            continue
        hops += 1
        if hops > _HOPS:
            return None
        if target.startswith("/"):
            done.clear()
        pending += [step for step in reversed(target.split("/")) if step not in ("", ".")]
    return "/".join(done)
