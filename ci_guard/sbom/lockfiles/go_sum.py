"""`go.sum`: the hashes of module versions; those of `…/go.mod` lines are of go.mod files only and left out."""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Mapping

from ci_guard.model.component import Hash
from ci_guard.model.location import Location
from ci_guard.sbom.lockfiles.lines import bounded, lines
from ci_guard.sbom.lockfiles.lock import source_text
from ci_guard.source.document import Unreadable

_FIELDS = 3  # module, version, hash
_DIGEST = 32  # bytes of the SHA-256 in an `h1:`

Sums = Mapping[tuple[str, str], tuple[tuple[Hash, Location], ...]]
"""(module, version) -> its hashes and where they stand; more than one when go.sum contradicts itself."""


def read_sums(path: str, data: bytes) -> tuple[Sums, list[Unreadable]]:
    """The hashes of module contents, and the lines that are none. Raises LockError."""
    source = source_text(path, data)
    sums: dict[tuple[str, str], dict[Hash, Location]] = defaultdict(dict)
    broken = []
    for count, line in enumerate(lines(source)):
        bounded(source, count)
        fields = line.text.split()
        digest = dirhash(fields[2]) if len(fields) == _FIELDS else None
        if fields and digest is None:
            broken.append(Unreadable(path, line.place(source), "this is no line of go.sum: module, version, h1: hash"))
        elif digest is not None and not fields[1].endswith("/go.mod"):
            sums[fields[0], fields[1]].setdefault(digest, line.place(source))
    return {key: tuple(found.items()) for key, found in sums.items()}, broken


def dirhash(text: str) -> Hash | None:
    """`h1:BASE64` as a Hash of the algorithm `h1`: SHA-256 over the module's list of files and their hashes."""
    kind, _, encoded = text.partition(":")
    try:
        value = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return Hash("h1", value.hex()) if kind == "h1" and len(value) == _DIGEST else None
