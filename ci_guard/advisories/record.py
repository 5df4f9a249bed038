"""One OSV record (schema 1.x) -> what matching needs of it. Source: https://ossf.github.io/osv-schema/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ci_guard.advisories.names import package_name
from ci_guard.advisories.severity import worst_score
from ci_guard.model.errors import InputError
from ci_guard.model.record import field, record

MAX_ENTRIES: Final = 20_000  # affected packages of one record; the largest real ones have some thousands
_EVENTS: Final = ("introduced", "fixed", "last_affected", "limit")
_TYPES: Final = ("SEMVER", "ECOSYSTEM", "GIT")
_KINDS: Final = {
    "unmaintained": "unmaintained",
    "deprecated": "deprecated",
    "end-of-life": "end-of-life",
    "eol": "end-of-life",
    "yanked": "yanked",
    "unsound": "vulnerable",
}
"""`database_specific.informational` of RustSec and its like -> our kind; other words make no finding."""


@record
class Range:
    """A list of events of one type, in the order of the record: (`introduced` | `fixed` | …, version)."""

    type: str
    events: tuple[tuple[str, str], ...]


@record
class Affected:
    """One package that a record names: in `versions` or in one of `ranges` means affected."""

    ecosystem: str
    name: str
    ranges: tuple[Range, ...] = ()
    versions: frozenset[str] = frozenset()
    score: float = 0.0
    kind: str = "vulnerable"


@record
class Record:
    """An advisory. `kind` is `vulnerable`, `malicious` …; `score` CVSS 0.0..10.0 (0.0 = not said), `level` in words."""

    id: str
    modified: str = ""
    withdrawn: bool = False
    aliases: tuple[str, ...] = ()
    summary: str = ""
    affected: tuple[Affected, ...] = field(default=())
    level: str = ""


def parse_record(data: Any, where: str) -> Record:
    """The record in plain data. Raises InputError that names `where` and what is wrong."""
    table = _table(data, where)
    name = _text(table, "id", where)
    if not name:
        raise InputError(f"{where}: an OSV record has an `id`")
    entries = _list(table, "affected", where)
    if len(entries) > MAX_ENTRIES:
        raise InputError(f"{where}: more than {MAX_ENTRIES} affected packages")
    specific = table.get("database_specific")
    score = worst_score(_list(table, "severity", where))
    found = (_affected(entry, name, score, where) for entry in entries)
    return Record(
        id=name,
        modified=_text(table, "modified", where),
        withdrawn=bool(table.get("withdrawn")),
        aliases=tuple(alias for alias in _list(table, "aliases", where) if isinstance(alias, str)),
        summary=_summary(table, where),
        affected=tuple(entry for entry in found if entry is not None),
        level=_text(specific, "severity", where).lower() if isinstance(specific, dict) else "",
    )


def _summary(table: Mapping[str, Any], where: str) -> str:
    """The summary, or the beginning of the details: one line."""
    text = _text(table, "summary", where) or _text(table, "details", where)[:2000]
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:199] + "…"


def _affected(entry: Any, record: str, score: float, where: str) -> Affected | None:
    """None for an entry that names no package (GIT ranges of a repository) or only informs."""
    table = _table(entry, where)
    package = table.get("package")
    kind = _kind(table, record)
    if package is None or not kind:
        return None
    ecosystem, name = (_text(_table(package, where), key, where) for key in ("ecosystem", "name"))
    if not ecosystem or not name:
        raise InputError(f"{where}: {record} names a package without ecosystem or name")
    return Affected(
        ecosystem=ecosystem,
        name=package_name(ecosystem, name),
        ranges=tuple(_range(item, record, where) for item in _list(table, "ranges", where)),
        versions=frozenset(str(v) for v in _list(table, "versions", where) if isinstance(v, str | int | float)),
        score=worst_score(_list(table, "severity", where)) or score,
        kind=kind,
    )


def _kind(table: Mapping[str, Any], record: str) -> str:
    if record.startswith("MAL-"):
        return "malicious"
    specific = table.get("database_specific")
    said = specific.get("informational") if isinstance(specific, dict) else None
    return _KINDS.get(said.lower(), "") if isinstance(said, str) and said else "vulnerable"


def _range(item: Any, record: str, where: str) -> Range:
    table = _table(item, where)
    kind = _text(table, "type", where)
    if kind not in _TYPES:
        raise InputError(f"{where}: {record} has a range of unknown type {kind[:40]!r}")
    events = []
    for event in _list(table, "events", where):
        for name, version in _table(event, where).items():
            if name in _EVENTS and isinstance(version, str | int | float):
                events.append((name, str(version)))
    return Range(kind, tuple(events))


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: this is no OSV record (expected an object, found {type(value).__name__})")
    return value


def _list(table: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = table.get(key)
    if value is not None and not isinstance(value, list):
        raise InputError(f"{where}: `{key}` is no list")
    return value or []


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{where}: `{key}` is no text")
    return value or ""
