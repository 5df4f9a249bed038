"""Lockfiles become inventories. One format is one module with `read(path, data, beside) -> Lock` and one row here.

Everything else follows from the row: the walk finds the file, `deps check` and `sbom create` read it, the fuzzers take
the format's folders of cases as seeds, and a test asks that the hook runs for it.
"""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Protocol, cast

from ci_guard.model.component import Component
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import replace
from ci_guard.sbom.lockfiles.lock import Lock, LockError
from ci_guard.sbom.purls import component_purl, home_host
from ci_guard.sbom.sources import address, without_password
from ci_guard.source.document import Unreadable


class LockParser(Protocol):
    """What a module of this package offers."""

    def read(self, path: str, data: bytes, beside: ReadBytes) -> Lock:
        """Every entry of the lock. Raises LockError.

        `beside` reads other files of the repository by their path from the root (`package.json`, `go.sum`, a parent
        `pom.xml`). It may find nothing: what only such a file tells is then unknown, never an error.
        """


LOCKFILES: dict[str, str] = {
    # Python
    "uv.lock": "uv_lock",
    "*.py.lock": "uv_lock",
    "pylock.toml": "pylock",
    "pylock.*.toml": "pylock",
    "poetry.lock": "poetry_lock",
    "pdm.lock": "pdm_lock",
    "Pipfile.lock": "pipfile_lock",
    "requirements*.txt": "requirements",
    "*requirements.txt": "requirements",
    "requirements/*.txt": "requirements",
    # JavaScript
    "package-lock.json": "package_lock",
    "npm-shrinkwrap.json": "package_lock",
    "yarn.lock": "yarn_lock",
    "pnpm-lock.yaml": "pnpm_lock",
    "bun.lock": "bun_lock",
    # Go
    "go.mod": "go_mod",
    # Rust
    "Cargo.lock": "cargo_lock",
    # JVM
    "*gradle.lockfile": "gradle_lockfile",
    "verification-metadata.xml": "gradle_verification",
    "pom.xml": "pom_xml",
    # Ruby
    "Gemfile.lock": "gemfile_lock",
    "gems.locked": "gemfile_lock",
    # PHP
    "composer.lock": "composer_lock",
    # .NET
    "packages.lock.json": "nuget_lock",
    "packages.*.lock.json": "nuget_lock",
    # Helm
    "Chart.yaml": "helm_chart",
    # Containers
    "Dockerfile": "dockerfile",
    "Containerfile": "dockerfile",
    "*.Dockerfile": "dockerfile",
    "*.dockerfile": "dockerfile",
    "*.Containerfile": "dockerfile",
    "Dockerfile.*": "dockerfile",
    "Containerfile.*": "dockerfile",
}
"""Pattern of the file name (or of folder/name) -> module of this package; the first that fits decides."""


def parser_name(path: str) -> str:
    """The module that reads `path`, "" when it is no lock that we know."""
    parts = path.split("/")
    for pattern, module in LOCKFILES.items():
        if fnmatchcase("/".join(parts[-1 - pattern.count("/") :]), pattern):
            return module
    return ""


def nothing_beside(path: str) -> None:
    """The `beside` of a file that is read alone."""
    del path


def read_lock(
    path: str, data: bytes, registries: Collection[str] = (), module: str = "", beside: ReadBytes = nothing_beside
) -> Lock | Unreadable:
    """The entries of one lock with their purls; `Unreadable` when the whole file is broken.

    `registries` are the hosts whose packages get plain purls (default: the lock's most frequent one); `module` names
    the parser of a file whose name does not tell (an included requirements file). Raises KeyError for no lock.
    """
    name = module or parser_name(path)
    if not name:
        raise KeyError(path)
    parser = cast(LockParser, import_module(f"ci_guard.sbom.lockfiles.{name}"))
    try:
        lock = parser.read(path, data, beside)
    except LockError as error:
        return error.unreadable
    homes = registries or {_home(lock)}
    exposed = frozenset(c.ref for c in lock.components if _exposed(c))
    lock = _unseen(lock, exposed) if exposed else lock
    components = tuple(_identified(c, homes) for c in lock.components)
    return replace(lock, components=components, exposed=exposed, allowed=tuple(registries))


def _home(lock: Lock) -> str:
    """The host whose packages get plain purls: "" is the default index of the tool, which needs no address."""
    if lock.default_index and any(c.source == "registry" and not c.source_url for c in lock.components):
        return ""
    return home_host(lock.components)


def _exposed(component: Component) -> bool:
    """Whether an address of the entry holds a credential, which nothing that is written later may hold."""
    urls = (component.source_url, *(f.url for f in component.distributions))
    return any("@" in url and address(url).secret for url in urls)


def _unseen(lock: Lock, exposed: Collection[str]) -> Lock:
    """Without the text of the lines of such entries: whichever rules judge, nobody shows them."""
    secret = {_line(place) for c in lock.components if c.ref in exposed for place in c.locations}

    def bare(place: Location) -> Location:
        return replace(place, snippet="") if _line(place) in secret else place

    return replace(
        lock,
        components=tuple(replace(c, locations=tuple(map(bare, c.locations))) for c in lock.components),
        drift=tuple(replace(one, location=bare(one.location)) for one in lock.drift),
        broken=tuple(replace(one, location=bare(one.location)) for one in lock.broken),
    )


def _line(place: Location) -> int:
    return place.region.start_line if place.region else 0


def _identified(component: Component, homes: Collection[str]) -> Component:
    """With its purl, and without the passwords that URLs of a lock may carry."""
    files = component.distributions
    if "@" in component.source_url or any("@" in f.url for f in files):
        files = tuple(replace(f, url=without_password(f.url)) for f in files)
        component = replace(component, source_url=without_password(component.source_url), distributions=files)
    return replace(component, purl=component.purl or component_purl(component, homes))
