"""What a change does to the policy that judges it: one message for each setting, at its place in the head."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

from ci_guard.config.types import POLICY_FILES, Config
from ci_guard.config.values import shown
from ci_guard.model.errors import ConfigError
from ci_guard.model.location import Location, Region
from ci_guard.model.record import record, replace
from ci_guard.pipeline.policy.source import PolicySource

AFTER_MERGE = "this run is judged by the base commit's policy, the change takes effect after the merge"
OF_THE_RUN = frozenset({"source", "select", "ignore", "since"})


@record
class PolicyChange:
    """What a change does to one piece of policy; `key` is the setting, "" for the whole file."""

    location: Location
    key: str
    message: str


def changes_of(source: PolicySource, path: str, config: Config, others: Iterable[str]) -> list[PolicyChange]:
    """What the change does to the configuration at `path`, to every policy file that it names, and to `others`."""
    found = list(source.changes(path, _config_changes))
    for key in POLICY_FILES:
        named = getattr(config, key)
        for place in (named,) if isinstance(named, str) else named:
            if place:
                found += source.changes(place, _DIFFERENCES.get(key, _file_changes))
    for other in dict.fromkeys(others):
        found += source.changes(other, _file_changes)
    return found


def _config_changes(path: str, before: bytes | None, now: bytes | None) -> Iterable[PolicyChange]:
    """One change for each setting that differs; a comment moved about is none."""
    from ci_guard.config import loader

    if now is None:
        return [PolicyChange(Location(path), "", f"This change removes {path}; {AFTER_MERGE}")]
    try:
        new, document = loader.read_config(now, path), loader.only_document(now, path)
    except ConfigError as error:
        place = _line(path, now, error.line)
        return [PolicyChange(place, "", f"This change makes {path} unreadable: {error}; {AFTER_MERGE}")]
    old = Config() if before is None else _before(before, path)
    changes = []
    for name in (name for name in Config.__match_args__ if name not in OF_THE_RUN):
        was, will_be = getattr(placeless(old), name), getattr(placeless(new), name)
        if was != will_be:
            key = name.replace("_", "-")
            there = document is not None and document.exists((key,))
            place = document.locate((key,), key=True) if document and there else _line(path, now, 1)
            changes.append(
                PolicyChange(place, key, f"This change sets {_difference(key, was, will_be)}; {AFTER_MERGE}")
            )
    return changes


def _before(data: bytes, path: str) -> Config:
    from ci_guard.config import loader

    try:
        return loader.read_config(data, path)
    except ConfigError:
        return Config()  # only reached by a caller that did not load it: `load_policy` has raised already


def _difference(key: str, was: Any, will_be: Any) -> str:
    if isinstance(was, str | int):
        return f"`{key}` to {shown(will_be)}, from {shown(was)}"
    if not isinstance(was, Sized) or not isinstance(will_be, Sized):
        return f"`{key}` anew"
    return f"`{key}` ({len(will_be)} instead of {len(was)})" if len(was) != len(will_be) else f"`{key}` anew"


def _baseline_changes(path: str, before: bytes | None, now: bytes | None) -> Iterable[PolicyChange]:
    from ci_guard.suppress import baseline as baselines

    if now is None:
        return [PolicyChange(Location(path), "", f"This change removes the baseline {path}; {AFTER_MERGE}")]
    try:
        new = baselines.load(now, path).counts
    except ConfigError as error:
        place = _line(path, now, error.line)
        return [PolicyChange(place, "", f"This change makes {path} unreadable: {error}; {AFTER_MERGE}")]
    old = {} if before is None else baselines.load(before, path).counts
    more = sum(max(0, count - old.get(name, 0)) for name, count in new.items())
    fewer = sum(max(0, count - new.get(name, 0)) for name, count in old.items())
    if not more and not fewer:
        return []
    message = f"This change adds {more} accepted findings to {path} and removes {fewer}; {AFTER_MERGE}"
    return [PolicyChange(_first_difference(path, before, now), "", message)]


def _file_changes(path: str, before: bytes | None, now: bytes | None) -> Iterable[PolicyChange]:
    verb = "removes" if now is None else "adds" if before is None else "edits"
    place = Location(path) if now is None else _first_difference(path, before, now)
    return [PolicyChange(place, "", f"This change {verb} the policy file {path}; {AFTER_MERGE}")]


def _first_difference(path: str, before: bytes | None, now: bytes) -> Location:
    old, new = (before or b"").splitlines(), now.splitlines()
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    return _line(path, now, min(same + 1, max(len(new), 1)))


def _line(path: str, data: bytes, number: int) -> Location:
    """A whole line of a file that may be anything; line 0 or beyond the end is the file's first."""
    from ci_guard.source.text import SourceText

    text = SourceText(path, data)
    written = text.line(number) if number else ""
    return Location(path, Region(number, 1, number, 1 + len(written)), written) if number else Location(path)


def placeless(config: Config) -> Config:
    """Without places: they are lines of the base's file, and mean nothing in the head's."""
    entries = tuple(
        replace(entry, location=Location(entry.location.path) if entry.location else None)
        for entry in config.suppressions
    )
    images = tuple(replace(entry, location=None) for entry in config.images)
    packages = tuple(replace(entry, location=None) for entry in config.licenses.packages)
    licenses = replace(config.licenses, packages=packages, location=None)
    return replace(config, suppressions=entries, images=images, licenses=licenses)


_DIFFERENCES = {"baseline": _baseline_changes, "extends": _config_changes}
"""Policy files whose changes are told by what they mean; of all others, the first line that differs."""
