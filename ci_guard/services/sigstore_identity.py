"""Who is signing: the identity token of the CI job we run in, or of a person at a browser.

`id` knows the CI systems (GitHub, GitLab, Buildkite, CircleCI, Google Cloud) and asks them with time-outs of its own;
the browser's dance is `sigstore`'s. Both let many kinds of exceptions out, and quote answers: what they say is cut.
"""

from __future__ import annotations

from ci_guard.attestation.identitytoken import AUDIENCE
from ci_guard.model.errors import ServiceError, SigningError

SERVICE = "identity provider"
_LONGEST = 200


def ambient() -> str:
    """The identity token of this CI job, "" where there is none to be had. Raises ServiceError, SigningError."""
    import id as providers

    try:
        return providers.detect_credential(AUDIENCE) or ""
    except providers.GitHubOidcPermissionCredentialError:
        raise SigningError(
            "nothing was signed: this job may not ask GitHub who it is; give it `permissions: {id-token: write}`"
        ) from None
    except providers.IdentityError as problem:
        raise ServiceError(SERVICE, _words(problem)) from None
    except Exception as problem:  # noqa: BLE001, urllib3's and JSON's errors come through
        raise ServiceError(SERVICE, f"it gave no identity token ({type(problem).__name__})") from None


def by_browser(issuer: str) -> str:
    """The identity token of whoever logs in at `issuer` in a browser. Raises ServiceError."""
    from sigstore.oidc import Issuer

    try:
        return str(Issuer(issuer).identity_token())
    except Exception as problem:  # noqa: BLE001, its errors have no common base
        raise ServiceError(SERVICE, f"{issuer} gave no identity token ({type(problem).__name__})") from None


def _words(problem: Exception) -> str:
    """Without the body of the answer, which nobody promises to hold no token."""
    text = str(problem).partition(", body=")[0].partition("\n")[0]
    return "".join(c if c.isprintable() else " " for c in text)[:_LONGEST].removesuffix("(") or "it gave no token"
