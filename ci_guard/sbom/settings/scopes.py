"""Which registry a scope of npm belongs to, by the settings beside a lock."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.lockfiles.lock import LockError
from ci_guard.sbom.settings.ini import scopes as npmrc_scopes
from ci_guard.sbom.settings.javascript import scopes as yarnrc_scopes
from ci_guard.sbom.sources import address

_READERS = ((".npmrc", npmrc_scopes), (".yarnrc.yml", yarnrc_scopes))
_FORMATS = frozenset({"package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"})


def scopes_beside(path: str, lock_format: str, beside: ReadBytes) -> Mapping[str, str]:
    """Scope (`@shop`) -> host, of `.npmrc` and `.yarnrc.yml` in the lock's folder; what cannot be read says nothing."""
    found: dict[str, str] = {}
    if lock_format not in _FORMATS:
        return found
    for name, read in _READERS:
        place = posixpath.join(posixpath.dirname(path), name)
        data = beside(place)
        try:
            urls = read(place, data) if data is not None else {}
        except LockError:
            continue  # told where the settings themselves are judged
        found |= {scope: host for scope, url in urls.items() if (host := address(url).host)}
    return found
