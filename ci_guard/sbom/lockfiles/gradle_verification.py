"""Gradle's `verification-metadata.xml`: the checksums of every artifact that a build may resolve."""

from __future__ import annotations

from collections.abc import Iterator

from ci_guard.model.component import Component, Distribution, Edge, Hash
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import record
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lines import Refs, bounded, lock_file
from ci_guard.sbom.lockfiles.lock import Lock, LockError
from ci_guard.source.document import Unreadable
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Refused
from ci_guard.source.xml_documents import Element, decoded, read_xml

FORMAT = "verification-metadata.xml"
ECOSYSTEM = "Maven"

_CHECKSUMS = ("md5", "sha1", "sha256", "sha512")


@record
class Verified:
    """One `<component>`: the files that Gradle accepts for a version, and where it is written."""

    group: str
    name: str
    version: str
    files: tuple[Distribution, ...]
    place: Location


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:  # noqa: ARG001 - it stands alone
    """Every component with its files and their checksums. Raises LockError."""
    source, root = xml_root(path, data, "verification-metadata")
    found, broken = verified(source, root)
    refs = Refs(path)
    own = lock_file(path, source.location(root.start, root.end))
    components = [_component(one, refs) for one in found]
    return Lock(
        components=(own, *components),
        edges=tuple(sorted(Edge(own.ref, c.ref) for c in components)),
        roots=(own.ref,),
        unknown=(
            f"{path}: it lists what may be resolved, not who needs it",
            *(f"{b.path}: {b.reason}" for b in broken),
        ),
        path=path,
        format=FORMAT,
        broken=tuple(broken),
    )


def xml_root(path: str, data: bytes, name: str) -> tuple[SourceText, Element]:
    """The text and the root element of an XML lock, which must be called `name`. Raises LockError."""
    source = decoded(path, data)
    try:
        if source.problem is not None:
            raise Refused(source.problem[1], source.problem[0])
        root = read_xml(source)
        if root.name != name:
            raise Refused(f"the root element is <{root.name[:40]}>, not <{name}>", root.start)
    except Refused as refused:
        raise LockError(Unreadable.at(source, refused.reason, refused.offset)) from None
    return source, root


def verified(source: SourceText, root: Element) -> tuple[list[Verified], list[Unreadable]]:
    """The components of the document, and those that lack a coordinate. Raises LockError for too many."""
    elements = root.all("components", "component")
    bounded(source, len(elements))
    good, broken = [], []
    for element in elements:
        group, name, version = (element.attributes.get(key, "") for key in ("group", "name", "version"))
        place = source.location(element.start, element.end)
        if group and name and version:
            good.append(Verified(group, name, version, tuple(_files(element)), place))
        else:
            broken.append(Unreadable(source.path, place, "a component lacks its group, name or version"))
    return good, broken


def _files(component: Element) -> Iterator[Distribution]:
    for artifact in component.all("artifact"):
        sums = [
            parse_hash(f"{c.name}:{c.attributes.get('value', '')}") for c in artifact.children if c.name in _CHECKSUMS
        ]
        also = [
            parse_hash(f"{c.name}:{a.attributes.get('value', '')}")
            for c in artifact.children
            for a in c.all("also-trust")
        ]
        hashes: set[Hash] = {h for h in (*sums, *also) if h is not None}
        yield Distribution(filename=artifact.attributes.get("name", ""), hashes=tuple(sorted(hashes)))


def _component(one: Verified, refs: Refs) -> Component:
    name = f"{one.group}:{one.name}"
    return Component(
        ref=refs.new(name, one.version),
        name=name,
        version=one.version,
        ecosystem=ECOSYSTEM,
        hashes=one.files[0].hashes if len(one.files) == 1 else (),
        distributions=one.files,
        source="registry",
        scope="",
        locations=(one.place,),
    )
