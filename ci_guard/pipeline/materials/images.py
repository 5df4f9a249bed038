"""What images and root file systems contain: from a layout, an archive, a registry or a folder, for the SBOM stage."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ci_guard.model.component import Component
from ci_guard.model.errors import InputError, UsageError
from ci_guard.model.image_reference import parse_image
from ci_guard.model.record import field, record, replace
from ci_guard.sbom.deployed import ArchivedImages, Contents, Workload, deployed_images
from ci_guard.sbom.images.compression import Limits
from ci_guard.sbom.images.contents import image_component, image_inventory
from ci_guard.sbom.images.manifests import Image, images
from ci_guard.sbom.images.opening import (
    DEFAULT_PLATFORM,
    TRANSPORTS,
    choose,
    image_place,
    is_for,
    open_store,
    stored_images,
)
from ci_guard.sbom.images.registry_store import RegistryStore
from ci_guard.sbom.installed import catalogue
from ci_guard.sbom.installed.folder import FolderTree

if TYPE_CHECKING:
    from ci_guard.services.registry import Repository

REGISTRY = "oci://"
ROOTFS = "rootfs:"
ENVIRONMENT = "environment:"
_LANGUAGES = ("python", "node")
_NODE_MODULES = "node_modules"
_MARK_OF_AN_ENVIRONMENT = "pyvenv.cfg"
LIMITS = Limits()


def is_image(text: str) -> bool:
    """Whether a command's argument names an image, a root file system or an environment rather than a repository."""
    return text.startswith((REGISTRY, ROOTFS, ENVIRONMENT, *TRANSPORTS)) or _is_environment(text)


def _is_environment(text: str) -> bool:
    """A virtual environment of Python, or a folder of Node packages: nobody means a repository by it.

    A checkout stays one whatever files a change puts into it, and so does the folder that commands are run in.
    """
    folder = Path(text)
    if folder.name in {_NODE_MODULES, "site-packages"}:
        return True
    checkout = (folder / ".git").exists() or folder.absolute() == Path.cwd()
    return (folder / _MARK_OF_AN_ENVIRONMENT).is_file() and not checkout


def inventory_of(text: str, platform: str = "", environ: Mapping[str, str] | None = None) -> Contents:
    """What `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, `rootfs:DIR` or `oci://REFERENCE` contains.

    `environment:DIR`, and a folder that plainly is one, is what Python's or Node's package manager installed there.
    Raises InputError when it is not there, UsageError for a reference that is none, ServiceError from a registry.
    """
    if text.startswith(ROOTFS):
        return rootfs_inventory(Path(text.removeprefix(ROOTFS)))
    if text.startswith(ENVIRONMENT) or _is_environment(text):
        return environment_inventory(Path(text.removeprefix(ENVIRONMENT)))
    with ExitStack() as keep:
        if text.startswith(REGISTRY):
            found = _registry_images(text.removeprefix(REGISTRY), environ or os.environ, keep)
        else:
            found = stored_images(image_place(text), LIMITS, keep)
        return image_inventory(choose(found, platform), LIMITS)


def rootfs_inventory(root: Path) -> Contents:
    """Every package installed below a folder. Raises InputError when it is none."""
    if not root.is_dir():
        raise InputError(f"{root}: no folder")
    found = catalogue(FolderTree(root))
    notes = (*found.unknown, "files that no package manager names were not identified")
    roots = tuple(component.ref for component in found.components)
    return Contents(found.components, found.edges, roots, found.complete, tuple(sorted(notes)), found.unknown)


def environment_inventory(root: Path) -> Contents:
    """The packages of Python and Node below a folder; nobody's needs are the roots. Raises InputError for no folder."""
    if not root.is_dir():
        raise InputError(f"{root}: no folder")
    found = catalogue(_environment_tree(root), _LANGUAGES)
    needed = {edge.target for edge in found.edges}
    roots = tuple(component.ref for component in found.components if component.ref not in needed)
    return Contents(found.components, found.edges, roots, found.complete, found.unknown, found.unknown)


def _environment_tree(root: Path) -> FolderTree:
    """A folder of Node packages is seen from its project, where its links and its hidden lock start."""
    absolute = root.absolute()
    if absolute.name != _NODE_MODULES:
        return FolderTree(root)
    return FolderTree(absolute.parent, only=_NODE_MODULES)


