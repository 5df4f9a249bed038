"""Names that can be taken for those of much used packages: one slip of the finger, a look-alike letter, a separator.

The names that count are in `wellknown/`, a file an ecosystem. A name that is one of them is never a look-alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files

from ci_guard.sbom.purls import canonical_name

_SEPARATORS = re.compile(r"[-_.]+")
_MOST = 214  # characters, the longest name that npm allows
_LEAST = 5  # letters; of shorter names most neighbours are names of their own
_LETTERS = str.maketrans(
    {
        **dict(zip("01i|", "olll", strict=True)),
        # Letters of other scripts that are drawn as Latin ones (Unicode's confusables); NFKC knows wide and bold forms.
        **dict(zip("аеорсухіјѕԁһӏԛԝցոսνοαρικτυ", "aeopcyxljsdhlqwgnuvoaplktu", strict=True)),
    }
)
_DRAWN = (("rn", "m"), ("vv", "w"))
_ENDING = ".js"
_NOTHING = "#"


class WellKnown:
    """The much used names of one ecosystem, indexed by every way in which another name may look like one."""

    def __init__(self, ecosystem: str, names: Iterable[str]) -> None:
        self._ecosystem = ecosystem
        self._names = {canonical_name(ecosystem, name).lower(): name for name in names}
        self._drawn = {_drawn(name): name for name in self._names}
        self._joined = {_SEPARATORS.sub("", name): name for name in self._names}
        self._shorter: dict[str, set[str]] = {}
        for name in self._names:
            for shorter in _without_one(name):
                self._shorter.setdefault(shorter, set()).add(name)

    def resembles(self, name: str) -> tuple[str, str] | None:
        """(the much used name, how this one differs), None for what looks like none of them."""
        own = canonical_name(self._ecosystem, name).lower()
        if not own or own in self._names or len(own) > _MOST:
            return None
        for found, how in self._ways(own):
            if found is not None:
                return self._names[found], how
        return None

    def _ways(self, own: str) -> Iterator[tuple[str | None, str]]:
        yield self._drawn.get(_drawn(own)), "by letters that look alike"
        yield self._joined.get(_SEPARATORS.sub("", own)), "by separators only"
        if own.endswith(_ENDING):
            stem = own.removesuffix(_ENDING)
            yield stem if stem in self._names else None, "by its ending"
        yield self._slip(own), "by one slip of the finger"

    def _slip(self, own: str) -> str | None:
        """The name at a distance of one: a letter more, less, another one, or two swapped."""
        near = {own} | set(_without_one(own))
        found = {name for text in near for name in self._shorter.get(text, ())}
        found |= {text for text in near if text in self._names}
        return min((name for name in found if _one_slip(own, name)), default=None)


def _one_slip(own: str, name: str) -> bool:
    """Whether two different names are one slip apart, and long enough that this says something."""
    start = next((n for n, (a, b) in enumerate(zip(own, name, strict=False)) if a != b), min(len(own), len(name)))
    ours, theirs = own[start:], name[start:]
    if _numbered(ours, theirs) or min(len(own), len(name)) < _LEAST:
        return False
    if ours[:2] == theirs[1::-1] and ours[2:] == theirs[2:]:
        return True
    return ours[1:] == theirs or ours == theirs[1:] or ours[1:] == theirs[1:]


def _numbered(ours: str, theirs: str) -> bool:
    """Whether two names differ in a number at their end: `psycopg2` and `psycopg3` are a family."""
    return all(not text or text.isdigit() for text in (ours, theirs))


def _without_one(name: str) -> Iterator[str]:
    return (name[:at] + name[at + 1 :] for at in range(len(name)))


def _drawn(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).lower().translate(_LETTERS)
    for written, seen in _DRAWN:
        text = text.replace(written, seen)
    return text


def lookalike(ecosystem: str, name: str) -> tuple[str, str] | None:
    """(what it may be taken for, how it differs) of a package's name; None for all others, and without a list."""
    found = _known(ecosystem).resembles(name)
    if found is not None or ecosystem != "npm" or not name.startswith("@"):
        return found
    scope = _known("npm-scopes").resembles(name.partition("/")[0])
    return (scope[0], f"in its scope, {scope[1]}") if scope is not None else None


@lru_cache
def _known(ecosystem: str) -> WellKnown:
    place = files("ci_guard.sbom").joinpath("wellknown", f"{ecosystem}.txt")
    try:
        lines = place.read_text("utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    return WellKnown(ecosystem, (line for line in lines if not line.startswith(_NOTHING)))
