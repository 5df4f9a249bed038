"""What workflows, actions and hooks pull in, as components: actions, reusable workflows, images, hook repositories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ci_guard.model.component import Component, Edge
from ci_guard.model.image_reference import parse_image
from ci_guard.model.location import Location, Region
from ci_guard.model.record import record
from ci_guard.sbom.digests import parse_hash
from ci_guard.sbom.lockfiles.lines import Refs
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.sbom.purls import build_purl, oci_purl

FORMAT = "workflow"
ECOSYSTEM = "GitHub Actions"

_GITHUB = "https://github.com/"


@record
class Used:
    """One thing that is pulled in: the facts that `workflows.uses.parse_uses` gives, and its place."""

    facts: Mapping[str, Any]
    location: Location


def workflow_lock(path: str, used: Iterable[Used]) -> Lock:
    """The file with what it pulls in. What an action pulls in itself is not known here, and it says so."""
    own = Component(ref=f"file:{path}", name=path, type="file", locations=(Location(path, Region(1, 1, 1, 1)),))
    refs = Refs(path)
    components, unknown = [], []
    for one in used:
        made = _image(one, refs) if one.facts["kind"] == "docker" else _repository(one, refs)
        if made is not None:
            components.append(made)
        elif one.facts["kind"] != "local":
            unknown.append(f"{path}: {str(one.facts['uses'])[:200]} names nothing that can be looked up")
    return Lock(
        components=(own, *components),
        edges=tuple(sorted(Edge(own.ref, c.ref, "uses") for c in components)),
        roots=(own.ref,),
        complete=frozenset() if unknown else frozenset({own.ref}),
        unknown=tuple(sorted(set(unknown))),
        path=path,
        format=FORMAT,
    )


def _repository(one: Used, refs: Refs) -> Component | None:
    """An action, a reusable workflow or a repository of hooks at a revision."""
    facts = one.facts
    name, inside, ref = _name(facts), str(facts["path"]), str(facts["ref"])
    if not name or facts["kind"] in {"local", "include"}:
        return None
    on_github = facts["kind"] != "hook" or str(facts["repo"]).startswith(_GITHUB)
    url = str(facts["repo"]) if facts["kind"] == "hook" else f"{_GITHUB}{name}"
    return Component(
        ref=refs.new(f"{name}/{inside}".rstrip("/"), ref),
        name=f"{name}/{inside}".rstrip("/"),
        version=ref,
        type="application",
        purl=_purl(name, ref, inside) if on_github else "",
        ecosystem=ECOSYSTEM if facts["kind"] != "hook" else "",
        source="git",
        source_url=f"git+{url}@{ref}",
        scope="dev",
        locations=(one.location,),
        properties=(("ci-guard:workflow:version", str(facts["version"])),) if facts["version"] else (),
    )


def _name(facts: Mapping[str, Any]) -> str:
    if facts["kind"] == "hook":
        repo = str(facts["repo"])
        return repo.removeprefix(_GITHUB).removesuffix(".git").strip("/") if repo.startswith(_GITHUB) else repo
    return f"{facts['owner']}/{facts['repo']}" if facts["owner"] and facts["repo"] else ""


def _purl(name: str, ref: str, inside: str) -> str:
    made = build_purl("github", name.lower(), ref)
    return f"{made}#{inside.strip('/')}" if inside.strip("/") else made


def _image(one: Used, refs: Refs) -> Component | None:
    reference = str(one.facts["uses"]).removeprefix("docker://")
    facts = parse_image(reference)
    if not facts["valid"]:
        return None
    repository, digest, tag = f"{facts['registry']}/{facts['repository']}", str(facts["digest"]), str(facts["tag"])
    parsed = parse_hash(digest)
    return Component(
        ref=refs.new(repository, digest or tag),
        name=repository,
        version=digest or tag,
        type="container",
        purl=oci_purl(repository, digest, tag),
        hashes=(parsed,) if parsed else (),
        source="registry",
        source_url=repository,
        scope="dev",
        locations=(one.location,),
        properties=(("ci-guard:workflow:tag", tag),) if tag else (),
    )
