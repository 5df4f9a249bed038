"""Versions of Kubernetes as people write them."""

from __future__ import annotations

import re
from typing import Final

NEWEST: Final = 37
"""The newest minor version that is known here: what `latest` means."""

_VERSION = re.compile(r"v?1\.([0-9]{1,3})(\.[0-9]+)?\Z")


def minor_of(text: object) -> int | None:
    """`v1.29` and `1.29.3` -> 29, `latest` -> the newest, `any` -> 0; None for what is no version."""
    if text in ("any", "latest"):
        return 0 if text == "any" else NEWEST
    match = _VERSION.match(text) if isinstance(text, str) else None
    return int(match[1]) if match else None
