"""Dockerfiles: the images that a build starts from, copies from and mounts, each by digest where one is written."""

from __future__ import annotations

from ci_guard.model.component import Component, Edge
from ci_guard.model.image_reference import parse_image
from ci_guard.model.location import Location
from ci_guard.model.ports import ReadBytes
from ci_guard.sbom.build_images import BuildImage, build_images
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lines import Refs
from ci_guard.sbom.lockfiles.lock import Lock, LockError
from ci_guard.sbom.purls import oci_purl
from ci_guard.source.dockerfile import Dockerfile, read_dockerfile
from ci_guard.source.dockerfile_documents import dockerfile_document
from ci_guard.source.document import Unreadable
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Refused

FORMAT = "Dockerfile"


def read(path: str, data: bytes, beside: ReadBytes) -> Lock:  # noqa: ARG001 - it stands alone
    """Every image of the Dockerfile. Raises LockError."""
    text = SourceText(path, data)
    try:
        file = read_dockerfile(text)
        images = list(build_images(file))
    except Refused as refused:
        raise LockError(Unreadable.at(text, refused.reason, refused.offset)) from None
    return _lock(file, images)


def _lock(file: Dockerfile, images: list[BuildImage]) -> Lock:
    path = file.text.path
    own = Component(ref=f"file:{path}", name=path, type="file", locations=(file.text.location(0, 0),))
    refs = Refs(path)
    components: list[Component] = []
    broken, unknown = [], []
    for image in images:
        place = file.text.location(image.written.start, image.written.end)
        made = _component(image, place, refs)
        if made is not None:
            components.append(made)
        if image.open:
            unknown.append(f"{path}: {image.written.text[:200]} names an image that only the caller of the build knows")
        elif made is None:
            broken.append(Unreadable(path, place, f"{image.text[:200]} is no image reference"))
    unknown += [f"{c.ref}: what the image contains was not looked at" for c in components]
    return Lock(
        components=(own, *components),
        edges=tuple(sorted(Edge(own.ref, c.ref, "builds-from") for c in components)),
        roots=(own.ref,),
        complete=frozenset() if len(components) < len(images) else frozenset({own.ref}),
        unknown=(*sorted(set(unknown)), *(f"{b.path}: {b.reason}" for b in broken)),
        path=path,
        format=FORMAT,
        broken=tuple(broken),
        open=tuple(_open(file, images)),
        document=dockerfile_document(file),
    )


def _open(file: Dockerfile, images: list[BuildImage]) -> list[tuple[Location, tuple[str, ...]]]:
    return [(file.text.location(i.written.start, i.written.end), i.open) for i in images if i.open]


def _component(image: BuildImage, place: Location, refs: Refs) -> Component | None:
    """The image as written; None when it is no reference, or an open one."""
    facts = parse_image(image.text)
    if image.open or not facts["valid"]:
        return None
    repository, digest, tag = f"{facts['registry']}/{facts['repository']}", str(facts["digest"]), str(facts["tag"])
    parsed = parse_hash(digest)
    described = (("kind", image.kind), ("platform", image.platform), ("stage", image.stage), ("tag", tag))
    return Component(
        ref=refs.new(repository, digest or tag),
        name=repository,
        version=digest or tag,
        type="container",
        purl=oci_purl(repository, digest, tag),
        hashes=(parsed,) if parsed else (),
        source="registry",
        source_url=repository,
        scope="required" if image.kind == "from" else "optional",
        locations=(place,),
        properties=tuple(sorted((f"ci-guard:dockerfile:{key}", value) for key, value in described if value)),
    )
