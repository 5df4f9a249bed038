"""URLs as locks write them: which commit a git URL names, and what must not leave the lock."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

from ci_guard.model.record import record

_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_CHARACTERS = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
_URI = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[A-Za-z0-9._~-]+@)?[A-Za-z0-9.-]+(?::[0-9]{1,5})?"
    rf"(?:/{_CHARACTERS})?(?:\?(?:{_CHARACTERS}|\?)*)?(?:#{_CHARACTERS})?\Z"
)
_MAX_URI = 2_000
_PLACEHOLDER = re.compile(r"\$\{?[A-Za-z_]|%[A-Za-z_][A-Za-z0-9_]*%|\{\{|<[A-Za-z_-]+>|\A\*+\Z")
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
_PLAIN = frozenset({"http", "git", "git+http", "ftp", "svn"})
_TOKEN_LENGTH = 20  # a user name that is a token, as some registries have it; `git` and `oauth2` are shorter
_GIT_PREFIXES = ("git+", "git:", "git@", "github:", "gitlab:", "bitbucket:", "gist:")


def is_git(url: str) -> bool:
    """Whether npm or pip would clone `url` rather than download it."""
    return url.startswith(_GIT_PREFIXES) or url.partition("#")[0].endswith(".git")


def is_uri(url: str) -> bool:
    """Whether `url` is a URI as RFC 3986 writes them, host and all: what a document may carry as a link."""
    return len(url) <= _MAX_URI and _URI.match(url) is not None


def split_git(url: str) -> tuple[str, str]:
    """(repository, commit) of a git URL; commit "" unless a full id stands in its fragment or after its last `@`."""
    base, _, fragment = url.partition("#")
    base = base.partition("?")[0]
    if _COMMIT.match(fragment):
        return base, fragment
    repository, at, revision = base.rpartition("@")
    return (repository, revision) if at and _COMMIT.match(revision) else (base, "")


def without_password(url: str) -> str:
    """`url` without the password or token that a lock may carry: a bill of materials is published."""
    if "@" not in url or "://" not in url:
        return url
    try:
        parts = urlsplit(url)
        if not parts.password and not parts.scheme.endswith(("http", "https")):
            return url  # the `git` of ssh://git@host is no secret
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=host)) if host != parts.netloc else url
    except ValueError:
        return ""


@record
class Address:
    """What an address tells without its credentials.

    `plain`: what is fetched from `host` is not protected by TLS. `secret`: a credential stands in the address.
    """

    host: str = ""
    plain: bool = False
    secret: bool = False


def address(url: str) -> Address:
    """Read the address of an index, a registry or a repository; what is none tells nothing."""
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").lower()
        user, password = parts.username or "", parts.password or ""
    except ValueError:  # an unbalanced bracket in a hostile file
        return Address()
    plain = parts.scheme in _PLAIN and bool(host) and not _LOOPBACK.fullmatch(host)
    token = password if password else (user if len(user) >= _TOKEN_LENGTH else "")
    return Address(host, plain, is_secret(unquote(token)))


def is_secret(value: object) -> bool:
    """Whether a credential's value stands there itself, and not the name of a variable that holds it."""
    return isinstance(value, str) and bool(value.strip()) and not _PLACEHOLDER.search(value)
