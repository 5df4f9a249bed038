"""JSON as protobuf's JSON mapping writes it, read strictly: bounded, no duplicate keys, no unknown fields.

A verifier must not read a document otherwise than the next verifier does. So everything on which two readers
could disagree is refused: duplicate keys, fields that this version does not know, base64 that is not canonical,
text that is not UTF-8, numbers beyond their type.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from typing import Any

from ci_guard.model.errors import CiGuardError, VerificationError

INT64_MAX = 2**63 - 1
_INT64_DIGITS = 19
_LONGEST_QUOTE = 120
_NESTED = (dict, list)


def parse(data: bytes, *, what: str, limit: int, depth: int, error: type[CiGuardError] = VerificationError) -> Any:
    """The JSON value in `data`: at most `limit` bytes, nested at most `depth` deep. Raises `error`."""
    if len(data) > limit:
        raise error(f"the {what} has {len(data):,} bytes; the limit is {limit:,}")
    try:
        value = _READER.decode(data.decode("utf-8"))
    except RecursionError:
        raise error(f"the {what} is nested too deeply") from None
    except ValueError as problem:  # also UnicodeDecodeError and numbers of too many digits
        raise error(f"the {what} is not strict JSON: {problem}") from None
    brackets = data.count(b"{") + data.count(b"[")
    if brackets > depth and not _shallow(value, depth):  # no document is deeper than it has brackets
        raise error(f"the {what} is nested deeper than {depth} levels")
    return value


def write(value: Any) -> bytes:
    """`value` as compact UTF-8 JSON, keys in the order given. Raises ValueError for what JSON cannot carry."""
    return _WRITER.encode(value).encode("utf-8")


def quoted(text: str) -> str:
    """A stranger's text for a message: cut, and every control escaped."""
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…")


def encode(data: bytes) -> str:
    """Standard base64 with padding, protobuf's spelling of bytes."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode(text: str, *, what: str) -> bytes:
    """The bytes of canonical standard base64. Raises VerificationError; so do spare bits in the last character."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # also binascii.Error
        raise VerificationError(f"{what} is not base64") from None
    last = data[(len(data) - 1) // 3 * 3 :]  # everything before it has one spelling only, read strictly
    if len(text) != (len(data) + 2) // 3 * 4 or not text.endswith(encode(last)):
        raise VerificationError(f"{what} is not canonical base64")
    return data


class Fields:
    """One JSON object under strict reading: typed getters, and `done()` refuses what nobody asked for.

    A missing field has protobuf's default (`""`, 0, empty); `require` turns that into a refusal.
    """

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, dict):
            raise VerificationError(f"{what} is not a JSON object")
        self._value: Mapping[str, Any] = value
        self._seen: set[str] = set()
        self.what = what

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        self._seen.add(name)
        return self._value.get(name) is not None

    def text(self, name: str, *, require: bool = False) -> str:
        """A string field."""
        value = self._get(name, require=require)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise VerificationError(f"{self.what}.{name} is not a string")
        if require and not value:
            raise VerificationError(f"{self.what}.{name} is empty")
        return value

    def data(self, name: str, *, require: bool = False) -> bytes:
        """A bytes field (canonical standard base64)."""
        return decode(self.text(name, require=require), what=f"{self.what}.{name}")

    def int64(self, name: str) -> int:
        """A non-negative int64, written as a string of digits or as a number."""
        value = self._get(name)
        if value is None:
            return 0
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _INT64_DIGITS:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INT64_MAX:
            raise VerificationError(f"{self.what}.{name} is not a non-negative 64-bit number")
        return value

    def fields(self, name: str, *, require: bool = False) -> Fields | None:
        """A message field, or None when it is not there."""
        value = self._get(name, require=require)
        return None if value is None else Fields(value, f"{self.what}.{name}")

    def items(self, name: str, *, most: int) -> list[Fields]:
        """A repeated message field of at most `most` items."""
        return [Fields(item, f"{self.what}.{name}[{n}]") for n, item in enumerate(self.values(name, most=most))]

    def messages(self, *, most: int) -> list[Fields]:
        """The whole object as a map of text to at most `most` messages."""
        if len(self._value) > most:
            raise VerificationError(f"{self.what} holds {len(self._value):,} things, expected at most {most}")
        self._seen.update(self._value)
        return [Fields(value, f"{self.what}.{quoted(name)}") for name, value in self._value.items()]

    def values(self, name: str, *, most: int) -> list[Any]:
        """A repeated field of at most `most` items, not looked into."""
        value = self._get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > most:
            raise VerificationError(f"{self.what}.{name} is not a list of at most {most} items")
        return value

    def texts(self) -> dict[str, str]:
        """The whole object as a map of text to text."""
        self._seen.update(self._value)
        if not all(isinstance(value, str) for value in self._value.values()):
            raise VerificationError(f"{self.what} holds something other than text")
        return dict(self._value)

    def done(self) -> None:
        """Refuse every field that no getter asked for: it could mean something to another reader."""
        if not self._value.keys() <= self._seen:
            unknown = min(self._value.keys() - self._seen)
            raise VerificationError(f"{self.what} has the unknown field {quoted(unknown)}")

    def _get(self, name: str, *, require: bool = False) -> Any:
        self._seen.add(name)
        value = self._value.get(name)
        if value is None and require:
            raise VerificationError(f"{self.what}.{name} is missing")
        return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {quoted(twice)} stands twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_READER = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _shallow(value: Any, depth: int) -> bool:
    """Whether no list or object nests deeper than `depth`; level by level, so that no input recurses."""
    level = [value] if isinstance(value, _NESTED) else []
    for _ in range(depth):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, _NESTED)
        ]
        if not level:
            return True
    return False
