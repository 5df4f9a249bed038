"""Where compiled databases lie: outside of any repo, by the digest of what they were compiled from.

    $XDG_CACHE_HOME/ci-guard/advisories/   (default ~/.cache; CI_GUARD_CACHE names another folder)
        index.json                         what `deps db update` took in, by ecosystem
        <digest of the source>.json        the same for a database that a policy names by its path
        <table>.db                         see `table`

What stands here only saves time: each table is verified when it is read, by the digest in the index beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ci_guard.advisories import table
from ci_guard.advisories.compiling import EPSS, KEV, compile_records, read_epss, read_kev, read_records
from ci_guard.advisories.sources import content_digest
from ci_guard.model.errors import InputError
from ci_guard.model.record import record, replace
from ci_guard.source.edit import replace_file

INDEX: Final = "index.json"
_FORMAT: Final = 1


@record
class Entry:
    """One compiled table. `as_of` is the day its data is from (2026-12-31, "" unknown), `source` what it is made of."""

    table: str
    digest: str
    records: int
    withdrawn: int
    names: int
    as_of: str
    source: str


Entries = Mapping[str, Entry]
"""Ecosystem (lower case, without release), `kev` or `epss` -> its table."""


def folder(environ: Mapping[str, str]) -> Path:
    """The folder of the cache."""
    if named := environ.get("CI_GUARD_CACHE"):
        return Path(named) / "advisories"
    base = environ.get("XDG_CACHE_HOME") or ""
    home = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".cache"
    return home / "ci-guard" / "advisories"


def installed(cache: Path) -> dict[str, Entry]:
    """What `deps db update` took in; empty when it never ran. Raises InputError for a broken index."""
    return _read_index(cache / INDEX) or {}


def take_in(cache: Path, path: Path, as_of: str = "", source: str = "") -> dict[str, Entry]:
    """Compile `path` and add it to what is installed; gives what is new. Raises InputError; then nothing changed."""
    made = _compile(cache, path, content_digest(path), as_of)
    if source:
        made = {name: replace(entry, source=source) for name, entry in made.items()}
    _write_index(cache / INDEX, {**installed_or_nothing(cache), **made})
    return made


def installed_or_nothing(cache: Path) -> dict[str, Entry]:
    """The same, but a broken index counts as none: it is about to be written anew."""
    try:
        return installed(cache)
    except InputError:
        return {}


def from_path(cache: Path, path: Path) -> dict[str, Entry]:
    """The tables of a database that the policy names by path; compiled when its content is new. Raises InputError."""
    digest = content_digest(path)
    index = cache / f"{digest}.json"
    try:
        known = _read_index(index)
        if known is not None and all((cache / entry.table).is_file() for entry in known.values()):
            return known
    except InputError:
        pass  # a broken entry of the cache is written anew
    made = _compile(cache, path, digest, "")
    _write_index(index, made)
    return made


def _compile(cache: Path, path: Path, digest: str, as_of: str) -> dict[str, Entry]:
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        scores = read_epss(path)
        return {EPSS: _feed(cache, EPSS, scores, digest, as_of, path)}
    if name.endswith(".json") and path.is_file() and b'"cveID"' in path.read_bytes()[:20_000]:
        known = read_kev(path)
        newest = max((entry[0] for entry in known.values()), default="")
        return {KEV: _feed(cache, KEV, known, digest, as_of or newest, path)}
    made = {}
    for base, found in sorted(compile_records(read_records(path)).items()):
        file = f"{_slug(base)}-{digest[:32]}.db"
        root = table.write(cache / file, found.names.items())
        day = as_of or found.newest[:10]
        made[base] = Entry(file, root, found.records, found.withdrawn, len(found.names), day, str(path))
    if not made:
        raise InputError(f"{path}: there is no advisory record here, so there is nothing to judge by")
    return made


def _feed(cache: Path, name: str, values: Mapping[str, object], digest: str, as_of: str, path: Path) -> Entry:
    file = f"{name}-{digest[:32]}.db"
    root = table.write(cache / file, values.items())
    return Entry(file, root, len(values), 0, len(values), as_of, str(path))


def _slug(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text)[:60]


def _read_index(path: Path) -> dict[str, Entry] | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    try:
        given = json.loads(data)
        if given["format"] != _FORMAT:
            return None
        return {str(name): Entry(**entry) for name, entry in given["tables"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path}: this index is broken; `ci-guard deps db update` writes it anew") from None


def _write_index(path: Path, entries: Entries) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    given = {
        "format": _FORMAT,
        "tables": {
            name: {key: getattr(entry, key) for key in Entry.__match_args__} for name, entry in sorted(entries.items())
        },
    }
    replace_file(path, (json.dumps(given, indent=1) + "\n").encode())
