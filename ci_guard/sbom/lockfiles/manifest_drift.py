"""What a manifest asks for and what its lock says that it asks for: where they differ, npm and uv lock anew or refuse.

Both tools copy the manifest's wishes into the lock, so the copies are compared, and no range is interpreted.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.lockfiles.direct_reference import named_reference
from ci_guard.sbom.lockfiles.lock import LockError, list_of, only_table, table_of, text_of
from ci_guard.sbom.purls import canonical_name
from ci_guard.sbom.sources import without_password

_NPM_GROUPS = (("dependencies", "optionalDependencies"), ("devDependencies",), ("peerDependencies",))
_ELSEWHERE = ("git", "url", "path", "directory", "editable", "virtual")
"""Keys of a wish in uv.lock that `[tool.uv.sources]` turned into something else than a range."""

Wishes = Mapping[str, str]
"""Name -> range."""


def npm_drift(manifest: Mapping[str, Any], locked: Mapping[str, Any]) -> str:
    """How `package.json` and the lock's entry for that package disagree, "" when they agree."""
    return _difference("package.json", [(_npm(manifest, keys), _npm(locked, keys)) for keys in _NPM_GROUPS])


def _npm(table: Mapping[str, Any], keys: tuple[str, ...]) -> Wishes:
    found: dict[str, str] = {}
    for key in keys:
        found |= {name: range for name, range in table_of(table, key).items() if isinstance(range, str)}
    return found


def uv_drift(lock_path: str, folder: str, package: Mapping[str, Any], beside: ReadBytes) -> str:
    """How the `pyproject.toml` in a folder relative to the lock disagrees with the lock's entry for that package."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(lock_path), folder, "pyproject.toml"))
    data = beside(path)
    try:
        table = only_table(path, data, "toml")[1] if data is not None else {}
    except LockError:
        return ""  # told where the file's settings are judged
    project = table_of(table, "project")
    if not project or "dependencies" in list_of(project, "dynamic"):
        return ""
    locked, fixed = _uv_locked(package)
    asked = {name: fixed.get(name, range) for name, range in _uv_asked(project).items()}
    return _difference("pyproject.toml", [(asked, locked)])


def _uv_asked(project: Mapping[str, Any]) -> Wishes:
    found: dict[str, str] = {}
    for text in list_of(project, "dependencies"):
        reference = named_reference(" ".join(text.split())) if isinstance(text, str) else None
        if reference is not None:
            name = canonical_name("PyPI", reference.name)
            found[name] = _joined(found.get(name, ""), reference.specifier)
    return found


def _uv_locked(package: Mapping[str, Any]) -> tuple[Wishes, Wishes]:
    """The wishes that the lock repeats, and those among them that have no range there."""
    found: dict[str, str] = {}
    fixed: dict[str, str] = {}
    for wish in list_of(table_of(package, "metadata"), "requires-dist"):
        if not isinstance(wish, dict) or "extra ==" in text_of(wish, "marker"):
            continue
        name = canonical_name("PyPI", text_of(wish, "name"))
        found[name] = _joined(found.get(name, ""), text_of(wish, "specifier"))
        if any(key in wish for key in _ELSEWHERE):
            fixed[name] = found[name]
    return found, fixed


def _joined(*specifiers: str) -> str:
    """Ranges in one order, without blanks: a name may be asked for twice, under different markers."""
    clauses = {clause.replace(" ", "") for text in specifiers for clause in text.split(",")}
    return ",".join(sorted(clauses - {""}))


def _difference(manifest: str, pairs: list[tuple[Wishes, Wishes]]) -> str:
    found: list[str] = []
    for asked, locked in pairs:
        for name in sorted(asked.keys() | locked.keys()):
            if name not in locked:
                found.append(f"{manifest} asks for {name[:40]}, the lock does not")
            elif name not in asked:
                found.append(f"{manifest} does not ask for {name[:40]}, the lock does")
            elif asked[name] != locked[name]:
                was, now = (without_password(ranges[name])[:20] or "any version" for ranges in (locked, asked))
                found.append(f"{manifest} asks for {name[:40]} {now}, the lock for {was}")
    if not found:
        return ""
    return found[0] + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")
