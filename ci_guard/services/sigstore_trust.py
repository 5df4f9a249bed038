"""The trusted root and the signing config of an instance, fresh from its TUF repository.

TUF (https://theupdateframework.io) is `python-tuf`'s: signatures, thresholds, versions, expiry; the bytes come through
our own client. What was fetched is kept in the user's cache, outside of any repo, and verified whenever it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ci_guard.model.errors import InputError, ServiceError
from ci_guard.model.record import record
from ci_guard.services.http import HttpClient, Request
from ci_guard.services.sigstore_calls import Calling, calling

if TYPE_CHECKING:
    from tuf.ngclient.fetcher import FetcherInterface
    from tuf.ngclient.updater import Updater

SERVICE = "trust root repository"
ROOT_FILE = "trusted_root.json"
CONFIG_FILE = "signing_config.v0.2.json"
_MISSING = frozenset({403, 404})
_MAX_TARGET = 5_000_000


@record
class Refreshed:
    """What the repository says today; `config` is None where it has none. `expires` is when it must say so again."""

    root: bytes
    config: bytes | None
    expires: datetime


def refresh(url: str, bootstrap: bytes, cache: Path, how: Calling) -> Refreshed:
    """The instance's files; `bootstrap` is a TUF root that is trusted already. Raises ServiceError, InputError."""
    from tuf.api.exceptions import DownloadError, RepositoryError
    from tuf.ngclient.config import UpdaterConfig
    from tuf.ngclient.updater import Updater

    folder = cache / quote(url, safe="")
    base = url.rstrip("/")
    try:
        (folder / "targets").mkdir(parents=True, exist_ok=True, mode=0o700)
        with calling(SERVICE, url, how) as client:
            places = str(folder), f"{base}/", str(folder / "targets"), f"{base}/targets/"
            updater = Updater(*places, _fetcher(client), UpdaterConfig(), bootstrap=bootstrap)
            updater.refresh()
            root = _target(updater, ROOT_FILE)
            if root is None:
                raise ServiceError(SERVICE, f"{base} has no {ROOT_FILE}")
            return Refreshed(root, _target(updater, CONFIG_FILE), _expires(updater))
    except RepositoryError as problem:
        raise ServiceError(SERVICE, f"{base} does not hold: {_words(problem)}") from None
    except DownloadError as problem:
        if isinstance(problem.__cause__, ServiceError):
            raise problem.__cause__ from None
        raise ServiceError(SERVICE, f"{base}: {_words(problem)}") from None
    except OSError as problem:
        raise InputError(f"{folder}: {problem.strerror or problem}") from None


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where to keep what was fetched: `XDG_CACHE_HOME` or `~/.cache`. Raises InputError without a home."""
    base = environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        return Path(base) / "ci-guard" / "tuf"
    try:
        return Path.home() / ".cache" / "ci-guard" / "tuf"
    except RuntimeError:
        raise InputError("there is no home folder for the cache: set XDG_CACHE_HOME") from None


def _target(updater: Updater, name: str) -> bytes | None:
    """A target's content, from the cache where it is the same still."""
    info = updater.get_targetinfo(name)
    if info is None:
        return None
    found = updater.find_cached_target(info) or updater.download_target(info)
    with Path(found).open("rb") as file:
        return file.read(_MAX_TARGET)


def _expires(updater: Updater) -> datetime:
    """When the first of its statements runs out."""
    trusted = updater._trusted_set
    return min(trusted.timestamp.expires, trusted.root.expires)


def _fetcher(client: HttpClient) -> FetcherInterface:
    """`python-tuf`'s way to the network, by way of ours. It wraps whatever is raised, and asks for the status."""
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient.fetcher import FetcherInterface

    class Fetcher(FetcherInterface):
        """Bytes through `client`."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            answer = client.send(Request("GET", url, expect=frozenset({200}) | _MISSING, limit=_MAX_TARGET))
            if answer.status in _MISSING:
                raise DownloadHTTPError("not found", answer.status)
            return iter((answer.body,))

    return Fetcher()


def _words(problem: Exception) -> str:
    return "".join(c if c.isprintable() else " " for c in str(problem))[:200]
