"""Protocols for what a room needs from elsewhere: `services` and others implement them, `pipeline` hands them over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

ReadBytes = Callable[[str], bytes | None]
"""The content of a repo-relative path, or None when it is not there (or not a regular file inside the root)."""


class Progress(Protocol):
    """Tells a person what is going on; a terminal redraws, a log gets plain lines."""

    def stage(self, name: str, detail: str = "") -> None:
        """A new stage begins."""

    def advance(self, done: int, total: int) -> None:
        """Within the stage, `done` of `total` are through."""

    def done(self, summary: str = "") -> None:
        """The stage is over."""


class Signer(Protocol):
    """Signs bytes and says with what material a verifier checks the signature."""

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`. Raises SigningError."""

    def verification_material(self) -> Mapping[str, Any]:
        """The `verificationMaterial` of a Sigstore bundle (a key hint, or a certificate with log entries)."""


class PredicateJudge(Protocol):
    """Evaluates a boolean expression over an attestation's predicate."""

    def holds(self, expression: str, predicate: Mapping[str, Any]) -> bool:
        """Whether `expression` is true of `predicate`. Raises RuleError."""


class Fetch(Protocol):
    """Gets bytes from a URL that the policy allows; the only way a room sees the network."""

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, limit: int = 50_000_000) -> bytes:
        """The body, at most `limit` bytes. Raises ServiceError."""

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, limit: int = 50_000_000
    ) -> bytes:
        """The body of the answer. Raises ServiceError."""


class ImageSource(Protocol):
    """One repository of a container registry; what comes is checked against the digest that was asked for."""

    def manifest_bytes(self, reference: str, limit: int) -> bytes:
        """The manifest or index at a tag or digest. Raises ServiceError."""

    def blob(self, digest: str, limit: int) -> bytes:
        """The blob of a digest, at most `limit` bytes. Raises ServiceError."""


class Repository(Protocol):
    """A git repository, read without running anything that the repository configures."""

    def resolve(self, revision: str) -> str:
        """The commit id of `revision`. Raises RevisionError."""

    def read(self, commit: str, path: str) -> bytes | None:
        """The blob at `path` in `commit`, or None when it is not there."""

    def files(self, commit: str) -> Sequence[str]:
        """The paths of all regular files in `commit`."""
