"""From `--trust` and `--trusted-root` to trusted roots: files that the user names, or one that is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ci_guard.attestation.trustedroot import MAX_BYTES, TrustedRoot, read
from ci_guard.model.errors import InputError, UsageError
from ci_guard.pipeline.artifact import read_named

PUBLIC_GOOD = "public-good"
_STORED = Path("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev")


def open_roots(files: Sequence[Path], profile: str) -> tuple[TrustedRoot, ...]:
    """The roots in `files`, then those of the named profile ("" is none). Raises UsageError, InputError."""
    roots = [root for file in files for root in read(read_named(file, MAX_BYTES), str(file))]
    return (*roots, *_profile(profile))


def age_in_days(root: TrustedRoot, now: datetime) -> int | None:
    """Days since the newest key in the root came into use: it cannot know of what changed later."""
    return None if root.newest is None else (now - root.newest).days


def _profile(name: str) -> tuple[TrustedRoot, ...]:
    if name == "":
        return ()
    if name == PUBLIC_GOOD:
        return read(*installed("trusted_root.json"))
    if name == "github":
        raise UsageError(
            "GitHub's trusted root is not shipped: `gh attestation trusted-root > github.jsonl`, "
            "then --trusted-root github.jsonl"
        )
    raise UsageError(f"no trust profile {name!r}: use {PUBLIC_GOOD}, or --trusted-root FILE")


def installed(file: str) -> tuple[bytes, str]:
    """A file of the public instance as the `sigstore` package carries it, and its name in words. Raises InputError.

    Read as data: the package itself takes 0.4 s to import.
    """
    found = importlib.util.find_spec("sigstore")
    if found is None or found.origin is None:
        raise InputError(f"{file} of {PUBLIC_GOOD} comes with the package sigstore, which is not installed")
    package = Path(found.origin).parent
    # The folder's name has the version; importlib.metadata would take 40 ms to say the same.
    versions = [folder.name for folder in package.parent.glob("sigstore-*.dist-info")]
    name = f"{PUBLIC_GOOD} (of {versions[0].removesuffix('.dist-info').replace('-', ' ')})" if versions else PUBLIC_GOOD
    return read_named(package / _STORED / file, MAX_BYTES), name
