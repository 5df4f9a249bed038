"""Package URLs in the canonical form of the purl specification (ECMA-427): who may share one purl, and who may not.

Built here and not by packageurl-python, which leaves `/` in qualifiers unencoded against the specification's own
test vectors, and which the hooks would have to install and import; the tests hold every purl against that library.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote, urlsplit

from ci_guard.model.component import Component
from ci_guard.sbom.sources import split_git

_TYPES = {
    "PyPI": "pypi",
    "npm": "npm",
    "Go": "golang",
    "crates.io": "cargo",
    "Maven": "maven",
    "RubyGems": "gem",
    "Packagist": "composer",
    "NuGet": "nuget",
    "Helm": "helm",
    "GitHub Actions": "github",
}
"""OSV's ecosystem name (our own where OSV has none) -> purl type."""

_LOWER = frozenset({"npm", "golang", "composer", "github"})
"""The types whose names the specification writes in lower case."""

_QUALIFIERS = {
    "ci-guard:gem:platform": "platform",
    "ci-guard:maven:classifier": "classifier",
    "ci-guard:maven:type": "type",
}
"""Property of a lock entry -> the qualifier that tells its file from the version's other files."""

_SEPARATORS = re.compile(r"[-_.]+")


def ecosystem_of(purl: str) -> str:
    """The ecosystem that a purl's type stands for, "" for a type that has none here."""
    kind = purl.removeprefix("pkg:").partition("/")[0]
    return next((ecosystem for ecosystem, own in _TYPES.items() if own == kind), "")


def canonical_name(ecosystem: str, name: str) -> str:
    """The name by which an ecosystem compares packages: PEP 503 for PyPI, as it stands elsewhere."""
    return _SEPARATORS.sub("-", name).lower() if ecosystem == "PyPI" else name


def build_purl(kind: str, name: str, version: str = "", qualifiers: Mapping[str, str] | None = None) -> str:
    """A canonical purl; `name` may carry a namespace (`@scope/name`). Empty qualifiers are left out."""
    path = "/".join(_encode(part) for part in name.split("/"))
    pairs = "&".join(f"{key}={_encode(value)}" for key, value in sorted((qualifiers or {}).items()) if value)
    return f"pkg:{kind}/{path}" + (f"@{_encode(version)}" if version else "") + (f"?{pairs}" if pairs else "")


def _encode(text: str) -> str:
    # The specification never encodes the colon, and encodes all else but unreserved characters.
    return quote(text, safe=":")


def identifying_purl(component: Component) -> str:
    """The purl of a component; of what is nobody's package (a project, a workload, a program) one of type `generic`.

    Documents give everything an identifier. Inventories do not: two projects of one name must not become one.
    """
    if component.purl or component.type not in {"application", "operating-system"}:
        return component.purl
    said = dict(component.properties)
    workload = (said.get(f"ci-guard:kubernetes:{key}", "") for key in ("namespace", "kind"))
    parts = [part for part in [*workload, *component.name.split("/")] if part]
    return build_purl("generic", "/".join(parts) or "unnamed", component.version)


def oci_purl(repository: str, digest: str = "", tag: str = "") -> str:
    """The purl of an image: `repository` with its registry (`docker.io/library/nginx`).

    The type has no namespace and its version is the digest; a tag alone names no content, so it is a qualifier.
    """
    name = repository.rpartition("/")[2].lower()
    return build_purl("oci", name, digest, {"repository_url": repository, "tag": tag})


def home_host(components: Iterable[Component]) -> str:
    """The host most registry components come from ("" when none names one); ties go to the first by name."""
    hosts = Counter(h for c in components if c.source == "registry" and (h := _host(c.source_url)))
    return min(hosts, key=lambda h: (-hosts[h], h), default="")


def component_purl(component: Component, home_hosts: Collection[str]) -> str:
    """The purl of a lock entry; "" for what lives in the repository or has no known ecosystem.

    Packages of `home_hosts` get plain purls, so that they meet advisories. Those of other hosts carry
    `repository_url`, git and URL sources `vcs_url` and `download_url`: they are not the index's package of that name.
    """
    kind = _TYPES.get(component.ecosystem)
    if kind is None or component.source in {"path", "workspace"}:
        return ""
    name = canonical_name(component.ecosystem, component.name)
    name = name.lower() if kind in _LOWER else name
    if kind == "maven":
        name = name.replace(":", "/", 1)
    own = {_QUALIFIERS[key]: value for key, value in component.properties if key in _QUALIFIERS}
    return build_purl(kind, name, component.version, own | _qualifiers(component, home_hosts))


def _qualifiers(component: Component, home_hosts: Collection[str]) -> dict[str, str]:
    url = component.source_url
    if component.source == "git":
        repository, commit = split_git(url)
        return {"vcs_url": f"git+{repository.removeprefix('git+')}" + (f"@{commit}" if commit else "")}
    if component.source == "url":
        return {"download_url": url}
    if url and _host(url) not in home_hosts:
        return {"repository_url": _repository(component.name, url)}
    return {}


def _repository(name: str, url: str) -> str:
    """The registry's own address: an npm tarball URL is `<registry>/<name>/-/<file>`."""
    base = url.partition(f"/{name}/-/")[0]
    return base.partition("#")[0].partition("?")[0].rstrip("/")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # an unbalanced bracket in a hostile lock
        return ""
