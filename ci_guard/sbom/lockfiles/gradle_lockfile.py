"""`gradle.lockfile` and `buildscript-gradle.lockfile`: resolved modules and the configurations that resolve them.

Checksums come from the `gradle/verification-metadata.xml` of the build, where there is one.
"""

from __future__ import annotations

import posixpath
import re

from ci_guard.model.component import Component, Edge
from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.lockfiles.gradle_verification import Verified, verified, xml_root
from ci_guard.sbom.lockfiles.lines import Line, Refs, bounded, lines, lock_file
from ci_guard.sbom.lockfiles.lock import Lock, LockError, source_text
from ci_guard.source.document import Unreadable
from ci_guard.source.text import SourceText

FORMAT = "gradle.lockfile"
ECOSYSTEM = "Maven"

_ENTRY = re.compile(r"(?P<group>[^:=\s]+):(?P<name>[^:=\s]+):(?P<version>[^:=\s]+)=(?P<configurations>[^=\s]*)\Z")
_OLD_ENTRY = re.compile(r"(?P<group>[^:=\s]+):(?P<name>[^:=\s]+):(?P<version>[^:=\s]+)\Z")
_METADATA = "gradle/verification-metadata.xml"
_BUILD_TIME = ("annotationProcessor", "compileClasspath", "classpath")


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:
    """Every module of the lock with its configurations. Raises LockError."""
    source = source_text(path, data)
    sums, broken, note = _sums(path, beside)
    refs = Refs(path)
    components = []
    for count, line in enumerate(lines(source)):
        bounded(source, count)
        if not line.text.strip() or line.text.startswith("#") or line.text.startswith("empty="):
            continue
        component = _component(source, line, sums, refs)
        if component is None:
            broken.append(Unreadable(path, line.place(source), "this is no entry: group:name:version=configurations"))
        else:
            components.append(component)
    own = lock_file(path, source.location(0, 0))
    return Lock(
        components=(own, *components),
        edges=tuple(sorted(Edge(own.ref, c.ref) for c in components)),
        roots=(own.ref,),
        unknown=(f"{path}: the lock does not say which module needs which", *(f"{b.path}: {b.reason}" for b in broken)),
        path=path,
        format=FORMAT,
        broken=tuple(broken),
        hashless=note,
    )


def _sums(path: str, beside: ReadBytes) -> tuple[dict[tuple[str, str, str], Verified], list[Unreadable], str]:
    """The checksums of the nearest verification metadata above the lock, and what to say when there are none."""
    folder = posixpath.dirname(path)
    while True:
        where = posixpath.join(folder, _METADATA)
        data = beside(where)
        if data is not None:
            break
        if not folder or folder in {"/", "."}:
            return {}, [], f"there is no {_METADATA} in the build"
        folder = posixpath.dirname(folder)
    try:
        found, broken = verified(*xml_root(where, data, "verification-metadata"))
    except LockError as error:
        return {}, [error.unreadable], f"{where} cannot be read"
    return {(v.group, v.name, v.version): v for v in found}, broken, ""


def _component(
    source: SourceText, line: Line, sums: dict[tuple[str, str, str], Verified], refs: Refs
) -> Component | None:
    found = _ENTRY.match(line.text.strip()) or _OLD_ENTRY.match(line.text.strip())
    if found is None:
        return None
    name = f"{found['group']}:{found['name']}"
    configurations = tuple(c for c in found.groupdict().get("configurations", "").split(",") if c)
    known = sums.get((found["group"], found["name"], found["version"]))
    files = known.files if known else ()
    return Component(
        ref=refs.new(name, found["version"]),
        name=name,
        version=found["version"],
        ecosystem=ECOSYSTEM,
        hashes=files[0].hashes if len(files) == 1 else (),
        distributions=files,
        source="registry",
        scope=_scope(configurations),
        locations=(line.part(source, line.text.strip().partition("=")[0]), *((known.place,) if known else ())),
        properties=(("ci-guard:gradle:configurations", ",".join(configurations)),) if configurations else (),
    )


def _scope(configurations: tuple[str, ...]) -> str:
    """By Gradle's own names: `test…` is for tests, processors and class paths of the compiler are not shipped."""
    if not configurations:
        return ""
    if all(c.startswith(("test", "androidTest")) or "Test" in c for c in configurations):
        return "dev"
    if all(c.startswith(("test", "androidTest")) or "Test" in c or c.endswith(_BUILD_TIME) for c in configurations):
        return "optional"
    return "required"
