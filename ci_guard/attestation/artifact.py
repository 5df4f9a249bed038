"""What is signed or verified: something that can tell its digests. Reading the file is the caller's business."""

from __future__ import annotations

from typing import Protocol

from ci_guard.attestation.statement import is_digest
from ci_guard.model.errors import UsageError
from ci_guard.model.record import record

_SHA256 = "sha256:"


class Artifact(Protocol):
    """A named thing with digests."""

    @property
    def name(self) -> str:
        """What people call it: a path, or its digest."""

    def digest(self, algorithm: str) -> bytes | None:
        """Its digest (`sha256`, `sha384`, `sha512`), or None when that is not known and cannot be computed."""


@record
class DigestArtifact:
    """An artifact of which only the sha256 (lower-case hex) is at hand."""

    sha256: str
    name: str = ""

    def digest(self, algorithm: str) -> bytes | None:
        """The sha256; None for everything else."""
        return bytes.fromhex(self.sha256) if algorithm == "sha256" else None


def parse_digest(text: str) -> DigestArtifact | None:
    """`sha256:HEX` as an artifact, None when `text` is a path. Raises UsageError for a malformed digest."""
    if not text.startswith(_SHA256):
        return None
    value = text.removeprefix(_SHA256)
    if not is_digest("sha256", value):
        raise UsageError(f"{text[:90]!r}: a digest is sha256: and 64 lower-case hex digits")
    return DigestArtifact(value, text)
