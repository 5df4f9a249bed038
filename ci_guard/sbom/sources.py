"""URLs as locks write them: which commit a git URL names, and what must not leave the lock."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_CHARACTERS = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
_URI = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[A-Za-z0-9._~-]+@)?[A-Za-z0-9.-]+(?::[0-9]{1,5})?"
    rf"(?:/{_CHARACTERS})?(?:\?(?:{_CHARACTERS}|\?)*)?(?:#{_CHARACTERS})?\Z"
)
_MAX_URI = 2_000
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
