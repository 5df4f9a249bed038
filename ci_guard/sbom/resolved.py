"""Whether the address that an entry was resolved to fits the entry: the file's name, TLS, the host.

Installers fetch what the address says and show what the entry says. Only the forms in which registries publish files
are judged; an address of another form says nothing about a name, and nothing is concluded from it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import unquote

from ci_guard.model.component import Component
from ci_guard.sbom.purls import canonical_name
from ci_guard.sbom.sources import address

_ARCHIVE = re.compile(r"\.(?:tar\.(?:gz|bz2|xz|z)|tgz|tbz2?|zip|whl|egg|exe|msi)\Z", re.IGNORECASE)
_PYTHON_TAG = re.compile(r"-py[23](?:\.\d+)?(?:-.*)?\Z")
_DOWNLOAD = re.compile(r"/download/(?P<name>(?:@[^/]+/)?[^/]+)/(?P<version>[^/]+)/[0-9a-f]{40,64}\Z")
_TOKEN = re.compile(r"\d+|[a-z]+")
_SPELLINGS = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc", "rev": "post", "r": "post"}
_FEW = 5  # packages, below which a lock does not show where its index keeps files
_NEARLY_ALL = 0.8
_LONGEST = 500  # characters of a file's name; file systems have 255


def disagreement(component: Component) -> str:
    """What the addresses of a registry's package name instead of it, "" when they agree or do not tell."""
    if component.source != "registry":
        return ""
    read = {"npm": _npm, "PyPI": _pypi}.get(component.ecosystem)
    if read is None:
        return ""
    return next((found for file in component.distributions if (found := read(component, _path(file.url)))), "")


def insecure(component: Component) -> str:
    """The host that an entry's content is fetched from without TLS, "" when there is none."""
    urls = (component.source_url, *(file.url for file in component.distributions))
    read = (address(url) for url in urls if not url.startswith("https://"))
    return next((found.host for found in read if found.plain), "")


class Hosts:
    """Which hosts are expected in one lock: the allowed ones, a scope's own, that on which an index keeps its files."""

    def __init__(
        self, components: Iterable[Component], allowed: Collection[str], scopes: Mapping[str, str] | None = None
    ) -> None:
        self._scopes = scopes or {}
        self._allowed = frozenset(address(f"https://{host}").host for host in allowed)
        counted: dict[str, Counter[str]] = {}
        for component in components:
            if component.source == "registry" and component.ecosystem == "PyPI":
                files = {_host(f.url) for f in component.distributions} - {""}
                counted.setdefault(component.source_url, Counter()).update(files)
        self._homes = {index: _most(files) for index, files in counted.items()}

    def unexpected(self, component: Component) -> tuple[str, str]:
        """(host, why nobody would expect it) of an entry of this lock; ("", "") when all its hosts are expected."""
        if component.source != "registry":
            return "", ""
        index = _host(component.source_url)
        own = self._scopes.get(component.name.partition("/")[0], "")
        if own and index and index != own:
            return index, f"the settings beside give its scope to {own}"
        if self._allowed and index and index not in self._allowed:
            return index, "none of the `registries`"
        home = self._homes.get(component.source_url, "")
        strays = {h for f in component.distributions if (h := _host(f.url))} - {home, index, *self._allowed}
        if not home or not strays or component.ecosystem != "PyPI":
            return "", ""
        return min(strays), f"files of its index come from {home}"


def _most(files: Counter[str]) -> str:
    """The host of nearly all packages of an index, "" where there is none: some indexes only list others' files."""
    total = files.total()
    if total < _FEW:
        return ""
    host, count = files.most_common(1)[0]
    return host if count >= total * _NEARLY_ALL else ""


def _npm(component: Component, path: str) -> str:
    version = component.version.partition("+")[0]
    download = _DOWNLOAD.search(path)
    if download is not None:
        agree = _same(download["name"], component.name) and download["version"].partition("+")[0] == version
        return "" if agree else f"{download['name']} {download['version']}"
    before, dash, file = path.partition("/-/")
    if not dash:
        return ""
    parts = before.split("/")
    scoped = len(parts) > 1 and parts[-2].startswith("@")
    named = "/".join(parts[-2:] if scoped else parts[-1:])
    if not _same(named, component.name):
        return named
    stem = file.rpartition("/")[2].removesuffix(".tgz").removesuffix(".tar.gz")
    return "" if _same(stem, f"{component.name.rpartition('/')[2]}-{version}") else stem


def _same(one: str, other: str) -> bool:
    """Old packages have capitals, and some registries write all in lower case."""
    return one.partition("+")[0].lower() == other.partition("+")[0].lower()


def _pypi(component: Component, path: str) -> str:
    file = path.rpartition("/")[2]
    if not _ARCHIVE.search(file):
        return ""
    if len(file) > _LONGEST:
        return f"{file[:80]}…"
    name = canonical_name("PyPI", component.name)
    if file.endswith(".whl"):
        parts = file.split("-")
        if len(parts) > 2 and parts[1] == component.version and parts[0].replace("_", "-").lower() == name:
            return ""  # nearly every file of nearly every lock
        agree = len(parts) > 2 and canonical_name("PyPI", parts[0]) == name and _version(parts[1], component)
    else:
        stem = canonical_name("PyPI", _PYTHON_TAG.sub("", _ARCHIVE.sub("", file)))
        agree = stem.startswith(f"{name}-") and _version(stem.removeprefix(f"{name}-"), component)
    return "" if agree else file


def _version(written: str, component: Component) -> bool:
    """Whether a file's version is the entry's, in any spelling that PEP 440 takes for the same."""
    return not component.version or _tokens(written) == _tokens(component.version)


def _tokens(version: str) -> list[str]:
    found = [_SPELLINGS.get(t, t) for t in _TOKEN.findall(version.lower().removeprefix("v"))]
    found = [t.lstrip("0") or "0" if t.isdigit() else t for t in found]
    while found and found[-1] == "0":
        found.pop()
    return found


def _path(url: str) -> str:
    path = url.partition("://")[2].partition("#")[0].partition("?")[0].partition("/")[2]
    return "/" + (unquote(path) if "%" in path else path)


def _host(url: str) -> str:
    if url.startswith("https://") and "@" not in url:  # nearly all, and a lock has thousands
        host = url[8:].partition("/")[0].lower()
        if host.replace(".", "").replace("-", "").isalnum():
            return host
    return address(url).host
