"""From a place and what it stands for to edits of the text; and the proof that nothing else was changed.

An image gets its digest behind it, or a new one in place of the old. An action gets its commit in place of the tag
and the version behind it as a comment, where a comment can only speak of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from ci_guard.model.location import Edit, NodePath
from ci_guard.model.record import record
from ci_guard.pipeline.pinning.places import COMMIT, PinPlace, dialect_of
from ci_guard.sbom.build_images import build_images
from ci_guard.source.dockerfile import read_dockerfile
from ci_guard.source.document import Document
from ci_guard.source.edit import apply
from ci_guard.source.reader import read
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Refused
from ci_guard.suppress.comments import parse_comment
from ci_guard.workflows.agreement import said_version

_ONLY_CLOSES = re.compile(r"[ \t\]},]*\Z")
_COMMENT = re.compile(r"[ \t]+(?=#)")


@record
class Pinned:
    """What a place stands for: `pin` is a digest or a commit, `version` the release that the commit is ("" unknown)."""

    pin: str
    version: str = ""


@record
class Change:
    """One place with what it is pinned to."""

    place: PinPlace
    to: Pinned


def edited(text: SourceText, changes: Sequence[Change]) -> bytes:
    """The file with every change. Raises InputError for a text that cannot be written in its own encoding."""
    edits = {edit for of_one in edits_of(text, changes) for edit in of_one}
    return apply(text.data, sorted(edits, key=lambda e: (e.region, e.text)))


def edits_of(text: SourceText, changes: Sequence[Change]) -> list[tuple[Edit, ...]]:
    """The edits of each change, in their order."""
    crowded = _crowded(text, changes)
    return [tuple(_edits(text, change, crowded)) for change in changes]


def _crowded(text: SourceText, changes: Iterable[Change]) -> frozenset[int]:
    """The lines on which more than one commit ends: a comment there would speak of both."""
    lines = [text.position(start)[0] for start in {c.place.start for c in changes if c.place.what == COMMIT}]
    return frozenset(line for line in lines if lines.count(line) > 1)


def _edits(text: SourceText, change: Change, crowded: Collection[int]) -> Iterator[Edit]:
    place, to = change.place, change.to
    if place.what == COMMIT:
        at = text.text.index(place.written, place.start) + len(place.written) - len(place.ref)
        yield _edit(text, at, at + len(place.ref), to.pin)
        in_block = text.text[place.start] in "|>"
        if to.version and not in_block and text.position(place.start)[0] not in crowded:
            yield from _comment(text, place, to.version)
    elif place.pin:
        at = text.text.index(place.pin, place.start)
        yield _edit(text, at, at + len(place.pin), to.pin)
    elif place.entry >= 0:
        yield _edit(text, place.entry, place.entry, _member(text, place.entry, to.pin))
    else:
        at = text.text.index(place.written, place.start) + len(place.written)
        yield _edit(text, at, at, f"@{to.pin}")


def _edit(text: SourceText, start: int, end: int, replacement: str) -> Edit:
    return Edit(text.path, text.region(start, end), replacement)


def _member(text: SourceText, key: int, digest: str) -> str:
    """`digest:` in front of the key at offset `key`: on a line of its own, or within braces beside it."""
    line, column = text.position(key)
    before = text.line(line)[: column - 1]
    quote = text.text[key] if text.text[key] in "\"'" else ""
    member = f"{quote}digest{quote}: {quote}{digest}{quote}"
    if before.strip(" -"):
        return f"{member}, "
    return f"{member}\n{' ' * (column - 1)}"


def _comment(text: SourceText, place: PinPlace, version: str) -> Iterator[Edit]:
    """The version behind the commit, unless something other than a comment follows on the line."""
    line = text.line(text.position(place.end)[0])
    behind = line[text.position(place.end)[1] - 1 :]
    said = place.comment.lstrip(" #") + version
    found = _COMMENT.match(behind)
    if found is None:
        if _ONLY_CLOSES.match(behind):
            at = place.end + len(behind.rstrip())
            yield _edit(text, at, at, f"{place.comment}{version}")
        return
    start = place.end + found.end()
    old = said_version(behind[found.end() :].lstrip("# "))
    if not old and parse_comment(behind[found.end() :]) is None:  # one to us must stay the first word
        yield _edit(text, start, start, f"# {said} ")
    elif old and old != version:
        at = text.text.index(old, start)
        yield _edit(text, at, at + len(old), version)


def unwanted(text: SourceText, after: bytes, changes: Sequence[Change]) -> str:
    """Why `after` is not the file with these changes and nothing else; "" when it is.

    An anchor that is used elsewhere, for something that is no image, is changed there too.
    """
    dialect = dialect_of(text.path)
    if not dialect:
        return _unwanted_instructions(text, after, changes)
    before, now = list(_documents(text.path, text.data, dialect)), list(_documents(text.path, after, dialect))
    for index, (old, new) in enumerate(zip_longest(before, now)):
        if old is None or new is None or isinstance(old, str) or isinstance(new, str):
            if old != new:
                return "the file could not be read again"
            continue
        wanted = {c.place.path: _becomes(c) for c in changes if c.place.document == index}
        found = dict(_differences(old.value, new.value, ()))
        allowed = {(path[-1], value) for path, value in wanted.items()}
        if not wanted.keys() <= found.keys() or any(
            (path[-1] if path else "", v) not in allowed for path, v in found.items()
        ):
            return "the same text is used for something else"
    return ""


def _becomes(change: Change) -> str:
    """The value of the node at a place, once it is pinned."""
    place, pin = change.place, change.to.pin
    if place.what == COMMIT:
        return place.written.removesuffix(place.ref) + pin
    if place.path[-1:] == ("digest",):
        return pin
    if place.path[-1:] == ("newTag",):
        return f"{place.ref}@{pin}"
    return place.written.replace(place.pin, pin) if place.pin else f"{place.written}@{pin}"


def _documents(path: str, data: bytes, dialect: str) -> Iterator[Document | str]:
    if dialect == "kubernetes" and path.lower().endswith(".json"):
        dialect = "json"
    for document in read(path, data, dialect):
        yield document if isinstance(document, Document) else document.reason


def _differences(old: Any, new: Any, path: NodePath) -> Iterator[tuple[NodePath, Any]]:
    """The paths at which two trees differ, with what is there now."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (*old, *(k for k in new if k not in old)):
            here = (*path, key)
            if key in old and key in new:
                yield from _differences(old[key], new[key], here)
            else:
                yield here, value if isinstance(value := new.get(key), str) else None
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, (*path, index))
    elif type(old) is not type(new) or old != new:
        yield path, new if isinstance(new, str) else None


def _unwanted_instructions(text: SourceText, after: bytes, changes: Sequence[Change]) -> str:
    try:
        old = list(build_images(read_dockerfile(text)))
        new = list(build_images(read_dockerfile(SourceText(text.path, after))))
    except Refused as refused:
        return f"the file could not be read again: {refused.reason}"
    pins = {c.to.pin for c in changes}
    kept = len(old) == len(new) and all(
        a.text == b.text or b.text.partition("@")[2] in pins for a, b in zip(old, new, strict=True)
    )
    return "" if kept else "another instruction would change too"
