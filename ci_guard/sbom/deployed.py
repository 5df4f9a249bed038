"""What manifests deploy: workloads and the images that they run, as components with `runs` edges."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ci_guard.model.component import Component, Edge, Inventory
from ci_guard.model.location import Location
from ci_guard.model.record import record
from ci_guard.model.subject import SubjectId
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.purls import oci_purl


@record
class DeployedImage:
    """One image reference of a workload: the facts that `model.image_reference.parse_image` gives, and its place."""

    facts: Mapping[str, Any]
    location: Location


@record
class Workload:
    """One object that runs images; `location` is its name in the manifest, `version` what a label says, "" unknown."""

    id: SubjectId
    location: Location
    images: tuple[DeployedImage, ...]
    version: str = ""


@record
class Contents(Inventory):
    """What an image or a root file system contains; `unread`, a part of `unknown`, is what is broken in it."""

    unread: tuple[str, ...] = ()


@record
class ArchivedImages:
    """The content of images that workloads name, the refs of those images, and archives of which none is named."""

    contents: tuple[Contents, ...] = ()
    opened: frozenset[str] = frozenset()
    unused: tuple[str, ...] = ()


def deployed_inventory(workloads: Iterable[Workload], opened: Collection[str] = ()) -> Inventory:
    """Workloads, images and the edges between them. What an image contains is not known here, and it says so.

    `opened` are the refs of images whose content another inventory holds.
    """
    listed = [(_workload(workload), workload) for workload in workloads]
    images = [(own, image, image_component(image)) for own, workload in listed for image in workload.images]
    valid = [(own, component) for own, _, component in images if component is not None]
    broken = [(own, image) for own, image, component in images if component is None]
    unknown = {
        f"{own.ref}: {image.facts.get('reference') or '(no text)'} is no image reference" for own, image in broken
    }
    closed = {component.ref for _, component in valid} - set(opened)
    unknown |= {f"{ref}: what the image contains was not looked at" for ref in closed}
    return Inventory(
        components=tuple([own for own, _ in listed] + [component for _, component in valid]),
        edges=tuple(sorted({Edge(own.ref, component.ref, "runs") for own, component in valid})),
        roots=tuple(sorted({own.ref for own, _ in listed})),
        complete=frozenset(own.ref for own, _ in listed) - {own.ref for own, _ in broken},
        unknown=tuple(sorted(unknown)),
    )


def workload_ref(workload: Workload) -> str:
    """Its ref in inventories. The path tells apart what overlays deploy twice under one name."""
    subject = workload.id
    owner = f"{subject.namespace}/{subject.name}" if subject.namespace else subject.name
    return f"kubernetes:{workload.location.path}#{subject.api_version}/{subject.kind}/{owner}"


def _workload(workload: Workload) -> Component:
    subject = workload.id
    described = (("kind", subject.kind), ("namespace", subject.namespace), ("api-version", subject.api_version))
    return Component(
        ref=workload_ref(workload),
        name=subject.name or "(generated name)",
        version=workload.version,
        type="application",
        locations=(workload.location,),
        properties=tuple(sorted((f"ci-guard:kubernetes:{key}", value) for key, value in described if value)),
    )


def deployed_images(workloads: Iterable[Workload]) -> dict[str, Component]:
    """Every image that the workloads name, by its ref."""
    found = (image_component(image) for workload in workloads for image in workload.images)
    return {component.ref: component for component in found if component is not None}


def image_component(image: DeployedImage) -> Component | None:
    """The image as written; None when it is no reference (a template, a number)."""
    facts = image.facts
    if not facts.get("valid"):
        return None
    repository, digest = f"{facts['registry']}/{facts['repository']}", str(facts["digest"])
    parsed = parse_hash(digest)
    purl = oci_purl(repository, digest, str(facts["tag"]))
    return Component(
        ref=purl,
        name=repository,
        version=digest or str(facts["tag"]),
        type="container",
        purl=purl,
        hashes=(parsed,) if parsed else (),
        source="registry",
        source_url=repository,
        locations=(image.location,),
        properties=(("ci-guard:image:tag", str(facts["tag"])),) if facts["tag"] else (),
    )
