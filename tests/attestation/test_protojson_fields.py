"""Protobuf's JSON, field by field: what is a 64-bit number, what is bytes, what is too deep."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.attestation.protojson import Fields, decode, parse, quoted
from ci_guard.model.errors import VerificationError


@pytest.mark.parametrize(("value", "number"), [("0", 0), (7, 7), (str(2**63 - 1), 2**63 - 1), (None, 0)])
def test_numbers(value: object, number: int) -> None:
    assert Fields({"n": value}, "x").int64("n") == number


@pytest.mark.parametrize("value", [-1, "-1", 2**63, str(2**63), 1.0, True, "", " 1", "1e3", "٣", "0x1", [], {}])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(VerificationError, match=r"x\.n is not a non-negative 64-bit number"):
        Fields({"n": value}, "x").int64("n")


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QR==", "Q Q==", "QQ==\n", "QQ==QQ==", "-_-_", "é===", "===="])
def test_what_is_no_canonical_base64(text: str) -> None:
    with pytest.raises(VerificationError, match="base64"):
        decode(text, what="x")


@given(st.binary(max_size=40), st.text("AQRSZaz09+/=- é", max_size=6), st.integers(0, 60))
def test_bytes_have_one_spelling(data: bytes, more: str, at: int) -> None:
    text = base64.b64encode(data).decode()
    assert decode(text, what="x") == data
    for other in (text[:at] + more + text[at:], text[:at] + more):
        try:
            read = decode(other, what="x")
        except VerificationError:
            continue
        assert base64.b64encode(read).decode() == other


def test_depth_is_counted_in_objects_and_lists() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        for depth in (5, 6):
            data = (opening * depth + "1" + closing * depth).encode()
            if depth <= 5:
                parse(data, what="x", limit=99, depth=5)
            else:
                with pytest.raises(VerificationError, match="deeper than 5"):
                    parse(data, what="x", limit=99, depth=5)


def test_a_strangers_text_is_cut_and_escaped() -> None:
    assert quoted("a\x1b[2J\u202eb") == r"'a\x1b[2J\u202eb'"
    assert len(quoted("x" * 10_000)) < 130


def test_a_list_of_texts_is_no_map_of_texts() -> None:
    with pytest.raises(VerificationError, match="something other than text"):
        Fields({"sha256": 1}, "digest").texts()
    with pytest.raises(VerificationError, match="not a list of at most 1"):
        Fields({"a": [1, 2]}, "x").values("a", most=1)
