"""What the `pyproject.toml` beside a lock asks for: the locks of Poetry and PDM do not say it themselves."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.lockfiles.direct_reference import named_reference
from ci_guard.sbom.lockfiles.lock import LockError, list_of, only_table, table_of, text_of

NEEDS, OPTIONAL, DEVELOPMENT = "depends-on", "optional-depends-on", "dev-depends-on"


class Want(NamedTuple):
    """A package that a project asks for: the edge's kind, and the marker under which it counts."""

    name: str
    kind: str = NEEDS
    marker: str = ""


class Project(NamedTuple):
    """A project by its own file. `name` and `version` may be ""; `extras` are the names of its optional groups."""

    name: str
    version: str
    wants: tuple[Want, ...]
    extras: frozenset[str]


def read_project(lock_path: str, beside: ReadBytes) -> Project | None:
    """The project in the folder of a lock; None when its file is not there or cannot be read."""
    path = posixpath.join(posixpath.dirname(lock_path), "pyproject.toml")
    data = beside(path)
    if data is None:
        return None
    try:
        _, table = only_table(path, data, "toml")
    except LockError:
        return None
    own, tool = table_of(table, "project"), table_of(table, "tool")
    poetry = table_of(tool, "poetry")
    wants = [*_standard(table), *_poetry(poetry), *_groups(table_of(table_of(tool, "pdm"), "dev-dependencies"))]
    extras = frozenset(table_of(own, "optional-dependencies")) | frozenset(table_of(poetry, "extras"))
    name = text_of(own, "name") or text_of(poetry, "name")
    return Project(name, text_of(own, "version") or text_of(poetry, "version"), tuple(wants), extras)


def wanted(text: object, kind: str = NEEDS) -> Iterator[Want]:
    """What a PEP 508 requirement asks for; nothing when it is none."""
    reference = named_reference(" ".join(text.split())) if isinstance(text, str) else None
    if reference is not None:
        yield Want(reference.name, kind, reference.marker)


def _standard(table: Mapping[str, Any]) -> Iterator[Want]:
    """`[project]` (PEP 621) and `[dependency-groups]` (PEP 735)."""
    own = table_of(table, "project")
    for text in list_of(own, "dependencies"):
        yield from wanted(text)
    yield from _groups(table_of(own, "optional-dependencies"), OPTIONAL)
    yield from _groups(table_of(table, "dependency-groups"))


def _groups(groups: Mapping[str, Any], kind: str = DEVELOPMENT) -> Iterator[Want]:
    for name in groups:
        for text in list_of(groups, name):
            yield from wanted(text, kind)


def _poetry(poetry: Mapping[str, Any]) -> Iterator[Want]:
    yield from poetry_wants(table_of(poetry, "dependencies"))
    yield from poetry_wants(table_of(poetry, "dev-dependencies"), DEVELOPMENT)
    for group in table_of(poetry, "group").values():
        if isinstance(group, dict):
            yield from poetry_wants(table_of(group, "dependencies"), DEVELOPMENT)


def poetry_wants(table: Mapping[str, Any], kind: str = NEEDS) -> Iterator[Want]:
    """Poetry's own tables: name -> range, or a table with `markers` and `optional`, or a list of such tables."""
    for name, value in table.items():
        if name == "python":
            continue
        for spec in value if isinstance(value, list) else [value]:
            given = spec if isinstance(spec, dict) else {}
            optional = given.get("optional") is True and kind == NEEDS
            yield Want(name, OPTIONAL if optional else kind, text_of(given, "markers"))
