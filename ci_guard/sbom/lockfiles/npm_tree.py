"""How Node finds a package: the paths of a package-lock as a tree of folders, walked upwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.model.record import record
from ci_guard.sbom.lockfiles.lock import text_of

_MODULES = "node_modules"


@record(frozen=False)
class Entry:
    """One path of the tree: `path` is "" for the root, `node_modules/a/node_modules/b`, or a workspace's folder."""

    path: str
    table: dict[str, Any]
    node: NodePath


def resolve(entries: Mapping[str, Entry], start: str, name: str) -> Entry | None:
    """The entry that `require(name)` finds from folder `start`: the nearest node_modules upwards, links followed."""
    folder: str | None = start
    while folder is not None:
        if folder.rpartition("/")[2] != _MODULES:
            found = entries.get(f"{folder}/{_MODULES}/{name}" if folder else f"{_MODULES}/{name}")
            if found is not None:
                return follow(entries, found)
        folder = folder.rpartition("/")[0] if folder else None
    return None


def follow(entries: Mapping[str, Entry], entry: Entry) -> Entry:
    """What a link points at (a workspace's folder), or the entry itself."""
    if entry.table.get("link") is True:
        return entries.get(text_of(entry.table, "resolved"), entry)
    return entry


def name_of(entry: Entry) -> str:
    """The package's own name: an alias (`"x": "npm:y@1"`) is installed under another one.

    A folder outside node_modules that states none is called like the folder, as npm does.
    """
    named = text_of(entry.table, "name")
    before, modules, after = entry.path.rpartition(f"{_MODULES}/")
    return named or (after if modules or before else after.rpartition("/")[2])


def flatten(lock: Mapping[str, Any], limit: int) -> Iterator[Entry]:
    """The nested `dependencies` of a version 1 lock as entries of the later versions' shape.

    Stops after `limit` entries.
    """
    stack: list[tuple[str, NodePath, Mapping[str, Any]]] = [("", (), lock)]
    count = 0
    while stack and count < limit:
        parent, node, table = stack.pop()
        children = table.get("dependencies")
        for name, child in children.items() if isinstance(children, dict) else ():
            if isinstance(child, dict):
                path = f"{parent}/{_MODULES}/{name}" if parent else f"{_MODULES}/{name}"
                place = (*node, "dependencies", name)
                yield Entry(path, _modern(child), place)
                stack.append((path, place, child))
                count += 1


def _modern(old: Mapping[str, Any]) -> dict[str, Any]:
    """A version 1 entry in the words of version 2: `requires`, `bundled` and the overloaded `version`."""
    kept = {key: old[key] for key in ("integrity", "dev", "optional", "resolved") if key in old}
    version = text_of(old, "version")
    if version.startswith("npm:"):
        kept["name"], _, version = version.removeprefix("npm:").rpartition("@")
    elif ":" in version:  # a URL, a git URL or a folder: the version itself is not told
        kept["resolved"], version = version, ""
    requires = old.get("requires")
    return {
        **kept,
        "version": version,
        "inBundle": old.get("bundled") is True,
        "dependencies": requires if isinstance(requires, dict) else {},
        "lenient": True,  # version 1 does not tell which requirements are optional
    }
