"""Settings of package managers in the repository: one row a file, one function a format.

What they say decides where packages come from and whether that is checked, so rules judge them line by line. They are
never used here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from importlib import import_module
from typing import cast

from ci_guard.model.subject import Subject, SubjectId
from ci_guard.sbom.facts import EntryPosition
from ci_guard.sbom.lockfiles.lock import LockError
from ci_guard.sbom.settings.setting import Setting, SettingsFile, telling, unseen

SETTINGS: dict[str, tuple[str, str]] = {
    ".npmrc": ("ini", "npmrc"),
    "pip.conf": ("ini", "pip_conf"),
    "pip.ini": ("ini", "pip_conf"),
    "requirements*.txt": ("ini", "requirements"),
    "*requirements.txt": ("ini", "requirements"),
    "requirements/*.txt": ("ini", "requirements"),
    "pyproject.toml": ("python", "pyproject"),
    "uv.toml": ("python", "uv_toml"),
    "Pipfile": ("python", "pipfile"),
    ".yarnrc.yml": ("javascript", "yarnrc"),
    "bunfig.toml": ("javascript", "bunfig"),
    "[Nn]u[Gg]et.[Cc]onfig": ("others", "nuget"),
    "composer.json": ("others", "composer"),
    "auth.json": ("others", "composer_auth"),
    ".cargo/config.toml": ("others", "cargo"),
    ".cargo/credentials.toml": ("others", "cargo"),
}
"""Pattern of the file name (or of folder/name) -> module of this package and its function."""

REQUIREMENTS = SETTINGS["*requirements.txt"]
"""The reader of a requirements file by any name."""

Read = Callable[[str, bytes], Iterator[Setting]]


def reader_of(path: str) -> tuple[str, str] | None:
    """Who reads `path`, None when it holds no settings that we know."""
    parts = path.split("/")
    for pattern, found in SETTINGS.items():
        if fnmatchcase("/".join(parts[-1 - pattern.count("/") :]), pattern):
            return found
    return None


def read_settings(path: str, data: bytes, reader: tuple[str, str] | None = None) -> SettingsFile:
    """The settings of one file; `reader` is for one whose name does not tell. Raises KeyError when nobody reads it."""
    found = reader or reader_of(path)
    if found is None:
        raise KeyError(path)
    module, name = found
    read = cast(Read, getattr(import_module(f"ci_guard.sbom.settings.{module}"), name))
    try:
        return SettingsFile(path, unseen(telling(read(path, data))))
    except LockError as error:
        return SettingsFile(path, broken=error.unreadable)


def subjects(file: SettingsFile) -> Iterator[Subject]:
    """One subject a setting, at its line."""
    for setting in file.settings:
        yield Subject(
            each="package-setting",
            id=SubjectId("package-setting", f"{setting.tool} {setting.name}"),
            path=(),
            document=EntryPosition(file.path, setting.location),
            variables={"setting": setting.facts(), "subject": f"{setting.tool} {setting.name}"},
            match={},
        )
