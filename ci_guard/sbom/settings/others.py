"""`NuGet.config`, `composer.json`, `auth.json` and Cargo's `config.toml` and `credentials.toml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.sbom.lockfiles.lock import LockError, list_of, only_table, table_of
from ci_guard.sbom.settings.setting import Setting, addressed
from ci_guard.sbom.sources import is_secret
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.tree import Refused
from ci_guard.source.xml_documents import Element, decoded, read_xml

_NUGET = "one of several sources without `packageSourceMapping`: any of them may answer"
_COMPOSER = "not canonical: Composer looks in the repositories after it, too"
_AUTH = ("http-basic", "bearer", "github-oauth", "gitlab-token", "gitlab-oauth", "bitbucket-oauth")


def nuget(path: str, data: bytes) -> Iterator[Setting]:
    """`NuGet.config`. Raises LockError."""
    source = decoded(path, data)
    if source.problem is not None:
        offset, reason = source.problem
        raise LockError(Unreadable(path, source.location(offset, offset), reason))
    try:
        root = read_xml(source)
    except Refused as error:
        raise LockError(Unreadable.at(source, error.reason, error.offset)) from None
    sources = root.all("packageSources", "add")
    mapped = bool(root.all("packageSourceMapping", "packageSource"))
    for element in sources:
        place = source.location(element.start, element.end)
        confuses = _NUGET if len(sources) > 1 and not mapped else ""
        yield addressed(
            "nuget", element.attributes.get("key", ""), element.attributes.get("value"), place, confuses=confuses
        )
    for element in _credentials(root):
        secret = is_secret(element.attributes.get("value"))
        yield Setting("nuget", "ClearTextPassword", source.location(element.start, element.end), secret=secret)


def _credentials(root: Element) -> Iterator[Element]:
    for group in root.all("packageSourceCredentials"):
        for owner in group.children:
            yield from (e for e in owner.children if e.attributes.get("key", "").lower() == "cleartextpassword")


def composer(path: str, data: bytes) -> Iterator[Setting]:
    """The repositories and the configuration in `composer.json`. Raises LockError."""
    document, table = only_table(path, data, "json")
    repositories = table.get("repositories")
    listed = repositories.items() if isinstance(repositories, dict) else enumerate(list_of(table, "repositories"))
    for key, repository in listed:
        if isinstance(repository, dict) and "url" in repository:
            confuses = _COMPOSER if repository.get("canonical") is False else ""
            place = document.locate(("repositories", key, "url"))
            yield addressed("composer", f"repository {key}", repository["url"], place, confuses=confuses)
    config = table_of(table, "config")
    for key, bad, words in (
        ("secure-http", False, "has Composer fetch without TLS where an address says so"),
        ("disable-tls", True, "has Composer use no TLS at all"),
    ):
        if config.get(key) is bad:
            yield Setting("composer", key, document.locate(("config", key), key=True), insecure=words)
    yield from _auth(document, ("config",), config)


def composer_auth(path: str, data: bytes) -> Iterator[Setting]:
    """`auth.json`. Raises LockError."""
    document, table = only_table(path, data, "json")
    yield from _auth(document, (), table)


def _auth(document: Document, at: NodePath, table: Mapping[str, Any]) -> Iterator[Setting]:
    for kind in _AUTH:
        for host, value in table_of(table, kind).items():
            words = value.values() if isinstance(value, dict) else (value,)
            place = document.locate((*at, kind, host), key=True)
            yield Setting("composer", kind, place, secret=any(map(is_secret, words)))


def cargo(path: str, data: bytes) -> Iterator[Setting]:
    """The registries and sources of `.cargo/config.toml`, the tokens of `credentials.toml`. Raises LockError."""
    document, table = only_table(path, data, "toml")
    for group, key in (("registries", "index"), ("source", "registry")):
        for name, value in table_of(table, group).items():
            if isinstance(value, dict) and key in value:
                place = document.locate((group, name, key))
                url = str(value[key]).removeprefix("sparse+").removeprefix("registry+")
                yield addressed("cargo", f"{group}.{name}", url, place)
    owners = [(("registries", name), value) for name, value in table_of(table, "registries").items()]
    for at, value in (*owners, (("registry",), table_of(table, "registry"))):
        if isinstance(value, dict) and "token" in value:
            yield Setting("cargo", "token", document.locate((*at, "token"), key=True), secret=is_secret(value["token"]))
