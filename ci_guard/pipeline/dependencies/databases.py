"""The databases of advisories as a user asks for them: fetched, and told about."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from ci_guard.advisories import cache
from ci_guard.advisories.database import Databases, age
from ci_guard.model.errors import CiGuardError

HOME = "https://osv-vulnerabilities.storage.googleapis.com"


class Line(NamedTuple):
    """What is told of one database, and whether it can be judged by."""

    text: str
    good: bool


def lines(folder: Path, entries: cache.Entries, today: date, limit: int) -> list[Line]:
    """One line for each database: how much, of which day, from where, and what is wrong with it."""
    return [_line(folder, name, entry, today, limit) for name, entry in sorted(entries.items())]


def _line(folder: Path, name: str, entry: cache.Entry, today: date, limit: int) -> Line:
    days = age(entry, today)
    old = "of an unknown day" if days is None else f"of {entry.as_of} ({days} days old)"
    flaw = "" if days is not None and days <= limit else f", older than {limit} days"
    try:
        Databases(folder, {name: entry}).check(name)
    except CiGuardError as error:
        flaw = f", unusable: {error}"
    records = f"{entry.records} records ({entry.withdrawn} withdrawn), {entry.names} packages"
    return Line(f"{name}: {records}, {old}, from {entry.source}{flaw}", not flaw)


def download(folder: Path, ecosystems: Sequence[str], as_of: str, url: str | None) -> dict[str, cache.Entry]:
    """Fetch and compile `<ecosystem>/all.zip`. Raises ServiceError, InputError; what was there before stays then."""
    from ci_guard.services.osv import fetch_database

    made: dict[str, cache.Entry] = {}
    base = (url or HOME).rstrip("/")
    with tempfile.TemporaryDirectory() as scratch:
        for ecosystem in ecosystems:
            place = Path(scratch) / "all.zip"
            source = f"{base}/{quote(ecosystem)}/all.zip"
            place.write_bytes(fetch_database(source, named=url is not None))
            made |= cache.take_in(folder, place, as_of, source)
    return made
