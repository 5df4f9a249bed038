"""The JSON of images: manifests, indexes, configurations; a key that stands there twice is refused."""

from __future__ import annotations

import re
from typing import Any

from ci_guard.model.errors import InputError
from ci_guard.source.document import Unreadable
from ci_guard.source.reader import read as read_documents

LIMIT = 4 * 1024 * 1024
"""Bytes of a manifest or configuration; registries refuse larger manifests."""

_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})\Z")


def parsed(name: str, data: bytes) -> Any:
    """The value of a JSON text. Raises InputError."""
    if len(data) > LIMIT:
        raise InputError(f"{name}: larger than {LIMIT} bytes")
    document = next(iter(read_documents(name, data, "json")), None)
    if document is None or isinstance(document, Unreadable):
        raise InputError(f"{name}: {document.reason if document else 'empty'}")
    if document.duplicates:
        raise InputError(f"{name}: a key stands there twice: readers disagree about which one counts")
    return document.value


def table(name: str, data: bytes) -> dict[str, Any]:
    """The object of a JSON text. Raises InputError."""
    value = parsed(name, data)
    if not isinstance(value, dict):
        raise InputError(f"{name}: no JSON object")
    return value


def tables(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, all else left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The texts of a list, all else left out."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def text(value: dict[str, Any], *keys: str) -> str:
    """The text under keys in keys, "" when it is not there or no text."""
    here: Any = value
    for key in keys:
        here = here.get(key) if isinstance(here, dict) else None
    return here if isinstance(here, str) else ""


def is_digest(value: str) -> bool:
    """Whether it is a digest as the image specification writes them."""
    return _DIGEST.match(value) is not None
