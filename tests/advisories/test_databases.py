"""Databases: what is taken in, what is refused in which words, and that the cache is verified when it is read."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_guard.advisories import cache, sources, table
from ci_guard.advisories.compiling import from_plain, read_records, to_plain
from ci_guard.advisories.database import Databases, age
from ci_guard.advisories.matching import match
from ci_guard.advisories.record import parse_record
from ci_guard.model.errors import InputError


def advisory(name: str = "X-1", package: str = "shop", ecosystem: str = "PyPI", **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]}]
    entry = {"package": {"ecosystem": ecosystem, "name": package}, "ranges": ranges}
    return {"id": name, "modified": "2026-11-20T00:00:00Z", "affected": [entry], **more}


def zipped(members: dict[str, bytes], *, pack: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", pack) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def database(path: Path, *records: dict[str, Any]) -> Path:
    path.write_bytes(zipped({f"{r['id']}.json": json.dumps(r).encode() for r in records}))
    return path


def test_every_form_gives_the_same_answers(tmp_path: Path) -> None:
    given_record = advisory()
    (tmp_path / "folder/deeper").mkdir(parents=True)
    (tmp_path / "folder/deeper/X-1.yaml").write_text(json.dumps(given_record))
    (tmp_path / "buckets/PyPI").mkdir(parents=True)
    database(tmp_path / "buckets/PyPI/all.zip", given_record)
    (tmp_path / "X-1.json").write_text(json.dumps(given_record))
    database(tmp_path / "all.zip", given_record)
    found = []
    for name in ("folder", "buckets", "X-1.json", "all.zip"):
        folder = tmp_path / "cache" / name
        source = Databases(folder, cache.from_path(folder, tmp_path / name))
        found.append([match(source, "PyPI", "Shop", v).matches for v in ("1.0", "1.2")])
    assert found[0][0][0].id == "X-1"
    assert found[0][1] == []
    assert all(other == found[0] for other in found)


def test_a_second_run_compiles_nothing(tmp_path: Path) -> None:
    path = database(tmp_path / "all.zip", advisory())
    first = cache.from_path(tmp_path / "cache", path)
    written = {f: f.stat().st_mtime_ns for f in (tmp_path / "cache").iterdir()}
    assert cache.from_path(tmp_path / "cache", path) == first
    assert {f: f.stat().st_mtime_ns for f in (tmp_path / "cache").iterdir()} == written
    database(path, advisory(), advisory("X-2"))
    assert cache.from_path(tmp_path / "cache", path)["pypi"].records == 2


def test_taking_in_replaces_one_ecosystem_and_keeps_the_others(tmp_path: Path) -> None:
    cache.take_in(tmp_path, database(tmp_path / "one.zip", advisory(), advisory("X-2", ecosystem="npm")))
    cache.take_in(tmp_path, database(tmp_path / "two.zip", advisory("X-3", ecosystem="npm")), "2026-11-23")
    entries = cache.installed(tmp_path)
    assert {n: (e.records, e.as_of) for n, e in entries.items()} == {
        "npm": (1, "2026-11-23"),
        "pypi": (1, "2026-11-20"),
    }
    assert age(entries["pypi"], date(2026, 11, 23)) == 3


def test_kev_and_epss_raise_what_is_used(tmp_path: Path) -> None:
    (tmp_path / "kev.json").write_text(
        json.dumps({"vulnerabilities": [{"cveID": "CVE-2026-1", "dateAdded": "2026-11-01"}]})
    )
    (tmp_path / "epss.csv.gz").write_bytes(gzip.compress(b"#model:v1\ncve,epss,percentile\nCVE-2026-1,0.42,0.9\n"))
    cache.take_in(tmp_path, database(tmp_path / "all.zip", advisory(aliases=["CVE-2026-1"])))
    cache.take_in(tmp_path, tmp_path / "kev.json")
    cache.take_in(tmp_path, tmp_path / "epss.csv.gz", "2026-11-22")
    found = match(Databases(tmp_path, cache.installed(tmp_path)), "PyPI", "shop", "1.0").matches[0]
    assert (found.id, str(found.severity), found.exploited, found.probability) == ("CVE-2026-1", "critical", True, 0.42)


def _bomb() -> bytes:
    return zipped({"bomb.json": b" " * 7_000_000})


def _lying_size() -> bytes:
    """A member that says it is small and is not."""
    data = bytearray(zipped({"a.json": b"[" * 50_000}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(data)


def _laughs() -> bytes:
    """Nine aliases a level, nine levels."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))]
    return "\n".join(lines).encode()


