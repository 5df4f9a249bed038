"""Records -> what is kept of them: by ecosystem and package name, and what is told about the whole."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ci_guard.advisories.record import Affected, Range, Record, parse_record
from ci_guard.advisories.sources import decode, read_files
from ci_guard.advisories.versions import base_ecosystem
from ci_guard.model.errors import InputError
from ci_guard.model.record import field, record

KEV: Final = "kev"
EPSS: Final = "epss"
_MAX_FEED: Final = 200_000_000


@record(frozen=False)
class Compiled:
    """One ecosystem's entries by package name. `newest` is the newest `modified` of its records (RFC 3339)."""

    ecosystem: str
    names: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    records: int = 0
    withdrawn: int = 0
    newest: str = ""


def read_records(path: Path) -> Iterator[Record]:
    """Every record at `path`. Raises InputError: a database that is broken in one place is not taken in part."""
    for name, data in read_files(path):
        where = name if path.name == name else f"{path}/{name}"
        yield parse_record(decode(name, data, where), where)


def compile_records(records: Iterable[Record]) -> dict[str, Compiled]:
    """The records by ecosystem (without release, lower case). Withdrawn ones are only counted."""
    found: dict[str, Compiled] = {}
    for advisory in records:
        for base in {base_ecosystem(entry.ecosystem): None for entry in advisory.affected}:
            into = found.setdefault(base, Compiled(base))
            into.records += 1
            into.withdrawn += advisory.withdrawn
            into.newest = max(into.newest, advisory.modified)
        for entry in () if advisory.withdrawn else advisory.affected:
            found[base_ecosystem(entry.ecosystem)].names[entry.name].append(to_plain(advisory, entry))
    return found


def to_plain(record: Record, entry: Affected) -> dict[str, Any]:
    """One affected package of a record as JSON; empty members are left out."""
    given: dict[str, Any] = {
        "id": record.id,
        "aliases": list(record.aliases),
        "summary": record.summary,
        "level": record.level,
        "ecosystem": entry.ecosystem,
        "kind": "" if entry.kind == "vulnerable" else entry.kind,
        "score": entry.score,
        "ranges": [[r.type, *(part for event in r.events for part in event)] for r in entry.ranges],
        "versions": sorted(entry.versions),
    }
    return {key: value for key, value in given.items() if value}


def from_plain(name: str, given: dict[str, Any]) -> tuple[Record, Affected]:
    """What `to_plain` wrote."""
    ranges = tuple(Range(flat[0], tuple(zip(flat[1::2], flat[2::2], strict=True))) for flat in given.get("ranges", ()))
    record = Record(
        given["id"],
        aliases=tuple(given.get("aliases", ())),
        summary=given.get("summary", ""),
        level=given.get("level", ""),
    )
    entry = Affected(
        given["ecosystem"],
        name,
        ranges,
        frozenset(given.get("versions", ())),
        given.get("score", 0.0),
        given.get("kind", "vulnerable"),
    )
    return record, entry


def read_kev(path: Path) -> dict[str, Any]:
    """CISA's Known Exploited Vulnerabilities (JSON) -> CVE: [day added, ransomware use]. Raises InputError."""
    try:
        entries = json.loads(_feed(path))["vulnerabilities"]
        return {str(e["cveID"]): [str(e.get("dateAdded", "")), str(e.get("dueDate", ""))] for e in entries}
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        raise InputError(f"{path}: this is no KEV catalogue (JSON with `vulnerabilities`)") from None


def read_epss(path: Path) -> dict[str, Any]:
    """FIRST's EPSS scores (CSV, may be gzipped) -> CVE: probability 0..1. Raises InputError."""
    try:
        lines = [line for line in io.StringIO(_feed(path).decode("utf-8")) if not line.startswith("#")]
        return {row["cve"]: float(row["epss"]) for row in csv.DictReader(lines)}
    except (ValueError, KeyError, TypeError, csv.Error):
        raise InputError(f"{path}: this is no list of EPSS scores (CSV with `cve` and `epss`)") from None


def _feed(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_FEED + 1)
        if data[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(_MAX_FEED + 1)
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > _MAX_FEED:
        raise InputError(f"{path}: larger than {_MAX_FEED:,} bytes")
    return data