def _registry_images(reference: str, environ: Mapping[str, str], keep: ExitStack) -> list[Image]:
    from ci_guard.services.docker_config import Keyring
    from ci_guard.services.hosts import HostPolicy
    from ci_guard.services.http import HttpClient
    from ci_guard.services.registry import Repository, host_of

    facts = parse_image(reference)
    if not facts["valid"]:
        raise UsageError(f"{REGISTRY}{reference}: no image reference")
    registry, name = facts["registry"], facts["repository"]
    http = keep.enter_context(HttpClient(registry, HostPolicy.of(host_of(registry))))
    keyring = Keyring(environ, Path.cwd())
    repository = Repository(http, registry, name, login=lambda: keyring.login(host_of(registry), name))
    digest = facts["digest"] or repository.resolve(facts["tag"] or "latest").digest
    tag = f":{facts['tag']}" if facts["tag"] else ""
    return images(RegistryStore(_Source(repository), digest, f"{registry}/{name}{tag}@{digest}", keep))


@record(frozen=False)
class _Match:
    """Images of the archives by what a manifest may call them: any digest that leads to them, and their names."""

    by_name: dict[str, list[Image]] = field(default_factory=dict)

    def add(self, image: Image) -> None:
        named = [facts for name in image.names if (facts := parse_image(name))["valid"]]
        tagged = {f"{facts['registry']}/{facts['repository']}:{facts['tag'] or 'latest'}" for facts in named}
        for name in {image.digest, *image.indexes, *tagged} - {""}:
            known = self.by_name.setdefault(name, [])
            if image.config_digest not in {other.config_digest for other in known}:  # two archives may hold the same
                known.append(image)

    def of(self, component: Component, platform: str) -> list[Image]:
        """By digest where the manifest pins one; only else by name and tag. Of several those for the platform."""
        wanted = component.version if component.hashes else f"{component.source_url}:{component.version or 'latest'}"
        found = self.by_name.get(wanted, [])
        # One for another platform than asked for is what this name leads to, wherever the pod runs.
        fit = [image for image in found if is_for(image, platform or DEFAULT_PLATFORM)]
        return fit if len(found) > 1 and fit else found


def archived_images(paths: Sequence[str], workloads: Sequence[Workload], platform: str = "") -> ArchivedImages:
    """The content of those deployed images that lie in the archives or layouts at `paths`. Raises InputError."""
    if not paths:
        return ArchivedImages()
    with ExitStack() as keep:
        match = _Match()
        sources: dict[int, str] = {}
        for path in paths:
            place = image_place(path)
            for image in images(open_store(place.path, LIMITS, keep)):
                match.add(image)
                sources[id(image.store)] = path
        deployed = deployed_images(workloads)
        chosen = {ref: match.of(own, platform) for ref, own in deployed.items()}
        contents = [_content(deployed[ref], found) for ref, found in chosen.items() if found]
        unused = sorted(set(sources.values()) - {sources[id(i.store)] for found in chosen.values() for i in found})
    # The image itself is no root: a workload needs it.
    rootless = tuple(replace(content, roots=()) for content in contents)
    return ArchivedImages(rootless, frozenset(ref for ref, found in chosen.items() if found), tuple(unused))


def _content(component: Component, found: Sequence[Image]) -> Contents:
    """What a deployed image contains; when several images fit what the manifest says, that is what is not known."""
    try:
        image = choose(found, "")
    except InputError as error:
        lost = (f"{component.ref}: {error}",)
        return Contents((component,), unknown=lost, unread=lost)
    return image_inventory(image, LIMITS, _joined(component, image))


def _joined(component: Component, image: Image) -> Component:
    """The deployed image with what its archive knows of it; its places stay those of the manifests."""
    known = image_component(image, component.source_url)
    return Component(
        ref=component.ref,
        name=component.name,
        version=component.version,
        type=component.type,
        purl=component.purl,
        hashes=component.hashes,
        source=component.source,
        source_url=component.source_url,
        licenses=known.licenses,
        properties=known.properties,
        installed=known.installed,
    )


class _Source:
    """`services.registry.Repository` as the port that the SBOM room takes."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def manifest_bytes(self, reference: str, limit: int) -> bytes:
        """The manifest as it came; the registry's own limit is the same."""
        return self._repository.manifest(reference).data[:limit]

    def blob(self, digest: str, limit: int) -> bytes:
        """The blob."""
        return self._repository.blob(digest, limit)
