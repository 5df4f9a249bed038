"""`primaryLocationLineHash` against published vectors and a slow, literal reading of the algorithm."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ci_guard.sarif.fingerprint import line_hashes

LOREM = [f"a7f2ff13bc495cf2:{n}" for n in range(1, 7)] + ["a7f2ff1481e87703:1", "a9cf91f7bbf1862b:1"]
GOLDEN = [
    (b"", ["c129715d7a2bc9a3:1"]),
    (b"Lorem ipsum dolor sit amet.\n" * 10, LOREM),
    (b"Lorem ipsum dolor sit amet.\r\n" * 10, LOREM),
    (b"Lorem ipsum dolor sit amet.\r" * 10, LOREM),
    (b" L o\trem ipsumdolor sit amet.\n" * 10, LOREM),
]


@pytest.mark.parametrize(("data", "expected"), GOLDEN)
def test_golden_vectors(data: bytes, expected: list[str]) -> None:
    assert line_hashes(data)[: len(expected)] == expected


def slow(data: bytes) -> list[str]:
    """The algorithm as a rolling window, one code unit at a time; written from its description."""
    encoded = data.decode("utf-8", "replace").encode("utf-16-be")
    units = [encoded[i] << 8 | encoded[i + 1] for i in range(0, len(encoded), 2)]
    kept: list[int] = []
    after_cr = False
    for unit in units:
        if unit in (32, 9) or (after_cr and unit == 10):
            after_cr = False
            continue
        after_cr = unit == 13
        kept.append(10 if after_cr else unit)
    kept.append(65535)
    starts = [i for i in range(len(kept)) if i == 0 or kept[i - 1] == 10]
    seen: dict[int, int] = {}
    out = []
    for start in starts:
        value = 0
        for i in range(start, start + 100):
            value = (value * 37 + (kept[i] if i < len(kept) else 0)) % (1 << 64)
        seen[value] = seen.get(value, 0) + 1
        out.append(f"{value:x}:{seen[value]}")
    return out


pieces = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b" ", b"\t", b"\xef\xbb\xbf", b"\xf0\x9f\x92\xa9", b"\xff", b"\xed\xa0\x80"]
)


@given(st.lists(pieces | st.binary(max_size=5) | st.text(max_size=120).map(str.encode), max_size=40).map(b"".join))
@example(b"\r \n")
@example(b"\xef\xbb\xbfa\r\n\r\n")
@example("\uffff\n\uffff".encode())
@example(b"ba\nab\n" + bytes([97, 97 + 37 - 1]) + b"\n")
def test_same_as_the_slow_reading(data: bytes) -> None:
    assert line_hashes(data) == slow(data)


def test_a_line_of_many_is_found_by_its_number() -> None:
    hashes = line_hashes(b"a\nb\na\n")
    assert [h.endswith(":1") for h in hashes] == [True] * 4
    assert len(hashes) == 4
