"""Identity tokens (OpenID Connect, JWT) as far as who holds one needs to look into it. Nothing here is verified.

The certificate authority verifies it; we only want to say in time, and in words, what it would refuse. The token
itself is a secret and never part of a message.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any

from ci_guard.attestation import protojson
from ci_guard.attestation.protojson import quoted
from ci_guard.model.errors import SigningError
from ci_guard.model.record import field, record

AUDIENCE = "sigstore"
MAX_BYTES = 32_000
_PART = r"[A-Za-z0-9_-]+"
_TOKEN = re.compile(rf"{_PART}\.({_PART})\.{_PART}")


@record
class IdentityToken:
    """A token and what it claims. `issuer` is who vouches for it in the end, also where another one passed it on."""

    raw: str = field(repr=False)
    issuer: str
    email: str
    expires: datetime


def looks_like_token(text: str) -> bool:
    """Whether this is a token, not the path of a file with one."""
    return _TOKEN.fullmatch(text.strip()) is not None


def read(text: str, now: datetime) -> IdentityToken:
    """Take a token apart. Raises SigningError for what is none, and for one that is not (or no longer) of use."""
    raw = text.strip()
    match = _TOKEN.fullmatch(raw)
    if match is None or len(raw) > MAX_BYTES:
        raise SigningError("the identity token is no JSON Web Token (three parts of base64url with dots between)")
    claims = _claims(match.group(1))
    issuer, expiry, audience = claims.get("iss"), claims.get("exp"), claims.get("aud")
    if not isinstance(issuer, str) or not issuer:
        raise SigningError("the identity token names no issuer (claim iss)")
    expires = _moment(expiry)
    if expires <= now:
        raise SigningError(f"the identity token expired at {expires:%Y-%m-%dT%H:%M:%SZ}")
    if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        raise SigningError(f"the identity token is for {quoted(str(audience))}, not for {AUDIENCE!r} (claim aud)")
    return IdentityToken(raw, _federated(claims) or issuer, _verified_email(claims), expires)


def _claims(part: str) -> dict[str, Any]:
    try:
        data = base64.b64decode(part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4), validate=True)
    except binascii.Error:
        raise SigningError("the identity token's claims are not base64url") from None
    claims = protojson.parse(data, what="identity token", limit=MAX_BYTES, depth=16, error=SigningError)
    if not isinstance(claims, dict):
        raise SigningError("the identity token's claims are no JSON object")
    return claims


def _moment(expiry: Any) -> datetime:
    try:
        return datetime.fromtimestamp(expiry, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise SigningError("the identity token does not say until when it holds (claim exp)") from None


def _federated(claims: dict[str, Any]) -> str:
    """The provider behind Sigstore's own one, which passes tokens on."""
    federated = claims.get("federated_claims")
    found = federated.get("connector_id") if isinstance(federated, dict) else None
    return found if isinstance(found, str) else ""


def _verified_email(claims: dict[str, Any]) -> str:
    """The address, where the provider says that it is the holder's: authorities write it into the certificate."""
    email = claims.get("email")
    return email if isinstance(email, str) and claims.get("email_verified") is True else ""
