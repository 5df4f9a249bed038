"""What every dialect's parse tree looks like, so that positions are looked up in one way.

PyYAML's nodes fit these protocols as they come; the JSON and TOML scanners build those of `spans`.
`id` is `scalar`, `sequence` or `mapping`; marks hold code point offsets.
"""

from __future__ import annotations

from typing import Any, Protocol

DEPTH_LIMIT = 200  # levels of nesting; CRD schemas, the deepest real documents we know, need about 60


class Mark(Protocol):
    """A place in the text, in code points."""

    @property
    def index(self) -> int:
        """The offset."""


class Node(Protocol):
    """A node of a parse tree; `value` is the text, the list of nodes, or the list of (key, value) nodes."""

    tag: Any
    value: Any

    @property
    def id(self) -> str:
        """`scalar`, `sequence` or `mapping`."""

    @property
    def start_mark(self) -> Mark:
        """The first character."""

    @property
    def end_mark(self) -> Mark:
        """After the last character."""


class Refused(Exception):  # noqa: N818 - not an error of ours: it becomes an Unreadable value
    """The text cannot be read; `offset` says where. Never leaves this room.

    `limit`: it may be fine, and is too much; another attempt would cost as much again.
    """

    def __init__(self, reason: str, offset: int, *, limit: bool = False) -> None:
        self.reason = reason
        self.limit = limit
        self.offset = offset
        super().__init__(reason)


def levels(value: Any) -> int:
    """How deep plain data nests, counted level by level so that no stack is needed."""
    depth, level = 0, [value]
    while level:
        depth += 1
        below: list[Any] = []
        for item in level:
            below += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        level = [item for item in below if isinstance(item, (dict, list))]
    return depth
