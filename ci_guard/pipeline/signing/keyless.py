"""Signing without a key of one's own: from the command line's options to a `signatory.Signatory`.

Who signs comes from `--identity-token`, else from the CI job, else, at a terminal, from a browser. Which services are
asked comes from `--trust-config`, `--signing-config` or `--tuf-url`, else from what the public instance publishes.
Trust is decided apart from that, as for `verify`: what was signed is verified with it before it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.attestation import identitytoken, signingconfig
from ci_guard.attestation.trustedroot import MAX_BYTES, TrustedRoot
from ci_guard.attestation.trustedroot import read as read_root
from ci_guard.model.errors import SigningError, UsageError
from ci_guard.model.record import record
from ci_guard.pipeline.signing.signer_options import KeylessOptions
from ci_guard.pipeline.verification.artifact import read_named
from ci_guard.pipeline.verification.trust import (
    PUBLIC_GOOD,
    Repository,
    open_roots,
    public_repository,
    refreshed,
    repository,
)

if TYPE_CHECKING:
    from ci_guard.attestation.signatory import KeylessSignatory, KeySignatory, SigningKey
    from ci_guard.attestation.signingconfig import SigningConfig
    from ci_guard.services.sigstore_calls import Calling

TOKEN_VARIABLES = ("CI_GUARD_IDENTITY_TOKEN", "SIGSTORE_ID_TOKEN")


@record
class Instance:
    """One Sigstore instance: what it signs with, and what its signatures are verified with."""

    config: SigningConfig
    roots: tuple[TrustedRoot, ...]
    named: bool


def check(options: KeylessOptions) -> None:
    """Raises UsageError unless the options name one instance, or none."""
    named = (options.trust_config, options.signing_config, options.tuf_url or None)
    if len([one for one in named if one is not None]) > 1 or (options.trusted_root and not options.signing_config):
        raise UsageError(
            "one instance: --trust-config F, or --tuf-url U with --tuf-root F, or --signing-config F; "
            "--trusted-root says whom to trust, not whom to ask: add --signing-config F"
        )


def open_instance(options: KeylessOptions, environ: Mapping[str, str]) -> Instance:
    """The instance that the options name. Raises UsageError, InputError, ServiceError."""
    source = repository(options.tuf_url, options.tuf_root)
    if options.trust_config is not None:
        name = str(options.trust_config)
        root, config = signingconfig.read_trust_config(read_named(options.trust_config, MAX_BYTES), name)
        return Instance(config, read_root(root, name), named=True)
    if options.signing_config is not None:
        roots = open_roots(options.trusted_root, "" if options.trusted_root else PUBLIC_GOOD)
        data = read_named(options.signing_config, MAX_BYTES)
        return Instance(signingconfig.read(data, str(options.signing_config)), roots, named=True)
    return _published(source or public_repository(), options, environ)


def _published(source: Repository, options: KeylessOptions, environ: Mapping[str, str]) -> Instance:
    """What the instance itself says today: services come and go more often than packages are updated."""
    roots, data = refreshed(source, environ, options.seconds)
    if data is None:
        raise SigningError(f"{source.name} publishes no signing config: add --signing-config F")
    return Instance(signingconfig.read(data, f"the signing config of {source.name}"), roots, named=source.inside)


def open_keyless(options: KeylessOptions, environ: Mapping[str, str], *, terminal: bool) -> KeylessSignatory:
    """Get an identity and a certificate for it. Raises UsageError, InputError, SigningError, ServiceError."""
    from ci_guard.attestation import keyfile
    from ci_guard.attestation.identity import IdentityPolicy
    from ci_guard.attestation.keyless import Trust
    from ci_guard.attestation.signatory import KeylessSignatory
    from ci_guard.services import sigstore

    check(options)
    raw = _token(options, environ, terminal=terminal)  # first, so that nobody is asked on behalf of nobody
    instance, now = open_instance(options, environ), datetime.now(UTC)
    how = _calling(options, instance)
    witnesses = sigstore.witnesses(instance.config, now, how)  # before a person is sent to a browser for nothing
    token = identitytoken.read(raw or _by_browser(instance.config), datetime.now(UTC))
    key = keyfile.generate()
    certificate = sigstore.certify(instance.config, token, key, now, how)
    policy = IdentityPolicy(certificate.issuer, certificate.identity)
    return KeylessSignatory(key, certificate, witnesses, Trust(instance.roots, policy))


def witnessed(key: SigningKey, options: KeylessOptions, environ: Mapping[str, str]) -> KeySignatory:
    """A key whose signatures are timestamped and logged. Raises UsageError, InputError, SigningError."""
    from ci_guard.attestation.signatory import KeySignatory
    from ci_guard.services import sigstore

    check(options)
    instance = open_instance(options, environ)
    seen_by = sigstore.witnesses(instance.config, datetime.now(UTC), _calling(options, instance))
    return KeySignatory(key, seen_by, instance.roots)


def _token(options: KeylessOptions, environ: Mapping[str, str], *, terminal: bool) -> str:
    """The token that was given, else that of the CI job; "" if a person at a terminal has to log in.

    Raises SigningError where there is nobody, InputError, ServiceError.
    """
    from ci_guard.services import sigstore_identity

    given = options.identity_token or next((environ[name] for name in TOKEN_VARIABLES if environ.get(name)), "")
    if given and not identitytoken.looks_like_token(given):
        given = read_named(Path(given), identitytoken.MAX_BYTES).decode("utf-8", "replace")
    raw = given or sigstore_identity.ambient()
    if not raw and not terminal:
        raise SigningError(
            "nothing was signed: there is neither a key (--key) nor an identity: no --identity-token, no CI job that "
            "can tell who it is, no terminal to log in at"
        )
    return raw


def _by_browser(config: SigningConfig) -> str:
    """The token of whoever logs in."""
    from ci_guard.services.sigstore import only
    from ci_guard.services.sigstore_identity import by_browser

    return by_browser(only(config.providers, datetime.now(UTC), f"identity provider in {config.name}"))


def _calling(options: KeylessOptions, instance: Instance) -> Calling:
    from ci_guard.services.sigstore_calls import Calling

    return Calling(options.seconds, instance.named, options.waits)
