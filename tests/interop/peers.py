"""The programs that `make interop` built into the folder CI_GUARD_INTEROP; a test without its program is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = os.environ.get("CI_GUARD_INTEROP", "")


def peer(name: str) -> str:
    """The path of a program, "" when it was not built."""
    path = Path(FOLDER, name)
    return str(path) if FOLDER and os.access(path, os.X_OK) else ""


def needs(name: str) -> pytest.MarkDecorator:
    """Skips a test or module, and says so, where the program was not built."""
    return pytest.mark.skipif(not peer(name), reason=f"CI_GUARD_INTEROP has no {name}: `make interop` builds it")


COSIGN = [path for path in (peer("cosign2"), peer("cosign3")) if path]
no_cosign = pytest.mark.skipif(not COSIGN, reason="CI_GUARD_INTEROP has no cosign: `make interop` builds it")
