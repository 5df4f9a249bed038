"""What can be pinned in a file, and where it is written: images, actions, reusable workflows, hooks.

Only what stands in the text as it is meant is pinned; what an expression, a build argument or an escape hides is kept
with the reason why not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.config.digests import image_key, repository_key
from ci_guard.kubernetes.kustomization import NAMES as KUSTOMIZATIONS
from ci_guard.kubernetes.kustomization import Surroundings, is_kustomization
from ci_guard.kubernetes.manifests import NOTICED, ManifestDocument, PatchDocument, Skipped, read_manifests
from ci_guard.kubernetes.sniff import has_manifest_name
from ci_guard.kubernetes.subjects import images_of
from ci_guard.model.image_reference import parse_image
from ci_guard.model.location import Location, NodePath
from ci_guard.model.record import field, record
from ci_guard.sbom.build_images import BuildImage, build_images
from ci_guard.sbom.lockfiles import parser_name
from ci_guard.source.dockerfile import Dockerfile, Word, read_dockerfile
from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read
from ci_guard.source.text import SourceText
from ci_guard.source.tree import Refused
from ci_guard.workflows import files
from ci_guard.workflows.steps import DIALECT

IMAGE, COMMIT = "image", "commit"
_EXPRESSION = "${{"
_KUBERNETES = "kubernetes"


@record
class PinPlace:
    """One reference. `written` is what names it, within the text from `start` to `end` (offsets).

    `what` is IMAGE or COMMIT, `key` its name in a lock without the version, `ref` the tag, `pin` the digest or commit
    that is there already. `comment` is how a version is told behind a commit ("" for images). `problem` says why the
    place cannot be pinned. `document`, `path` are its place among the documents (Dockerfiles have none);
    `entry` is the offset of the key before which a kustomization's digest goes, -1 elsewhere.
    """

    what: str
    written: str
    start: int
    end: int
    location: Location
    key: str = ""
    ref: str = ""
    pin: str = ""
    version: str = ""
    comment: str = ""
    problem: str = ""
    document: int = -1
    path: NodePath = ()
    entry: int = -1
    facts: Mapping[str, Any] = field(default_factory=dict)


Found = PinPlace | Unreadable | Skipped


def dialect_of(path: str) -> str:
    """Which dialect a file's documents are read in, "" for Dockerfiles."""
    if files.is_workflow(path):
        return DIALECT
    return "" if parser_name(path) == "dockerfile" else _KUBERNETES


def may_name(path: str) -> bool:
    """Whether a file of that name is one that is read: all others need not be opened."""
    known = files.is_workflow(path) or parser_name(path) == "dockerfile" or path.rpartition("/")[2] in KUSTOMIZATIONS
    return known or has_manifest_name(path)


def places(text: SourceText, surroundings: Surroundings) -> Iterator[Found]:
    """Everything in the file that can be pinned, in its order, and what could not be read. Never raises."""
    path = text.path
    if files.is_workflow(path):
        yield from _in_workflow(text)
    elif parser_name(path) == "dockerfile":
        yield from _in_dockerfile(text)
    elif path.rpartition("/")[2] in KUSTOMIZATIONS:
        yield from _in_kustomization(text)
    else:
        for found in read_manifests(path, text.data, surroundings):
            if isinstance(found, ManifestDocument):
                uses = [use for resource in found.resources for use in images_of(resource)]
                yield from (_image(text, found.document, use.path, str(use.facts["reference"])) for use in uses)
            elif isinstance(found, PatchDocument):
                yield found.skipped
            elif isinstance(found, Unreadable) or found.outcome in NOTICED:
                yield found


def _span(text: SourceText, document: Document, path: NodePath) -> tuple[int, int]:
    region = document.region_of(path)
    return text.offset(region.start_line, region.start_column), text.offset(region.end_line, region.end_column)


def _image(text: SourceText, document: Document, path: NodePath, written: str) -> PinPlace:
    start, end = _span(text, document, path)
    return _image_place(text, written, start, end, document.index, path)


def _image_place(
    text: SourceText, written: str, start: int, end: int, document: int = -1, path: NodePath = ()
) -> PinPlace:
    facts = parse_image(written.removeprefix("docker://"))
    place = text.location(start, end)
    if not facts["valid"]:
        reason = "an expression names it" if _EXPRESSION in written else "no image reference"
        return PinPlace(IMAGE, written, start, end, place, problem=reason, document=document, path=path)
    return PinPlace(
        IMAGE,
        written,
        start,
        end,
        place,
        key=image_key(facts),
        ref=str(facts["tag"]),
        pin=str(facts["digest"]),
        problem="" if text.text.count(written, start, end) == 1 else "written with escapes or over several lines",
        document=document,
        path=path,
        facts=facts,
    )


