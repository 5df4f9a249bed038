"""Regular expressions that are compiled when they are first used: a start has many, and a run needs few of them."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` gives, later; a mistake in `text` is told at its first use, too."""
    return cast("re.Pattern[AnyStr]", _Lazy(text, flags))


class _Lazy:
    def __init__(self, text: Any, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        """A method of the compiled expression, kept: the next call does not come here."""
        found = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found
