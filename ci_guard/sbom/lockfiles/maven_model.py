"""A Maven project as its `pom.xml` and the parents within the repository make it: properties and management.

A parent that is not in the repository stays unread, and says so: what only it defines is unknown, never guessed.
"""

from __future__ import annotations

import posixpath
import re

from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record
from ci_guard.sbom.lockfiles.gradle_verification import xml_root
from ci_guard.sbom.lockfiles.lock import LockError
from ci_guard.source.text import SourceText
from ci_guard.source.xml_documents import Element

_PARENTS = 16  # generations
_PLACEHOLDER = re.compile(r"\$\{([^${}]{1,200})\}")
_PASSES = 8  # of interpolation: properties that name properties
_LONGEST = 300  # characters of a value that is interpolated, before and after
_OWN = ("groupId", "artifactId", "version", "packaging")

Key = tuple[str, str, str, str]
"""groupId, artifactId, type, classifier: what management tells dependencies apart by."""


@record(frozen=False)
class Pom:
    """One pom.xml as it is written."""

    source: SourceText
    root: Element
    parent: Pom | None = None

    @property
    def path(self) -> str:
        """Where it stands in the repository."""
        return self.source.path


@record(frozen=False)
class Project:
    """One project with what it inherits; `unread` names a parent that is not in the repository.

    `managed_elsewhere`: versions may come from that parent, or from an imported list that is not in the repository.
    """

    pom: Pom
    properties: dict[str, str]
    managed: dict[Key, Element] = field(default_factory=dict)
    unread: str = ""
    managed_elsewhere: bool = False

    def text(self, raw: str) -> str:
        """`raw` with the properties put in; what is not defined stays as written."""
        value = raw
        for _ in range(_PASSES if "${" in raw and len(raw) <= _LONGEST else 0):
            filled = _PLACEHOLDER.sub(lambda m: self.properties.get(m[1].strip(), m[0]), value)
            if filled == value or len(filled) > _LONGEST:
                break
            value = filled
        return value

    def of(self, element: Element, name: str) -> str:
        """The text of a child, properties put in."""
        return self.text(element.value(name))

    def key(self, element: Element) -> Key:
        """What management knows a dependency by."""
        kind = self.of(element, "type") or "jar"
        return self.of(element, "groupId"), self.of(element, "artifactId"), kind, self.of(element, "classifier")

    def managed_value(self, element: Element, name: str) -> str:
        """A child's text, from the dependency management where the dependency itself has none."""
        found = self.managed.get(self.key(element))
        return self.of(element, name) or (self.of(found, name) if found is not None else "")


def project(path: str, data: bytes, beside: ReadBytes) -> Project:
    """The project at `path`, with its parents in the repository. Raises LockError for the file itself."""
    source, root = xml_root(path, data, "project")
    pom = Pom(source, root)
    unread = _inherit(pom, beside)
    chain = [pom]
    while chain[-1].parent is not None:
        chain.append(chain[-1].parent)
    made = Project(pom, _properties(chain), unread=unread)
    for ancestor in reversed(chain):  # the child's own management wins
        for element in ancestor.root.all("dependencyManagement", "dependencies", "dependency"):
            made.managed[made.key(element)] = element
    made.managed_elsewhere = bool(unread) or any(made.of(e, "scope") == "import" for e in made.managed.values())
    return made


def _inherit(pom: Pom, beside: ReadBytes) -> str:
    """Link the parents that the repository holds; the coordinates of the first one that it does not, or ""."""
    seen = {pom.path}
    for _ in range(_PARENTS):
        wanted = pom.root.child("parent")
        if wanted is None:
            return ""
        name = f"{wanted.value('groupId')}:{wanted.value('artifactId')}:{wanted.value('version')}"
        found = _parent(pom, wanted, beside)
        if found is None or found.path in seen:
            return name
        seen.add(found.path)
        pom.parent = pom = found
    return name


def _parent(pom: Pom, wanted: Element, beside: ReadBytes) -> Pom | None:
    """The parent at its relative path, if that is the parent that is meant."""
    given = wanted.child("relativePath")
    relative = "../pom.xml" if given is None else given.text
    where = posixpath.normpath(posixpath.join(posixpath.dirname(pom.path), relative))
    if not relative or where.startswith(("..", "/")):
        return None
    data = None
    for candidate in (where, posixpath.join(where, "pom.xml")):
        data = beside(candidate)
        if data is not None:
            where = candidate
            break
    if data is None:
        return None
    try:
        source, root = xml_root(where, data, "project")
    except LockError:
        return None  # a finding of its own where that file is read
    above = root.child("parent")
    group = root.value("groupId") or (above.value("groupId") if above is not None else "")
    same = root.value("artifactId") == wanted.value("artifactId") and group == wanted.value("groupId")
    return Pom(source, root) if same else None


def _properties(chain: list[Pom]) -> dict[str, str]:
    """The properties of all generations, the youngest last, and those that Maven defines itself."""
    merged: dict[str, str] = {}
    for pom in reversed(chain):
        for element in pom.root.all("properties"):
            merged.update({child.name: child.text for child in element.children if len(child.text) <= _LONGEST})
    own = {name: _inherited(chain, name) for name in _OWN}
    parent = chain[0].root.child("parent")
    for name, value in own.items():
        if value:
            merged.update({f"project.{name}": value, f"pom.{name}": value})
            merged.setdefault(name, value)
    for name in ("groupId", "artifactId", "version") if parent is not None else ():
        merged[f"project.parent.{name}"] = parent.value(name) if parent is not None else ""
    return merged


def _inherited(chain: list[Pom], name: str) -> str:
    """A coordinate of the youngest: its own, else (but for its own name) its parent's."""
    own = chain[0].root.value(name)
    if own or name in {"artifactId", "packaging"}:
        return own
    parent = chain[0].root.child("parent")
    return parent.value(name) if parent is not None else ""