HOSTILE = {
    "not-a-zip": (b"this is no archive", "no whole zip archive"),
    "empty": (b"", "no whole zip archive"),
    "truncated": (zipped({"a.json": b"x" * 5000})[:-200], "no whole zip archive"),
    "no-records": (zipped({"readme.txt": b"hello"}), "nothing to judge by"),
    "climbs": (zipped({"../../evil.json": b"{}"}), "points outside of the archive"),
    "absolute": (zipped({"/etc/evil.json": b"{}"}), "points outside of the archive"),
    "drive": (zipped({"C:\\evil.json": b"{}"}), "points outside of the archive"),
    "bomb": (_bomb(), "a bomb"),
    "lying-size": (_lying_size(), "all.zip"),
    "no-json": (zipped({"a.json": b"{"}), "cannot be read"),
    "deep": (zipped({"a.json": b"[" * 90_000}, pack=zipfile.ZIP_STORED), "cannot be read"),
    "a-list": (zipped({"a.json": b"[]"}), "no OSV record"),
    "no-id": (zipped({"a.json": b'{"affected": []}'}), "has an `id`"),
    "wrong-type": (zipped({"a.json": b'{"id": "X", "affected": {}}'}), "`affected` is no list"),
    "yaml-bomb": (zipped({"a.yaml": _laughs()}), "cannot be read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_database_is_refused_in_words(name: str, tmp_path: Path) -> None:
    data, words = HOSTILE[name]
    path = tmp_path / "all.zip"
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        cache.take_in(tmp_path / "cache", path)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert not (tmp_path / "cache").exists(), "nothing half done is left"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["all.zip"], "nothing is written anywhere else"


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILES", 3)  # the bound, not the code
    path = database(tmp_path / "all.zip", *(advisory(f"X-{n}") for n in range(4)))
    with pytest.raises(InputError, match="more than 3 members"):
        cache.take_in(tmp_path / "cache", path)


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(json.dumps(advisory()))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "X-1.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(InputError, match="nothing to judge by"):
        cache.take_in(tmp_path / "cache", folder)


@pytest.mark.parametrize("place", ["index", "blob", "cut", "gone", "format"])
def test_a_cache_that_was_touched_is_not_used(place: str, tmp_path: Path) -> None:
    entries = cache.take_in(tmp_path, database(tmp_path / "all.zip", advisory(summary="x" * 500)))
    file = tmp_path / entries["pypi"].table
    data = bytearray(file.read_bytes())
    if place == "gone":
        file.unlink()
    else:
        at = {"index": len(table.MAGIC) + 45, "blob": len(data) - 5, "cut": 0, "format": 3}[place]
        data[at] ^= 1
        file.write_bytes(bytes(data[:40] if place == "cut" else data))
    with pytest.raises(InputError, match="deps db update"):
        match(Databases(tmp_path, entries), "PyPI", "shop", "1.0")


def test_a_broken_index_is_an_error_and_can_be_written_anew(tmp_path: Path) -> None:
    (tmp_path / cache.INDEX).write_text("{")
    with pytest.raises(InputError, match="writes it anew"):
        cache.installed(tmp_path)
    cache.take_in(tmp_path, database(tmp_path / "all.zip", advisory()))
    assert set(cache.installed(tmp_path)) == {"pypi"}


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = advisory("X-1"), advisory("X-2", package="other")
    first = cache.from_path(tmp_path / "a", database(tmp_path / "a.zip", one, two))
    second = cache.from_path(tmp_path / "b", database(tmp_path / "b.zip", one, two))
    assert first["pypi"].digest == second["pypi"].digest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(["0", "1.0", "2.0", "x", "*", "", "1.0-rc1"])
EVENTS = st.lists(
    st.dictionaries(st.sampled_from(["introduced", "fixed", "last_affected", "limit"]), WORDS | JSON), max_size=5
)
RANGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["SEMVER", "ECOSYSTEM", "GIT"]) | JSON, "events": EVENTS | JSON}
)
ENTRY = st.fixed_dictionaries(
    {
        "package": st.fixed_dictionaries(
            {"ecosystem": st.sampled_from(["PyPI", "npm", "Maven", "Android"]), "name": st.just("shop")}
        )
        | JSON
    },
    optional={
        "ranges": st.lists(RANGES, max_size=3) | JSON,
        "versions": st.lists(WORDS, max_size=4) | JSON,
        "severity": JSON,
    },
)
RECORD = st.fixed_dictionaries(
    {"id": st.just("X-1") | JSON, "affected": st.lists(ENTRY, max_size=3) | JSON},
    optional={"aliases": JSON, "withdrawn": JSON, "summary": JSON, "database_specific": JSON, "severity": JSON},
)


@given(RECORD | JSON, st.sampled_from(["1.0", "latest", "", "1.0.0-rc1"]))
@settings(deadline=None)
def test_any_record_is_read_or_refused(data: Any, version: str) -> None:
    """Only InputError comes out; what was read survives being written and read back, and can be asked."""
    try:
        record = parse_record(data, "here")
    except InputError as error:
        assert str(error).startswith("here: ")
        return

    class One:
        def covers(self, ecosystem: str) -> bool:
            return True

        def prepare(self, packages: Any) -> None: ...

        def records(self, ecosystem: str, name: str, version: str) -> Any:
            return [(record, entry) for entry in record.affected]

        def exploited(self, cve: str) -> bool:
            return False

        def probability(self, cve: str) -> float:
            return 0.0

    for entry in record.affected:
        _, back = from_plain(entry.name, json.loads(json.dumps(to_plain(record, entry))))
        assert back == entry
        match(One(), entry.ecosystem, entry.name, version)


@given(st.binary(max_size=300), st.booleans(), st.integers(0, 400))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_database_or_refused(tmp_path: Path, noise: bytes, inside: bool, cut: int) -> None:
    path = tmp_path / "all.zip"
    whole = zipped({"a.json": json.dumps(advisory()).encode(), "b.yaml": noise})
    path.write_bytes(whole if inside else whole[:cut] + noise + whole[cut + len(noise) :])
    try:
        assert all(record.id for record in read_records(path))
    except InputError as error:
        assert str(path) in str(error)
