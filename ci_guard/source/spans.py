"""The nodes that the JSON and TOML scanners build; they fit the protocols of `tree`."""

from __future__ import annotations

from typing import Any, ClassVar

from ci_guard.model.record import record


@record(frozen=False)
class Offset:
    """A mark of our own scanners."""

    index: int


@record(frozen=False)
class SpanNode:
    """A node of our own scanners; `tag` is unused."""

    value: Any
    start_mark: Offset
    end_mark: Offset
    tag: Any = None
    id: ClassVar[str] = ""


class ScalarSpan(SpanNode):
    """A scalar; `value` is the decoded key or the raw text."""

    __slots__ = ()
    id = "scalar"


class SequenceSpan(SpanNode):
    """A list."""

    __slots__ = ()
    id = "sequence"


class MappingSpan(SpanNode):
    """A map."""

    __slots__ = ()
    id = "mapping"
