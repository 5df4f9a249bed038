"""The fields of the built-in kinds of Kubernetes, by version: `schemas/builtin.tsv`, read line by line as needed.

The file is written by `tools/schemas.py` from Kubernetes' own Go types. Splitting it into lines costs well under a
millisecond; a type is taken apart when the first object needs it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

DATA: Final = Path(__file__).parent / "schemas" / "builtin.tsv"
SCALARS: Final = frozenset("sbinqx*")
"""Text, boolean, integer, number, quantity, integer or text, anything."""


class Kind(NamedTuple):
    """A built-in kind: its type, and the minor versions that deprecated and removed it (0: none has)."""

    type: str
    deprecated: int = 0
    removed: int = 0
    replacement: str = ""


class Field(NamedTuple):
    """A field of a type: `[]` and `{}` before `type` are list and map; the minor versions that have it."""

    type: str
    since: int
    until: int

    @property
    def element(self) -> str:
        """What the field holds in the end, lists and maps taken off."""
        return self.type.lstrip("[]{}")


Fields = dict[str, Field]


class Schemas:
    """The built-in kinds at a target version; `target` 0 accepts what any supported version accepts."""

    def __init__(self, types: dict[str, str], kinds: dict[str, str], supported: tuple[int, int]) -> None:
        self._types = types
        self._kinds = kinds
        self.oldest, self.newest = supported
        self._read: dict[str, Fields] = {}

    def kind(self, api_version: str, kind: str) -> Kind | None:
        """What is known of a kind; None for a custom one."""
        line = self._kinds.get(f"{api_version} {kind}")
        if line is None:
            return None
        type_, deprecated, removed, replacement = line.split("\t")
        return Kind(type_, int(deprecated or 0), int(removed or 0), replacement)

    def fields(self, type_: str) -> Fields:
        """The fields of a type, of all supported versions. Raises KeyError for a type that is not there."""
        found = self._read.get(type_)
        if found is None:
            found = self._read[type_] = self._parse(self._types[type_])
        return found

    def _parse(self, line: str) -> Fields:
        whole, _, cells = line.partition("\t")
        outer = _span(whole, (self.oldest, self.newest))
        out: Fields = {}
        for cell in cells.split():
            name, _, rest = cell.partition(":")
            type_, _, span = rest.partition("@")
            since, until = _span(span, outer)
            # A field that changed its type stands there once a type, oldest first: the newest type counts.
            out[name] = Field(type_, out[name].since if name in out else since, until)
        return out


def _span(text: str, otherwise: tuple[int, int]) -> tuple[int, int]:
    if not text:
        return otherwise
    since, _, until = text.partition("-")
    return int(since), int(until)


@cache
def load(path: Path = DATA) -> Schemas:
    """The shipped schemas; read once a process. Raises OSError when the file is not there."""
    _, supported, *lines = path.read_text("utf-8").splitlines()
    types: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for line in lines:
        sort, name, rest = line.split("\t", 2)
        (types if sort == "type" else kinds)[name] = rest
    oldest, newest = map(int, supported.split("\t"))
    return Schemas(types, kinds, (oldest, newest))
