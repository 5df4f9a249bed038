"""What the command line says of who signs. A module of its own: opening a key needs nothing of what keyless needs."""

from __future__ import annotations

from pathlib import Path

from ci_guard.model.record import field, record


@record
class KeylessOptions:
    """What the command line said. `identity_token` is a token or the path of a file with one; seconds for each call."""

    identity_token: str = ""
    trust_config: Path | None = None
    trusted_root: tuple[Path, ...] = ()
    signing_config: Path | None = None
    tuf_url: str = ""
    tuf_root: Path | None = None
    seconds: float = 120
    waits: tuple[float, ...] = (0.5, 2, 8)

    @property
    def asks_for_services(self) -> bool:
        """Whether an instance was named, so that a key's signature is to be witnessed as well."""
        return self.trust_config is not None or self.signing_config is not None or bool(self.tuf_url)


@record
class SignerOptions:
    """What the command line said of who signs."""

    key: str = ""
    program: str = ""
    keyless: KeylessOptions = field(default_factory=KeylessOptions)
