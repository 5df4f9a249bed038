"""Hashes as locks write them (`sha256:hex`, SRI base64), turned into `Hash` values; and how strong each one is."""

from __future__ import annotations

import base64
import binascii
import re

from ci_guard.model.component import Hash

_HEX_DIGITS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
"""Algorithm -> length of its digest in hex. A digest of another length is no digest: nothing could match it."""

STRONG = frozenset({"sha256", "sha384", "sha512", "h1"})
"""What pip, uv, npm and go accept as proof of content today; MD5 and SHA-1 collide, SHA-224 no installer takes.

`h1` is Go's: SHA-256 over the list of a module's files and their hashes. Documents have no name for it.
"""

_HEX = re.compile(r"[0-9a-f]+\Z")


def strength(algorithm: str) -> str:
    """`strong` or `weak`."""
    return "strong" if algorithm in STRONG else "weak"


def parse_hash(text: str) -> Hash | None:
    """`sha256:HEX` (uv.lock, `--hash=`) as a Hash; None when it is no digest of an algorithm we know."""
    algorithm, _, value = text.strip().partition(":")
    algorithm, value = algorithm.lower(), value.lower()
    if len(value) != _HEX_DIGITS.get(algorithm) or not _HEX.match(value):
        return None
    return Hash(algorithm, value)


def parse_integrity(text: str) -> tuple[Hash, ...]:
    """Subresource Integrity metadata (`sha512-BASE64 sha1-BASE64?option`) as hashes, sorted; the unusable left out."""
    found = {_sri_hash(token) for token in text.split()}
    return tuple(sorted(h for h in found if h is not None))


def _sri_hash(token: str) -> Hash | None:
    algorithm, _, encoded = token.partition("?")[0].partition("-")
    try:
        value = base64.b64decode(encoded.encode("ascii"), validate=True).hex()
    except (binascii.Error, UnicodeEncodeError):
        return None
    return parse_hash(f"{algorithm}:{value}")
