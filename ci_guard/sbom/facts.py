"""Components as facts that rules judge, each at the line of its lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.model.component import Component, Distribution
from ci_guard.model.location import FieldPath, Location, NodePath
from ci_guard.model.record import record
from ci_guard.model.subject import Subject, SubjectId
from ci_guard.sbom.digests import strength
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.sbom.resolved import Hosts, disagreement, insecure
from ci_guard.sbom.sources import split_git


@record(frozen=False)
class EntryPosition:
    """The positions of a lock entry (`subject.Positions`): whatever is asked for, it is the entry's own line."""

    path: str
    place: Location

    def locate(self, path: NodePath, *, key: bool = False) -> Location:  # noqa: ARG002
        """The entry's place: a lock's fields have none of their own here."""
        return self.place

    def exists(self, path: NodePath) -> bool:
        """Only the entry itself is there."""
        return not path

    def field_path(self, path: NodePath) -> FieldPath:
        """As dotted text."""
        return ".".join(str(part) for part in path)


def subjects(lock: Lock) -> Iterator[Subject]:
    """One subject an entry; the lock file itself and the project are no dependencies and are left out."""
    hosts = Hosts(lock.components, lock.allowed, lock.scopes)
    for component in lock.components:
        if component.type == "file" or component.source == "workspace":
            continue
        facts = image_facts(component) if component.type == "container" else None
        kind = "image" if facts else "component"
        yield Subject(
            each=kind,
            id=SubjectId(kind=kind, name=component.purl or component.ref),
            path=(),
            document=EntryPosition(lock.path, component.locations[0] if component.locations else Location(lock.path)),
            variables={
                kind: facts or _entry_facts(component, lock, hosts),
                "subject": _named(component),
            },
            match={"ecosystem": component.ecosystem, "format": lock.format, "type": facts["kind"] if facts else ""},
        )


def _entry_facts(component: Component, lock: Lock, hosts: Hosts) -> dict[str, Any]:
    """The facts of a package, and how its address fits its lock."""
    host, why = hosts.unexpected(component)
    return component_facts(component, lock.format, hashable=not lock.hashless) | {
        "insecure": insecure(component),
        "otherName": disagreement(component),
        "unexpectedHost": host,
        "whyUnexpected": why,
        "credential": component.ref in lock.exposed,
        "runs": _runs(component),
    }


def _runs(component: Component) -> str:
    """How it runs code of its own while it is installed, as far as its lock tells; "" if it tells of nothing."""
    properties = dict(component.properties)
    if properties.get("ci-guard:npm:install-script") == "true":
        return "install scripts"
    if properties.get("ci-guard:composer:type") == "composer-plugin":
        return "a Composer plugin"
    files = [file.filename or file.url for file in component.distributions]
    built = component.ecosystem == "PyPI" and files and not any(".whl" in file for file in files)
    return "its build, for the lock has no wheel of it" if built else ""


def image_facts(component: Component) -> dict[str, Any]:
    """What rules may ask of an image that a build pulls in; `kind` is `from`, `copy`, `mount` or `frontend`."""
    properties = dict(component.properties)
    tag = properties.get("ci-guard:dockerfile:tag", "")
    digest = component.version if component.hashes or component.version.startswith("sha") else ""
    return {
        "name": component.name + (f":{tag}" if tag else ""),
        "repository": component.name,
        "tag": tag,
        "digest": digest if digest != tag else "",
        "kind": properties.get("ci-guard:dockerfile:kind", ""),
        "stage": properties.get("ci-guard:dockerfile:stage", ""),
    }


def component_facts(component: Component, lock_format: str, *, hashable: bool = True) -> dict[str, Any]:
    """What rules may ask of a lock entry: plain values only, and every key always there.

    `hashed` is the weakest proof among the files that an installer may take: `strong`, `weak` or `none`.
    `pinned`: always the same thing is meant (an exact version, a full commit, a hashed URL). `hashable`: its lock has
    room for a hash of it.
    """
    properties = dict(component.properties)
    repository, commit = split_git(component.source_url) if component.source == "git" else (component.source_url, "")
    hashed = _weakest(component)
    return {
        "name": component.name,
        "version": component.version,
        "specifier": next((v for k, v in component.properties if k.endswith(":specifier")), ""),
        "ecosystem": component.ecosystem,
        "purl": component.purl,
        "source": component.source,
        "sourceUrl": repository,
        "commit": commit,
        "hashes": [{"algorithm": h.algorithm, "strength": strength(h.algorithm)} for h in _all_hashes(component)],
        "hashed": hashed,
        "hashable": hashable,
        "scope": component.scope,
        "markers": component.markers,
        "pinned": _pinned(component, commit, hashed),
        "bundled": properties.get("cdx:npm:package:bundled") == "true",
        "installScript": properties.get("ci-guard:npm:install-script") == "true",
        "deprecated": "true" in {properties.get(f"ci-guard:{key}") for key in ("npm:deprecated", "composer:abandoned")},
        "format": lock_format,
    }


def _named(component: Component) -> str:
    return f"{component.name} {component.version}".strip()


def _pinned(component: Component, commit: str, hashed: str) -> bool:
    if component.source == "git":
        return bool(commit) or hashed == "strong"
    if component.source == "url":
        return hashed != "none"
    # What a parent of one version, or an imported list of versions, fixes elsewhere is fixed all the same.
    managed = ("ci-guard:maven:managed", "true") in component.properties
    return bool(component.version) or component.source == "path" or managed


def _weakest(component: Component) -> str:
    """A file without a hash of its own counts with those that the entry as a whole has (requirements, npm)."""
    files = component.distributions or (Distribution(),)
    return min((_proof(f.hashes or component.hashes) for f in files), key=("none", "weak", "strong").index)


def _proof(hashes: tuple[Any, ...]) -> str:
    if not hashes:
        return "none"
    return "strong" if any(strength(h.algorithm) == "strong" for h in hashes) else "weak"


def _all_hashes(component: Component) -> list[Any]:
    return sorted({*component.hashes, *(h for f in component.distributions for h in f.hashes)})
