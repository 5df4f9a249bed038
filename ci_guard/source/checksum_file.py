r"""Lists of checksums as `sha256sum` and its kin print and check them.

    HEX  name                 text mode; `HEX *name` is binary mode, which is the same on every system of today
    SHA256 (name) = HEX       `--tag`, as BSD prints them
    \HEX  na\nme              an escaped name: a backslash before the line, `\\`, `\n` and `\r` within the name

After coreutils' manual (https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ci_guard.model.errors import InputError

LIMIT: Final = 32_000_000  # bytes: some 300,000 names

_ALGORITHMS: Final = {64: "sha256", 96: "sha384", 128: "sha512"}
_GNU = re.compile(r"(\\?)([0-9a-fA-F]{64,128}) [ *](.+)")
_BSD = re.compile(r"(\\?)SHA(?:256|384|512) \((.+)\) = ([0-9a-fA-F]{64,128})")
_ESCAPE = re.compile(r"\\(.?)")
_MEANT: Final = {"\\": "\\", "n": "\n", "r": "\r"}
_EXPECTED = "expected what sha256sum or sha512sum prints: HEX, two spaces, name"


class Checksum(NamedTuple):
    """One line: `digest` in lower-case hex, `name` as the file is called, `line` from 1."""

    algorithm: str
    digest: str
    name: str
    line: int = 0


def is_checksum_file(data: bytes) -> bool:
    """Whether the first line is one of such a list."""
    first = data[:5_000].partition(b"\n")[0].decode("utf-8", "replace").removesuffix("\r")
    return _parsed(first, 1) is not None


def read_checksums(path: str, data: bytes) -> list[Checksum]:
    """Every line. Raises InputError, naming file and line, for a line that is none; for an empty list, too."""
    if len(data) > LIMIT:
        raise InputError(f"{path}: larger than {LIMIT} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text") from None
    found = list(_lines(path, text))
    if not found:
        raise InputError(f"{path}: lists nothing")
    return found


def _lines(path: str, text: str) -> Iterator[Checksum]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            checksum = _parsed(line.removesuffix("\r"), number)
            if checksum is None:
                raise InputError(f"{path}:{number}: {_EXPECTED}")
            yield checksum


def _parsed(line: str, number: int) -> Checksum | None:
    if match := _GNU.fullmatch(line):
        escaped, digest, name = match.groups()
    elif match := _BSD.fullmatch(line):
        escaped, name, digest = match.groups()
    else:
        return None
    algorithm = _ALGORITHMS.get(len(digest))
    plain = _unescaped(name) if escaped else name
    if algorithm is None or plain is None or (match.re is _BSD and not line.lstrip("\\").startswith(algorithm.upper())):
        return None
    return Checksum(algorithm, digest.lower(), plain, number)


def _unescaped(name: str) -> str | None:
    """The name; None when a backslash stands before something that is not escaped that way."""
    if any(m[1] not in _MEANT for m in _ESCAPE.finditer(name)):
        return None
    return _ESCAPE.sub(lambda m: _MEANT[m[1]], name)


def write_checksums(checksums: Iterable[Checksum]) -> bytes:
    """The list in GNU's form, sorted by name, escaped where a name needs it."""
    return "".join(sorted(map(_written, checksums), key=lambda line: line.lstrip("\\").partition("  ")[2])).encode(
        "utf-8", "surrogateescape"
    )


def _written(checksum: Checksum) -> str:
    name = checksum.name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if name != checksum.name else ""
    return f"{mark}{checksum.digest}  {name}\n"
