"""`yarn.lock`: which of the two formats it is; the modules beside read them."""

from __future__ import annotations

import re

from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.lockfiles import yarn_berry, yarn_classic
from ci_guard.sbom.lockfiles.lock import Lock

_BERRY = re.compile(rb"^__metadata:", re.MULTILINE)


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every entry, of version 1 (Yarn classic) or of the YAML form that Yarn 2 and later write. Raises LockError."""
    if _BERRY.search(data):
        return yarn_berry.read(path, data, beside)
    return yarn_classic.read(path, data, beside)
