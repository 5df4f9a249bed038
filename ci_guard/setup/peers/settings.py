"""A configuration file of another tool: plain values that know their line. Whatever is in it, nothing is raised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.config import values
from ci_guard.model.location import NodePath
from ci_guard.model.record import record
from ci_guard.setup.peers.wishes import Wishes
from ci_guard.source import reader
from ci_guard.source.document import Document, Unreadable


@record
class Setting:
    """A value of the file, and where it stands."""

    document: Document
    value: Any
    path: NodePath = ()

    @property
    def origin(self) -> str:
        """`path:line`."""
        region = self.document.locate(self.path).region
        return f"{self.document.path}:{region.start_line}" if region else self.document.path

    @property
    def comment(self) -> str:
        """The comment behind the value on its line, without `#`; "" for none. It is where people write reasons."""
        region = self.document.locate(self.path).region
        on_line = (c for c in self.document.comments() if region and c.line == region.start_line and not c.own_line)
        return next((comment.text.lstrip("# ").rstrip() for comment in on_line), "")

    def get(self, key: str) -> Setting:
        """The member of a mapping; nothing (None) where there is none."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return Setting(self.document, found, (*self.path, key) if found is not None else self.path)

    def items(self) -> Iterator[Setting]:
        """The items of a list; a single value is a list of one, text is cut at its commas."""
        if isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield Setting(self.document, value, (*self.path, index))
        elif isinstance(self.value, str):
            for part in filter(None, map(str.strip, self.value.split(","))):
                yield Setting(self.document, part, self.path)
        elif self.value is not None:
            yield self

    def members(self) -> Iterator[tuple[str, Setting]]:
        """The members of a mapping with keys of text."""
        for key in self.value if isinstance(self.value, dict) else ():
            if isinstance(key, str):
                yield key, self.get(key)

    @property
    def text(self) -> str:
        """The value as text; "" for nothing and for anything that has members."""
        return "" if self.value is None or isinstance(self.value, dict | list) else str(self.value).strip()


def read(path: str, data: bytes, wishes: Wishes) -> Setting | None:
    """The top of the file's first document, None where there is nothing; what cannot be read is left over."""
    dialect = "json" if data.lstrip()[:1] in {b"{", b"["} else "yaml-1.2"
    for document in reader.read(path, data, dialect):
        if isinstance(document, Unreadable):
            region = document.location.region
            wishes.leave(f"{path}:{region.start_line if region else 1}", f"cannot be read: {document.reason}")
            return None
        return Setting(document, document.value) if document.value is not None else None
    return None


def exclude(setting: Setting, wishes: Wishes, glob: str | None = None) -> None:
    """Leave out what a glob of the other tool names, where it is one of ours too."""
    wanted = (setting.text if glob is None else glob).removeprefix("./").lstrip("/")
    try:
        wishes.exclude.append((values.relative_path(wanted), setting.origin))
    except ValueError:
        wishes.leave(setting.origin, f"the path {setting.text!r} is no glob below the configuration's folder")
