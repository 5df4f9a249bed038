"""What a plain YAML scalar means, by dialect.

`kubernetes` is what an API server sees after sigs.k8s.io/yaml (go-yaml v2, then JSON): YAML 1.1 booleans, Go's
`ParseInt(text, 0, 64)` for integers, no base 60, dates stay text, and numbers as they come back from JSON: an
integral float is an integer (`runAsUser: 0.0` is 0), an integer beyond 64 bit is a float.
`yaml-1.2` is the core schema of YAML 1.2.2.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from ci_guard.model.pattern import pattern

_YAML_TAG = "tag:yaml.org,2002:"
INT_MAX = 2**63 - 1
INT_MIN = -(2**63)

_NULLS = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_KUBERNETES_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **_NULLS,
}
_CORE_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{k: v for k, v in _KUBERNETES_WORDS.items() if isinstance(v, float)},
    **_NULLS,
}
_NUMBER_START = frozenset("+-.0123456789")
_GO_INTEGER = pattern(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))\Z", re.ASCII)
_FLOAT = pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII)
_BETWEEN_DIGITS = pattern(r"(?<=[0-9])_(?=[0-9])", re.ASCII)
_CORE_INTEGER = pattern(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z", re.ASCII)
_LONGEST_INTEGER = 40  # digits; longer ones are floats anyway, and int() of very long text is slow


class TagMismatchError(ValueError):
    """A tag says one type and the text is another."""


class Schema(NamedTuple):
    """How one YAML dialect reads scalars, keys, nulls and merge keys.

    `words` and `number` decide plain scalars. `null_values` keeps nulls in maps. `merge_in_order`: a `<<` overrides
    the keys before it, as go-yaml v2 does, instead of only filling in what is missing. `through_json`: numbers come
    out as Go's JSON writes and reads them.
    """

    words: dict[str, Any]
    number: Callable[[str], Any]
    null_values: bool
    merge_in_order: bool
    through_json: bool

    def plain(self, text: str) -> Any:
        """The value of a plain scalar."""
        if text in self.words:
            return self.words[text]
        if text[0] not in _NUMBER_START:
            return text
        value = self.number(text)
        return json_number(value) if self.through_json and isinstance(value, float) else value

    def key(self, text: str) -> str:
        """A plain scalar as the text of a key."""
        return key_text(self.words[text] if text in self.words else self.number(text or "~"))

    def tagged(self, tag: str, text: str) -> Any:
        """The value of a scalar with an explicit tag; an unknown tag says nothing. Raises TagMismatchError."""
        name = tag.removeprefix(_YAML_TAG) if tag.startswith(_YAML_TAG) else ""
        if name == "binary":
            return _binary(text)
        if name not in {"bool", "int", "float", "null"}:
            return text
        value = self.plain(text)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = {
            "bool": isinstance(value, bool),
            "int": number and bool(_GO_INTEGER.match(text.replace("_", ""))),
            "float": number,
            "null": value is None,
        }
        if not fits[name]:
            raise TagMismatchError(f"!!{name} does not fit its text")
        return value


def key_text(value: Any) -> str:
    """A map key as text, the way sigs.k8s.io/yaml writes keys that are not strings."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _float_key(value)


def _float_key(value: float) -> str:
    """Go's `FormatFloat(value, 'g', -1, 32)`: the shortest text that gives the same 32-bit float."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value) or abs(value) > 3.4028235677973366e38:
        return ".inf" if value > 0 else "-.inf"
    single = struct.pack("<f", value)
    digits = next(d for d in range(1, 10) if struct.pack("<f", float(f"{value:.{d - 1}e}")) == single)
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if -4 <= int(exponent) < 6:
        return f"{float(f'{value:.{digits - 1}e}'):.{max(digits - 1 - int(exponent), 0)}f}"
    return f"{mantissa}e{exponent}"


def json_number(value: float) -> int | float:
    """A float after its way through JSON into an API server: below 1e21 an integral one is written with digits only."""
    if not value.is_integer() or abs(value) >= 1e21:
        return value
    mantissa, _, exponent = repr(value).partition("e")  # the shortest digits, as Go writes them
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction.ljust(int(exponent), "0") if exponent else whole
    return int(digits) if INT_MIN <= int(digits) <= INT_MAX else value


def bounded(value: int) -> int | float:
    """An integer as the API server holds it: beyond 64 bit a float."""
    return value if INT_MIN <= value <= INT_MAX else float(value)


def _go_number(text: str) -> Any:
    if text[0] not in _NUMBER_START:
        return text
    if text[0] == ".":
        return _go_float(_BETWEEN_DIGITS.sub("", text), text)
    digits = text.replace("_", "")
    found = _GO_INTEGER.match(digits)
    if found and len(digits) <= _LONGEST_INTEGER:
        return _go_integer(found, text)
    return _go_float(digits, text)


def _go_integer(found: re.Match[str], text: str) -> Any:
    sign, hexadecimal, binary, octal, decimal = found.groups()
    base, digits = next((b, d) for b, d in ((16, hexadecimal), (2, binary), (8, octal), (10, decimal)) if d)
    value = int(sign + digits, base)
    if INT_MIN <= value < 2**64:
        return bounded(value)
    # Only text that also looks like a decimal float is still a number there; a longer hex word is text.
    return _go_float(sign + digits, text) if base == 10 else text


def _go_float(digits: str, text: str) -> Any:
    if not _FLOAT.match(digits):
        return text
    value = float(digits)
    return text if math.isinf(value) else value


def _core_number(text: str) -> Any:
    if text[0] not in _NUMBER_START:
        return text
    if len(text) <= _LONGEST_INTEGER and _CORE_INTEGER.match(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return bounded(int(text, base))
    return float(text) if _FLOAT.match(text) else text


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise TagMismatchError("!!binary holds no base64") from None


SCHEMAS = {
    "kubernetes": Schema(_KUBERNETES_WORDS, _go_number, null_values=False, merge_in_order=True, through_json=True),
    "yaml-1.2": Schema(_CORE_WORDS, _core_number, null_values=True, merge_in_order=False, through_json=False),
}
