"""`pom.xml`: what a Maven project asks for itself. It is no lock: it holds no hash, and not what those need in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ci_guard.model.component import Component, Edge
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.lockfiles.lines import Refs, bounded
from ci_guard.sbom.lockfiles.lock import Lock, local_ref
from ci_guard.sbom.lockfiles.maven_model import Pom, Project, project
from ci_guard.source.document import Unreadable
from ci_guard.source.xml_documents import Element

FORMAT = "pom.xml"
ECOSYSTEM = "Maven"

_EXACT = re.compile(r"\[([^\[\](),]+)\]\Z")
_MOVING = frozenset({"LATEST", "RELEASE"})
_DEV = frozenset({"test"})
_OPTIONAL = frozenset({"provided", "import"})
_KINDS = {"required": "depends-on", "optional": "optional-depends-on", "dev": "dev-depends-on"}
_PLUGINS = "org.apache.maven.plugins"


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every dependency and plugin of the project and its parents in the repository. Raises LockError."""
    reader = _Reader(project(path, data, beside))
    return reader.lock()


class _Reader:
    """One pass over a project."""

    def __init__(self, made: Project) -> None:
        self.made = made
        self.pom = made.pom
        self.refs = Refs(made.pom.path)
        self.root = self._root()
        self.components: list[Component] = []
        self.broken: list[Unreadable] = []
        self.unknown: set[str] = set()

    def lock(self) -> Lock:
        """The lock with all its entries."""
        ancestor: Pom | None = self.pom
        while ancestor is not None:
            self._dependencies(ancestor)
            ancestor = ancestor.parent
        path = self.pom.path
        if self.made.unread:
            self.unknown.add(f"{path}: its parent {self.made.unread[:300]} is not in the repository")
        if self.components:
            self.unknown.add(f"{path}: a pom.xml does not say what its dependencies need in turn")
        for plugin in self._plugins():
            self._add(plugin, self._place(plugin, self.pom), "dev", "plugin")
        edges = {Edge(self.root.ref, c.ref, _KINDS[c.scope]) for c in self.components}
        return Lock(
            components=(self.root, *self.components),
            edges=tuple(sorted(edges)),
            roots=(self.root.ref,),
            complete=frozenset() if self.made.unread or self.broken else frozenset({self.root.ref}),
            unknown=tuple(sorted(self.unknown)) + tuple(f"{b.path}: {b.reason}" for b in self.broken),
            path=path,
            format=FORMAT,
            broken=tuple(self.broken),
            hashless="a pom.xml has no room for hashes",
            roomless=True,
        )

    def _root(self) -> Component:
        made, root = self.made, self.pom.root
        group, name = made.properties.get("project.groupId", ""), made.of(root, "artifactId")
        full = f"{group}:{name}" if group and name else name or self.pom.path
        own = root.child("artifactId") or root
        return Component(
            ref=local_ref(ECOSYSTEM, self.pom.path, ".", full),
            name=full,
            version=made.text(made.properties.get("project.version", "")),
            type="application",
            ecosystem=ECOSYSTEM,
            source="workspace",
            source_url=".",
            locations=(self.pom.source.location(own.start, own.end),),
        )

    def _dependencies(self, pom: Pom) -> None:
        """Those of one generation; inherited ones stand where this file names its parent."""
        parent = self.pom.root.child("parent")
        inherited = self.pom.source.location(parent.start, parent.end) if pom is not self.pom and parent else None
        for element in pom.root.all("dependencies", "dependency"):
            self._dependency(element, inherited or self._place(element, pom), "")
        for profile in pom.root.all("profiles", "profile"):
            name = profile.value("id")
            for element in profile.all("dependencies", "dependency"):
                self._dependency(element, inherited or self._place(element, pom), f"profile {name}".strip())
        bounded(self.pom.source, len(self.components))

    def _place(self, element: Element, pom: Pom) -> Location:
        shown = element.child("artifactId") or element
        return pom.source.location(shown.start, shown.end)

    def _dependency(self, element: Element, place: Location, marker: str) -> None:
        scope = self.made.managed_value(element, "scope")
        optional = self.made.managed_value(element, "optional") == "true" or scope in _OPTIONAL or bool(marker)
        strength = "dev" if scope in _DEV else "optional" if optional else "required"
        self._add(element, place, strength, "system" if scope == "system" else "", marker)

    def _plugins(self) -> Iterator[Element]:
        """Plugins, what they need, and extensions: code that runs at build time."""
        for build in (self.pom.root, *self.pom.root.all("profiles", "profile")):
            plugins = build.all("build", "plugins", "plugin")
            yield from plugins
            yield from (d for plugin in plugins for d in plugin.all("dependencies", "dependency"))
            yield from build.all("build", "extensions", "extension")

    def _add(self, element: Element, place: Location, scope: str, role: str, marker: str = "") -> None:
        made = self.made
        group = made.of(element, "groupId") or (_PLUGINS if element.name == "plugin" else "")
        artifact = made.of(element, "artifactId")
        if not group or not artifact:
            self.broken.append(Unreadable(self.pom.path, place, f"a {element.name} lacks its groupId or artifactId"))
            return
        requested = made.of(element, "version") if role == "plugin" else made.managed_value(element, "version")
        version = _version(requested)
        if "${" in f"{group}{artifact}{requested}":
            self.unknown.add(f"{self.pom.path}: {group}:{artifact} {requested} names a property nobody here defines")
        self.components.append(
            Component(
                ref=self.refs.new(f"{group}:{artifact}", version),
                name=f"{group}:{artifact}",
                version=version,
                ecosystem=ECOSYSTEM,
                source="path" if role == "system" else "registry",
                scope=scope,
                markers=marker,
                locations=(place,),
                properties=tuple(_properties(made, element, requested, role)),
            )
        )


def _version(requested: str) -> str:
    """The one version that is meant; "" for a range, a placeholder, or none (the parent manages it)."""
    exact = _EXACT.match(requested)
    if exact:
        return exact[1].strip()
    vague = "${" in requested or requested in _MOVING or requested[:1] in {"[", "("} or "," in requested
    return "" if vague else requested


def _properties(made: Project, element: Element, requested: str, role: str) -> Iterator[tuple[str, str]]:
    classifier, kind = made.of(element, "classifier"), made.of(element, "type")
    if classifier:
        yield "ci-guard:maven:classifier", classifier
    if made.managed_elsewhere and not requested:
        yield "ci-guard:maven:managed", "true"
    if role == "plugin":
        yield "ci-guard:maven:plugin", "true"
    if requested and requested != _version(requested):
        yield "ci-guard:maven:specifier", requested
    if kind and kind != "jar":
        yield "ci-guard:maven:type", kind
