"""Signing without a key of one's own: from the command line's options to a `signatory.Signatory`.

Who signs comes from `--identity-token`, else from the CI job, else, at a terminal, from a browser. Which services are
asked comes from `--trust-config`, or `--signing-config`, else from what the `sigstore` package carries for the public
instance. Trust is decided apart from that, as for `verify`: what was signed is verified with it before it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.attestation import identitytoken, signingconfig
from ci_guard.attestation.identitytoken import IdentityToken
from ci_guard.attestation.trustedroot import MAX_BYTES, TrustedRoot
from ci_guard.attestation.trustedroot import read as read_root
from ci_guard.model.errors import SigningError, UsageError
from ci_guard.model.record import record
from ci_guard.pipeline.artifact import read_named
from ci_guard.pipeline.trust import PUBLIC_GOOD, installed, open_roots

if TYPE_CHECKING:
    from ci_guard.attestation.signatory import KeylessSignatory, KeySignatory, SigningKey
    from ci_guard.attestation.signingconfig import SigningConfig
    from ci_guard.services.sigstore_calls import Calling

TOKEN_VARIABLES = ("CI_GUARD_IDENTITY_TOKEN", "SIGSTORE_ID_TOKEN")
_CONFIG_FILE = "signing_config.v0.2.json"


@record
class KeylessOptions:
    """What the command line said. `identity_token` is a token or the path of a file with one; seconds for each call."""

    identity_token: str = ""
    trust_config: Path | None = None
    trusted_root: tuple[Path, ...] = ()
    signing_config: Path | None = None
    seconds: float = 120
    waits: tuple[float, ...] = (0.5, 2, 8)

    @property
    def asks_for_services(self) -> bool:
        """Whether an instance was named, so that a key's signature is to be witnessed as well."""
        return self.trust_config is not None or self.signing_config is not None


@record
class Instance:
    """One Sigstore instance: what it signs with, and what its signatures are verified with."""

    config: SigningConfig
    roots: tuple[TrustedRoot, ...]
    named: bool


def open_instance(options: KeylessOptions) -> Instance:
    """The instance that the options name. Raises UsageError, InputError."""
    if options.trust_config is not None:
        if options.trusted_root or options.signing_config:
            raise UsageError("--trust-config holds both a root and a signing config: not with --trusted-root, …")
        name = str(options.trust_config)
        root, config = signingconfig.read_trust_config(read_named(options.trust_config, MAX_BYTES), name)
        return Instance(config, read_root(root, name), named=True)
    roots = open_roots(options.trusted_root, "" if options.trusted_root else PUBLIC_GOOD)
    if options.signing_config is None:
        if options.trusted_root:
            raise UsageError("--trusted-root says whom to trust, not whom to ask: add --signing-config F")
        return Instance(signingconfig.read(*installed(_CONFIG_FILE)), roots, named=False)
    data = read_named(options.signing_config, MAX_BYTES)
    return Instance(signingconfig.read(data, str(options.signing_config)), roots, named=True)


def open_keyless(options: KeylessOptions, environ: Mapping[str, str], *, terminal: bool) -> KeylessSignatory:
    """Get an identity and a certificate for it. Raises UsageError, InputError, SigningError, ServiceError."""
    from ci_guard.attestation import keyfile
    from ci_guard.attestation.identity import IdentityPolicy
    from ci_guard.attestation.keyless import Trust
    from ci_guard.attestation.signatory import KeylessSignatory
    from ci_guard.services import sigstore

    instance, now = open_instance(options), datetime.now(UTC)
    how = _calling(options, instance)
    witnesses = sigstore.witnesses(instance.config, now, how)  # before a person is sent to a browser for nothing
    token = identity_token(options, environ, instance.config, terminal=terminal)
    key = keyfile.generate()
    certificate = sigstore.certify(instance.config, token, key, now, how)
    policy = IdentityPolicy(certificate.issuer, certificate.identity)
    return KeylessSignatory(key, certificate, witnesses, Trust(instance.roots, policy))


def witnessed(key: SigningKey, options: KeylessOptions) -> KeySignatory:
    """A key whose signatures are timestamped and logged. Raises UsageError, InputError, SigningError."""
    from ci_guard.attestation.signatory import KeySignatory
    from ci_guard.services import sigstore

    instance = open_instance(options)
    seen_by = sigstore.witnesses(instance.config, datetime.now(UTC), _calling(options, instance))
    return KeySignatory(key, seen_by, instance.roots)


def identity_token(
    options: KeylessOptions, environ: Mapping[str, str], config: SigningConfig, *, terminal: bool
) -> IdentityToken:
    """Who signs: what was given, else who the CI job is, else whoever is at the terminal. Raises SigningError …"""
    from ci_guard.services import sigstore_identity

    now = datetime.now(UTC)
    given = options.identity_token or next((environ[name] for name in TOKEN_VARIABLES if environ.get(name)), "")
    if given and not identitytoken.looks_like_token(given):
        given = read_named(Path(given), identitytoken.MAX_BYTES).decode("utf-8", "replace")
    raw = given or sigstore_identity.ambient()
    if not raw and terminal:
        from ci_guard.services.sigstore import only

        raw = sigstore_identity.by_browser(only(config.providers, now, f"identity provider in {config.name}"))
    if not raw:
        raise SigningError(
            "nothing was signed: there is neither a key (--key) nor an identity: no --identity-token, no CI job that "
            "can tell who it is, no terminal to log in at"
        )
    return identitytoken.read(raw, now)


def _calling(options: KeylessOptions, instance: Instance) -> Calling:
    from ci_guard.services.sigstore_calls import Calling

    return Calling(options.seconds, instance.named, options.waits)
