"""What the configuration says of services and images: who may be asked, and whose signature counts."""

from __future__ import annotations

from ci_guard.model.location import Location
from ci_guard.model.record import record


@record
class Services:
    """`hosts` may be asked beside those that the user names; `private` ones (or networks) need no public address."""

    hosts: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


@record
class TrustedSigner:
    """Whose signature counts: a public `key` (a path from the root), or an identity with its issuer.

    `identity_regexp` must match the whole identity. `trusted_root` is a path from the root; "" is Sigstore's public
    instance. `notation` are authorities (PEM, a path from the root) for signatures of the Notary Project, of which the
    signer's certificate has `subject`.
    """

    key: str = ""
    identity: str = ""
    identity_regexp: str = ""
    issuer: str = ""
    trusted_root: str = ""
    notation: str = ""
    subject: str = ""


@record
class ImageTrust:
    """Images whose HOST/REPOSITORY matches one of `match`: any of `signed_by` must have signed them.

    `attested` are the predicate types (short names or URIs) of which there must be an attestation by one of them too.
    """

    match: tuple[str, ...]
    signed_by: tuple[TrustedSigner, ...]
    attested: tuple[str, ...] = ()
    location: Location | None = None
