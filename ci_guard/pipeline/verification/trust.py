"""From `--trust` and `--trusted-root` to trusted roots: files that the user names, or one that is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ci_guard.attestation.trustedroot import MAX_BYTES, TrustedRoot, read
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.record import record, replace
from ci_guard.pipeline.verification.artifact import read_named

PUBLIC_GOOD, GITHUB, KEY, CUSTOM = "public-good", "github", "key", "custom"
PUBLIC_URL = "https://tuf-repo-cdn.sigstore.dev"
GITHUB_URL = "https://tuf-repo.github.com"
_OURS = Path(__file__).parent / "trusted_roots"
"""GitHub's, which no package that we need carries: NOTICE says where they are from."""
_STORED = Path("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev")


@record
class Repository:
    """Where an instance publishes its root and its services, and a TUF root of it that is trusted already."""

    url: str
    bootstrap: bytes
    name: str
    inside: bool = True


def repository(url: str, root: Path | None) -> Repository | None:
    """What `--tuf-url` and `--tuf-root` name; None for neither. Raises UsageError, InputError."""
    if not url and root is None:
        return None
    if not url or root is None:
        raise UsageError("a TUF repository is its URL and a root that is trusted already: --tuf-url U --tuf-root F")
    return Repository(url, read_named(root, MAX_BYTES), url)


def public_repository() -> Repository:
    """The public instance's. Raises InputError."""
    bootstrap, _ = installed("root.json")
    return Repository(PUBLIC_URL, bootstrap, PUBLIC_GOOD, inside=False)


def instance(profile: str) -> Repository:
    """Where the instance of a profile publishes its root. Raises UsageError, InputError."""
    if profile == GITHUB:
        return Repository(GITHUB_URL, read_named(_OURS / "github-tuf.json", MAX_BYTES), GITHUB, inside=False)
    if profile == PUBLIC_GOOD:
        return public_repository()
    raise _unknown(profile)


def check_profile(profile: str, *, key: bool, custom: bool) -> None:
    """That a profile goes with the other options: a key, or files or a repository of roots. Raises UsageError."""
    if profile == KEY and (not key or custom):
        raise UsageError("--trust key: the key alone decides, so --key K, and no trusted root beside it")
    if profile == CUSTOM and not custom:
        raise UsageError("--trust custom: which root, is said by --trusted-root F or --tuf-url U")


def refreshed(
    source: Repository, environ: Mapping[str, str], seconds: float = 120
) -> tuple[tuple[TrustedRoot, ...], bytes | None]:
    """The roots and the signing config that the repository has today. Raises ServiceError, InputError."""
    from ci_guard.services import sigstore_trust
    from ci_guard.services.sigstore_calls import Calling

    cache = sigstore_trust.cache_folder(environ)
    fresh = sigstore_trust.refresh(source.url, source.bootstrap, cache, Calling(seconds, source.inside))
    roots = read(fresh.root, f"{source.name} (through TUF)")
    return tuple(replace(root, fresh_until=fresh.expires) for root in roots), fresh.config


def open_roots(files: Sequence[Path], profile: str) -> tuple[TrustedRoot, ...]:
    """The roots in `files`, then those of the named profile ("" is none). Raises UsageError, InputError."""
    roots = [root for file in files for root in read(read_named(file, MAX_BYTES), str(file))]
    return (*roots, *_profile(profile))


def age_in_days(root: TrustedRoot, now: datetime) -> int | None:
    """Days since the newest key in the root came into use: it cannot know of what changed later."""
    return None if root.newest is None else (now - root.newest).days


def _profile(name: str) -> tuple[TrustedRoot, ...]:
    if name == "":
        return ()
    if name == PUBLIC_GOOD:
        return read(*installed("trusted_root.json"))
    if name == GITHUB:
        return read(read_named(_OURS / "github.json", MAX_BYTES), GITHUB)
    raise _unknown(name)


def _unknown(profile: str) -> UsageError:
    names = ", ".join((PUBLIC_GOOD, GITHUB, KEY, CUSTOM))
    return UsageError(f"no trust profile {profile!r}: use one of {names}")


def installed(file: str) -> tuple[bytes, str]:
    """A file of the public instance as the `sigstore` package carries it, and its name in words. Raises InputError.

    Read as data: the package itself takes 0.4 s to import.
    """
    found = importlib.util.find_spec("sigstore")
    if found is None or found.origin is None:
        raise InputError(f"{file} of {PUBLIC_GOOD} comes with the package sigstore, which is not installed")
    package = Path(found.origin).parent
    # The folder's name has the version; importlib.metadata would take 40 ms to say the same.
    versions = [folder.name for folder in package.parent.glob("sigstore-*.dist-info")]
    name = f"{PUBLIC_GOOD} (of {versions[0].removesuffix('.dist-info').replace('-', ' ')})" if versions else PUBLIC_GOOD
    return read_named(package / _STORED / file, MAX_BYTES), name
