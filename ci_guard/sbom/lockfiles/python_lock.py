"""What the locks of Python's tools share: packages by their PEP 503 name, and the project that asks for them."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ci_guard.model.component import Component, Distribution
from ci_guard.model.location import Location
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.assembly import Assembly
from ci_guard.sbom.lockfiles.lines import lock_file
from ci_guard.sbom.lockfiles.lock import list_of, local_ref, text_of
from ci_guard.sbom.lockfiles.pyproject import Project, Want
from ci_guard.sbom.purls import canonical_name

ECOSYSTEM = "PyPI"


class PythonLock(Assembly):
    """An assembly whose entries find each other by name."""

    __slots__ = ("_by_name",)

    def __init__(self, path: str, format: str) -> None:
        super().__init__(path, format)
        self._by_name: dict[str, list[str]] = defaultdict(list)

    def add(self, component: Component) -> str:
        """Take an entry in; others find it by its name."""
        ref = super().add(component)
        self._by_name[canonical_name(ECOSYSTEM, component.name)].append(ref)
        return ref

    def named(self, name: str) -> list[str]:
        """The entries of a name: several where markers fork it."""
        return self._by_name.get(canonical_name(ECOSYSTEM, name), [])

    def package(self, name: str, version: str, source: tuple[str, str]) -> str:
        """The ref of an entry: what lives in the repository is called by where it lives."""
        kind, url = source
        if kind in {"workspace", "path"}:
            return local_ref(ECOSYSTEM, self.path, url, name)
        return f"{self.path}#{canonical_name(ECOSYSTEM, name)}@{version}"

    def connect(self, source: str, wants: Iterable[Want]) -> None:
        """Edges to what an entry wants; what only a marker or an extra brings may rightly be absent from the lock."""
        for want in wants:
            targets = self.named(want.name)
            for target in targets:
                self.need(source, target, want.kind, want.marker)
            if not targets and not want.marker and want.kind == "depends-on":
                self.lacks(source, want.name)

    def root(self, project: Project | None, place: Location) -> str:
        """The project beside the lock, with what it wants; without one, the lock itself, which wants what is left."""
        if project is not None:
            folder = posixpath.basename(posixpath.dirname(self.path))
            name = project.name or folder or "project"
            own = local_ref(ECOSYSTEM, self.path, ".", name)
            ref = self.add(
                Component(
                    ref=own,
                    name=name,
                    version=project.version,
                    type="application",
                    ecosystem=ECOSYSTEM,
                    source="workspace",
                    source_url=".",
                    locations=(place,),
                )
            )
            self.roots.append(ref)
            self.connect(ref, project.wants)
            return ref
        ref = self.add(lock_file(self.path, place))
        self.roots.append(ref)
        self.note("which packages the project asks for itself is in no file beside the lock")
        self.incomplete.add(ref)
        for target in self.unneeded():
            self.need(ref, target)
        return ref


def files_of(table: Mapping[str, Any], key: str = "files") -> tuple[Distribution, ...]:
    """`files = [{file | url | path = "…", hash = "sha256:…"}]`, as Poetry and PDM write them."""
    return tuple(file_of(entry) for entry in list_of(table, key) if isinstance(entry, dict))


def file_of(entry: Mapping[str, Any]) -> Distribution:
    """One such file."""
    url = text_of(entry, "url")
    digest = parse_hash(text_of(entry, "hash"))
    name = text_of(entry, "file") or text_of(entry, "name") or filename_of(url or text_of(entry, "path"))
    return Distribution(url, name, (digest,) if digest else ())


def filename_of(url: str) -> str:
    """The last part of a URL's or a folder's path."""
    return url.partition("#")[0].partition("?")[0].rpartition("/")[2]
