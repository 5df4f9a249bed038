"""What the `package.json` beside a lock asks for: Yarn's locks do not say what is for development only."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.lockfiles.lock import LockError, list_of, only_table, table_of, text_of

KINDS = (
    ("dependencies", "depends-on"),
    ("optionalDependencies", "optional-depends-on"),
    ("peerDependencies", "depends-on"),
    ("devDependencies", "dev-depends-on"),
)
"""Which table makes which edge; an optional dependency often stands in `dependencies` too, and is optional then."""


class Asked(NamedTuple):
    """One thing that is asked for: the name it is installed under, the range, the edge's kind."""

    name: str
    range: str
    kind: str


class Manifest(NamedTuple):
    """A package by its own file; `table` is the file."""

    name: str
    version: str
    table: Mapping[str, Any]

    def workspaces(self) -> tuple[str, ...]:
        """The folders of the members, as patterns."""
        value = self.table.get("workspaces")
        patterns = list_of(value, "packages") if isinstance(value, dict) else list_of(self.table, "workspaces")
        return tuple(p.removeprefix("./").rstrip("/") for p in patterns if isinstance(p, str))


def read_manifest(lock_path: str, beside: ReadBytes, folder: str = "") -> Manifest | None:
    """The package in a folder relative to a lock; None when its file is not there or cannot be read."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(lock_path), folder, "package.json"))
    data = beside(path)
    if data is None:
        return None
    try:
        _, table = only_table(path, data, "json")
    except LockError:
        return None
    return Manifest(text_of(table, "name"), text_of(table, "version"), table)


def asked(table: Mapping[str, Any]) -> Iterator[Asked]:
    """What a package asks for, each name once a table."""
    optional = table_of(table, "optionalDependencies")
    for key, kind in KINDS:
        for name, value in table_of(table, key).items():
            if key == "dependencies" and name in optional:
                continue
            # One's own copy for development stands for what the users must bring.
            if key == "peerDependencies" and name in table_of(table, "devDependencies"):
                continue
            yield Asked(name, value if isinstance(value, str) else str(value), kind)


def may_lack(table: Mapping[str, Any], wanted: Asked) -> bool:
    """Whether a package manager leaves such a need out on purpose."""
    meta = table_of(table_of(table, "peerDependenciesMeta"), wanted.name)
    peer = wanted.name in table_of(table, "peerDependencies") and wanted.name not in table_of(table, "dependencies")
    others = table_of(table_of(table, "dependenciesMeta"), wanted.name)
    listed = wanted.name in list_of(table, "optionalPeers")
    optional = meta.get("optional") is True or others.get("optional") is True or listed
    return optional or peer or wanted.kind == "optional-depends-on"


def platforms(table: Mapping[str, Any]) -> str:
    """Where a package is installed at all: `os: linux, darwin; cpu: x64`, "" for everywhere."""
    parts = []
    for key in ("os", "cpu", "libc"):
        value = table.get(key)
        names = [n for n in (value if isinstance(value, list) else [value]) if isinstance(n, str) and n != "none"]
        if names:
            parts.append(f"{key}: {', '.join(names)}")
    return "; ".join(parts)
