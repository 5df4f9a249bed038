"""What one requirement refers to: a named package with its specifier (PEP 508), or a URL, repository or folder."""

from __future__ import annotations

import re

from ci_guard.model.record import record
from ci_guard.sbom.sources import is_git

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"(?:===|==|~=|!=|<=|>=|<|>) ?[^\s,;()]+"
_NAMED = re.compile(
    rf"(?P<name>{_NAME}) ?(?:\[(?P<extras>[^\]]*)\])? ?"
    rf"(?:@ ?(?P<url>\S+)|\(?(?P<specifier> ?{_CLAUSE}(?: ?, ?{_CLAUSE})* ?,?)? ?\)?) ?(?:;(?P<marker>.*))?\Z"
)
_PIN = re.compile(r"===? ?(?P<version>[^\s,*]+)\Z")
_EGG = re.compile(rf"[#&]egg=(?P<name>{_NAME})")
_ARCHIVE = re.compile(r"(?:\.whl|\.zip|\.tar\.gz|\.tgz|\.tar\.bz2|\.tar\.xz|\.tar)\Z")
_WHEEL = re.compile(r"(?P<name>[^-/]+)-(?P<version>[^-/]+)(?:-[^-/]+){3,4}\Z")
_SDIST = re.compile(r"(?P<name>[^/]+)-(?P<version>[0-9][^-/]*)\Z")


@record
class Reference:
    """`source` is `registry`, `git`, `url` or `path`; `version` is set only where it is pinned."""

    name: str
    source: str
    version: str = ""
    specifier: str = ""
    url: str = ""
    marker: str = ""
    extras: tuple[str, ...] = ()


def named_reference(spec: str) -> Reference | None:
    """`name[extra] == 1.0 ; marker` or `name @ URL ; marker`, blanks collapsed; None when it is neither."""
    match = _NAMED.match(spec)
    # `name-1.0.zip` alone is a file, though it reads like a name.
    if match is None or (not match["url"] and _ARCHIVE.search(spec)):
        return None
    marker = (match["marker"] or "").strip()
    extras = tuple(sorted(e.strip() for e in (match["extras"] or "").split(",") if e.strip()))
    if match["url"]:
        url = match["url"]
        found = _archive(url)
        return Reference(match["name"], _kind(url), found[1], "", url, marker, extras)
    specifier = (match["specifier"] or "").strip(" ,")
    pin = _PIN.match(specifier)
    return Reference(match["name"], "registry", pin["version"] if pin else "", specifier, "", marker, extras)


def direct_reference(spec: str) -> Reference | None:
    """A URL, a repository, an archive or a folder; None when it is none of them."""
    target, _, marker = spec.partition(" ;") if " ;" in spec else spec.partition("; ")
    target = target.strip()
    if not target or " " in target or not ("/" in target or target.startswith(".") or _ARCHIVE.search(target)):
        return None
    egg = _EGG.search(target)
    name, version = _archive(target)
    last = target.partition("#")[0].partition("?")[0].rstrip("/").rpartition("/")[2]
    fallback = last.partition("@")[0].removesuffix(".git") or target
    return Reference(egg["name"] if egg else name or fallback, _kind(target), version, "", target, marker.strip())


def _kind(url: str) -> str:
    if is_git(url):
        return "git"
    if "://" in url and not url.startswith("file:"):
        return "url"
    return "path"


def _archive(url: str) -> tuple[str, str]:
    """(name, version) that the file name of a wheel or source archive states, ("", "") for others."""
    file = url.partition("#")[0].partition("?")[0].rpartition("/")[2]
    stem = _ARCHIVE.sub("", file)
    if stem == file:
        return "", ""
    match = (_WHEEL if file.endswith(".whl") else _SDIST).match(stem)
    return (match["name"], match["version"]) if match else ("", "")
