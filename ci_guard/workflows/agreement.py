"""Whether version comments agree with what they stand beside, and with each other, over all files of a repository.

What version a commit really is only its own repository can tell. Without asking it, three things cannot be true at
once with honest comments: a comment that contradicts the tag in the same line; one commit called two versions; one full
version pinned to two commits. Each is told where it shows, with the place that it contradicts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ci_guard.model.location import Location
from ci_guard.model.record import record
from ci_guard.model.subject import Subject, SubjectId
from ci_guard.workflows.files import place_of

_VERSION = r"v?[0-9]+(?:\.[0-9]+)*(?:[-+.][0-9A-Za-z.-]+)?"
_TAG = re.compile(rf"{_VERSION}\Z")
# `v4.1.1`, `tag=v4`, `frozen: v1`, `ratchet:actions/checkout@v3`; a number within a sentence is no version.
_SAID = re.compile(
    rf"(?:(?:renovate:[ ]*)?(?:tag|version|release|frozen|pin)[ :=@]*|ratchet:\S*@)?({_VERSION})(?=[\s,;)]|\Z)",
    re.IGNORECASE,
)
_FULL = 3  # parts of a version that names one release: v4 moves, v4.1.1 does not


@record
class Pin:
    """One pin: what is pinned (a repository, an image), to what, which version the comment and the tag name."""

    subject: SubjectId
    name: str
    ref: str
    tag: str
    version: str
    pinned: bool
    location: Location


@record
class Disagreement:
    """A pin, the reason in words, and the place of the other pin that it contradicts."""

    pin: Pin
    reason: str
    other: Location | None = None


def pin_of(subject: Subject) -> Pin | None:
    """The pin of a `workflow-step` subject; None for what has none (a local action)."""
    facts = subject.variables.get("step", {})
    if not facts:
        return None
    kind, ref = facts["kind"], str(facts["ref"])
    if kind in {"local", "invalid", "include"} or not ref:
        return None
    name = f"{facts['owner']}/{facts['repo']}".strip("/").lower() or str(facts["path"])
    tag = "" if facts["pinned"] else ref
    if kind == "docker" and facts["pinned"]:
        head, colon, after = str(facts["path"]).rpartition(":")
        if colon and "/" not in after:
            name, tag = head, after
    version = said_version(str(facts["comment"]))
    return Pin(subject.id, name, ref, tag, version, bool(facts["pinned"]), place_of(subject))


def said_version(comment: str) -> str:
    """The version that a comment (without its `#`) says the pin beside it is, "" when it says none."""
    said = _SAID.match(comment)
    return said[1] if said else ""


def disagreements(pins: Iterable[Pin]) -> Iterator[Disagreement]:
    """What the pins of a repository say against themselves and each other, in the order of their places."""
    versions: dict[tuple[str, str], Pin] = {}
    commits: dict[tuple[str, str], Pin] = {}
    for pin in sorted(pins, key=_place):
        if not pin.version:
            continue
        if is_version(pin.tag) and not agree(pin.tag, pin.version):
            yield Disagreement(pin, f"the comment says {pin.version}, the tag is {pin.tag}")
        if not pin.pinned:
            continue
        first = versions.setdefault((pin.name, pin.ref), pin)
        if not agree(first.version, pin.version):
            yield Disagreement(pin, f"the same content is called {first.version} elsewhere", first.location)
        if len(_parts(pin.version)) >= _FULL:
            same = commits.setdefault((pin.name, _plain(pin.version)), pin)
            if same.ref.lower() != pin.ref.lower():
                yield Disagreement(pin, f"{pin.version} stands for {same.ref[:19]} elsewhere", same.location)


def _place(pin: Pin) -> tuple[object, ...]:
    region = pin.location.region
    return pin.location.path, region.start_line if region else 0, region.start_column if region else 0, pin.name


def _plain(version: str) -> str:
    return version.removeprefix("v").lower()


def _parts(version: str) -> list[str]:
    return _plain(version).partition("+")[0].replace("-", ".").split(".")


def is_version(ref: str) -> bool:
    """Whether a tag is a version: `v4`, `4.1.1`, not `main`."""
    return _TAG.match(ref) is not None


def version_order(version: str) -> tuple[bool, list[tuple[int, str]], int]:
    """A key that sorts versions of one repository: candidates before releases, by number, `v4` before `v4.0`."""
    numbers = re.match(r"v?([0-9]+(?:\.[0-9]+)*)", version)
    parts = [part.lstrip("0") for part in numbers[1].split(".")] if numbers else []
    released = numbers is not None and numbers[0] == version
    return released, [(len(part), part) for part in parts], len(version)


def agree(one: str, other: str) -> bool:
    """Whether two versions can name one release: `v4` is any 4.x."""
    first, second = _parts(one), _parts(other)
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]
