"""Compressed layers laid out on disk: gzip, zstd or plain, bounded in size and in ratio.

The kind is told by the first bytes, as container runtimes do, and not by the media type, which may lie.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tempfile
import zlib
from contextlib import ExitStack
from importlib import import_module
from typing import Any, BinaryIO, cast

from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.sbom.images.span import CHUNK, Span, SpanReader

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = (b"\x2a\x4d\x18", range(0x50, 0x60))
_WINDOW_LOG = 27  # 128 MiB: what `zstd --ultra` needs at most; a frame may ask for more, and does not get it


@record
class Limits:
    """What one image may cost: bytes of all its layers unpacked, how much more than their packed size, entries."""

    unpacked: int = 16 * 1024**3
    ratio: int = 200  # of a whole layer, once it is larger than `free`; text and zeros together stay below
    free: int = 256 * 1024**2
    entries: int = 1_000_000
    layers: int = 256  # Docker stops at 127


def unpacked(blob: Span, limits: Limits, budget: int, keep: ExitStack) -> tuple[Span, str]:
    """(the layer's tar, its sha256 digest). What is compressed goes to an unnamed temporary file, closed by `keep`.

    `budget` is how many bytes may still be unpacked. Raises InputError: broken, unknown, or a bomb.
    """
    opened = _opened(blob)
    if opened is None:
        return blob, blob.digest("sha256")
    most = min(budget, max(limits.free, limits.ratio * blob.length))
    file = cast(BinaryIO, keep.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115 - closed by `keep`
    state = hashlib.sha256()
    total = 0
    try:
        while chunk := opened.read(CHUNK):
            total += len(chunk)
            if total > most:
                raise InputError(f"{blob.name}: unpacks to more than {most} bytes: refused as a bomb")
            state.update(chunk)
            file.write(chunk)
        file.flush()
    except (OSError, EOFError, zlib.error, ValueError, _zstd_error()) as error:
        raise InputError(f"{blob.name}: cannot be unpacked: {error}") from None
    return Span(file, 0, total, blob.name), f"sha256:{state.hexdigest()}"


def _opened(blob: Span) -> Any:
    """A stream of the unpacked bytes, None for a plain blob."""
    head = blob.read(0, 4)
    raw = io.BufferedReader(SpanReader(blob), CHUNK)
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if head == _ZSTD or (head[1:] == _ZSTD_SKIPPABLE[0] and head[0] in _ZSTD_SKIPPABLE[1]):
        zstd = _zstd()
        if zstd is None:
            raise InputError(f"{blob.name}: zstd is read with `ci-guard[ci]` installed, or on Python 3.14")
        return zstd.ZstdFile(raw, "r", options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
    return None


def _zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def _zstd_error() -> type[Exception]:
    zstd = _zstd()
    return cast(type[Exception], zstd.ZstdError) if zstd is not None else ValueError
