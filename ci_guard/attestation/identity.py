"""Whom a certificate must name: an identity and the issuer that vouches for it, always both; and GitHub's claims.

An identity without its issuer would be anybody's: every provider can write any name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ci_guard.attestation.certificate import SigningCertificate
from ci_guard.attestation.protojson import quoted
from ci_guard.model.errors import UsageError, VerificationError
from ci_guard.model.record import record

_GITHUB = "https://github.com/"
_LONGEST_PATTERN = 1_000
_CLAIMS: Mapping[str, tuple[str, ...]] = {
    "repository": ("repository-uri", "repository"),
    "workflow": ("workflow",),
    "ref": ("repository-ref", "ref"),
    "trigger": ("build-trigger", "trigger"),
    "builder": ("builder",),
}
"""What may be demanded -> the certificate's claims that say it, the new extension first."""


@record
class IdentityPolicy:
    """Who is trusted. Exactly one of `identity` (compared exactly) and `pattern` (must match the whole identity).

    So it is with the issuer: `issuer`, or `issuer_pattern` for providers that have an issuer for each customer.

    `claims` demands more: `repository` (OWNER/NAME or its URI), `workflow` (path in the repository, or URI with
    ref), `ref`, `trigger`, `builder` (URI of the workflow that signed, with its ref).
    """

    issuer: str
    identity: str = ""
    pattern: re.Pattern[str] | None = None
    claims: Mapping[str, str] | None = None
    issuer_pattern: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        named = bool(self.identity) != (self.pattern is not None)
        if not named or bool(self.issuer) == (self.issuer_pattern is not None):
            raise UsageError("who is trusted is one identity, or one pattern, and the issuer that vouches for it")
        unknown = set(self.claims or {}) - set(_CLAIMS)
        if unknown:
            raise UsageError(f"no claim {sorted(unknown)[0]!r}: use {', '.join(_CLAIMS)}")


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression for whole identities or issuers. Raises UsageError; also for one that matches everything."""
    if len(text) > _LONGEST_PATTERN:
        raise UsageError("the pattern is too long")
    try:
        compiled = re.compile(text)
    except (re.error, RecursionError, OverflowError) as problem:
        raise UsageError(f"{text!r} is no regular expression: {problem}") from None
    if all(compiled.fullmatch(anybody) for anybody in ("a@b.example", "https://c.example/d", "\x00")):
        raise UsageError(f"{text!r} matches everybody: name whom you trust")
    return compiled


def check_identity(certificate: SigningCertificate, policy: IdentityPolicy) -> str:
    """What was compared, in words. Raises VerificationError."""
    if policy.issuer_pattern is None and certificate.issuer != policy.issuer:
        raise VerificationError(f"{quoted(certificate.issuer)} vouches for the identity, expected {policy.issuer!r}")
    if policy.issuer_pattern is not None and not policy.issuer_pattern.fullmatch(certificate.issuer):
        raise VerificationError(
            f"{quoted(certificate.issuer)} vouches for the identity, and does not match "
            f"{policy.issuer_pattern.pattern!r} as a whole"
        )
    said = _compare(certificate, policy)
    claims = [_check_claim(certificate, name, wanted) for name, wanted in (policy.claims or {}).items()]
    return "; ".join([said, f"vouched for by {certificate.issuer}", *claims])


def _compare(certificate: SigningCertificate, policy: IdentityPolicy) -> str:
    if policy.pattern is None:
        if certificate.identity != policy.identity:
            raise VerificationError(f"signed by {quoted(certificate.identity)}, expected {policy.identity!r}")
        return f"{policy.identity} as expected"
    if not policy.pattern.fullmatch(certificate.identity):
        raise VerificationError(
            f"signed by {quoted(certificate.identity)}, which does not match {policy.pattern.pattern!r} as a whole"
        )
    return f"{quoted(certificate.identity)} matches {policy.pattern.pattern!r}"


def _check_claim(certificate: SigningCertificate, name: str, wanted: str) -> str:
    claimed = [certificate.claims[key] for key in _CLAIMS[name] if key in certificate.claims]
    if not claimed:
        raise VerificationError(f"the certificate claims no {name}, expected {wanted!r}")
    spelled = _SPELLINGS.get(name, _as_it_is)
    for value in claimed:  # where the old and the new extension are both there, both must say so
        if wanted not in spelled(value, certificate):
            raise VerificationError(f"the certificate's {name} is {quoted(value)}, expected {wanted!r}")
    return f"{name} {wanted}"


def _as_it_is(value: str, certificate: SigningCertificate) -> tuple[str, ...]:
    del certificate
    return (value,)


def _repository(value: str, certificate: SigningCertificate) -> tuple[str, ...]:
    """OWNER/NAME and its URI, whichever the extension has."""
    del certificate
    return (value, value.removeprefix(_GITHUB), value if "://" in value else _GITHUB + value)


def _workflow(value: str, certificate: SigningCertificate) -> tuple[str, ...]:
    """The URI, and the path within the certificate's own repository, without the ref."""
    repository = certificate.claims.get("repository-uri", "")
    inside = value.removeprefix(f"{repository}/") if repository and value.startswith(f"{repository}/") else value
    return (value, inside.partition("@")[0])


_SPELLINGS: Mapping[str, Callable[[str, SigningCertificate], tuple[str, ...]]] = {
    "repository": _repository,
    "workflow": _workflow,
}