def _in_workflow(text: SourceText) -> Iterator[Found]:
    for document in read(text.path, text.data, DIALECT):
        if isinstance(document, Unreadable):
            yield document
            continue
        for subject in files.subjects(text.path, document):
            facts = subject.variables["step"]
            path = files.node_of(subject)
            if facts["kind"] in {"local", "include"} or not document.exists(path):
                continue
            start, end = _span(text, document, path)
            if facts["kind"] == "docker":
                yield _image_place(text, str(facts["uses"]), start, end, document.index, path)
            else:
                yield _commit_place(text, facts, start, end, document.index, path)


def _commit_place(
    text: SourceText, facts: Mapping[str, Any], start: int, end: int, document: int, path: NodePath
) -> PinPlace:
    ref = str(facts["ref"])
    hook = facts["kind"] == "hook"
    name = str(facts["repo"]) if hook else f"{facts['owner']}/{facts['repo']}"
    written = ref if hook else str(facts["uses"])
    place = PinPlace(
        COMMIT,
        written,
        start,
        end,
        text.location(start, end),
        key=repository_key(name) if name.strip("/") else "",
        ref=ref,
        pin=ref if facts["pinned"] else "",
        version=str(facts["version"]),
        comment="  # frozen: " if hook else " # ",
        problem=_why_not(text, facts, written, start, end),
        document=document,
        path=path,
    )
    return place


def _why_not(text: SourceText, facts: Mapping[str, Any], written: str, start: int, end: int) -> str:
    if _EXPRESSION in str(facts["uses"]):
        return "an expression names it"
    if facts["kind"] == "invalid" or not facts["ref"]:
        return "it names no version"
    return "" if text.text.count(written, start, end) == 1 else "written with escapes or over several lines"


def _in_kustomization(text: SourceText) -> Iterator[Found]:
    for document in read(text.path, text.data, _KUBERNETES):
        if isinstance(document, Unreadable):
            yield document
            continue
        if not is_kustomization(text.path, document.value):
            continue
        images = document.value.get("images")
        for index, entry in enumerate(images if isinstance(images, list) else ()):
            if isinstance(entry, dict) and isinstance(entry.get("newTag"), str):
                yield _kustomized(text, document, ("images", index), entry)


def _kustomized(text: SourceText, document: Document, path: NodePath, entry: Mapping[str, Any]) -> PinPlace:
    """An entry of `images:`: its tag is told by `newTag`, the digest goes before it, or stands in `digest`."""
    name = entry.get("newName") or entry.get("name")
    tag, digest = str(entry["newTag"]), entry.get("digest")
    start, end = _span(text, document, (*path, "newTag"))
    facts = parse_image(f"{name}:{tag}")
    key = document.locate((*path, "newTag"), key=True).region
    if not facts["valid"] or key is None:
        return PinPlace(IMAGE, f"{name}:{tag}", start, end, text.location(start, end), problem="no image reference")
    return PinPlace(
        IMAGE,
        f"{name}:{tag}",
        *((start, end) if not isinstance(digest, str) else _span(text, document, (*path, "digest"))),
        text.location(start, end),
        key=image_key(facts),
        ref=str(facts["tag"]),
        pin=str(facts["digest"]) or (digest if isinstance(digest, str) else ""),
        document=document.index,
        path=(*path, "newTag" if facts["digest"] else "digest"),
        entry=text.offset(key.start_line, key.start_column),
        facts=facts,
    )


def _in_dockerfile(text: SourceText) -> Iterator[Found]:
    try:
        file = read_dockerfile(text)
        images = list(build_images(file))
    except Refused as refused:
        yield Unreadable.at(text, refused.reason, refused.offset)
        return
    for image in images:
        word = image.written if image.written.text == image.text else _default(file, image)
        if word is None:
            place = text.location(image.written.start, image.written.end)
            reason = "put together from build arguments"
            yield PinPlace(IMAGE, image.written.text, image.written.start, image.written.end, place, problem=reason)
        else:
            yield _image_place(text, word.text, word.start, word.end)


def _default(file: Dockerfile, image: BuildImage) -> Word | None:
    """The default of the build argument that is the whole image: `ARG BASE=python:3.13`, `FROM ${BASE}`."""
    name = image.written.text.removeprefix("$").removeprefix("{").removesuffix("}")
    found = None
    for instruction in file.instructions:
        if instruction.keyword == "FROM":
            break
        for word in instruction.words if instruction.keyword == "ARG" else ():
            given, equals, value = word.text.partition("=")
            if equals and given == name and value.strip("\"'") == image.text:
                start = word.end - len(value) + value.index(image.text)
                found = Word(image.text, start, start + len(image.text))
    return found
