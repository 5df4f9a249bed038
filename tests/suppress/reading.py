"""What the suppression tests need of other rooms: the real reader, and two flaws found by their text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.kubernetes.resources import Resource, resources_of
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location, NodePath
from ci_guard.model.record import replace
from ci_guard.model.subject import SubjectId
from ci_guard.source.document import Document
from ci_guard.source.reader import read

KNOWN = frozenset({"privileged-container", "image-tag-latest", "other-rule"})
SEVERITIES = {"privileged-container": Severity.CRITICAL, "image-tag-latest": Severity.MEDIUM}


def documents(path: str, data: bytes) -> list[Document]:
    return [d for d in read(path, data, "kubernetes") if isinstance(d, Document)]


def resources(document: Document) -> list[Resource]:
    return list(resources_of(document, document.value))


def flaws(document: Document) -> Iterator[Finding]:
    """`privileged: true` and `image: …:latest`, wherever they stand."""
    for resource in resources(document):
        yield from _flaws(document, resource, resource.value, resource.path, "")


def _flaws(document: Document, resource: Resource, node: Any, path: NodePath, container: str) -> Iterator[Finding]:
    if isinstance(node, dict) and len(path) > 1 and "ontainers" in str(path[-2]):
        container = str(node.get("name", ""))
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, member in members:
        rule = "privileged-container" if key == "privileged" and member is True else ""
        rule = "image-tag-latest" if key == "image" and str(member).endswith(":latest") else rule
        if rule:
            yield finding(document, resource, rule, (*path, key), container)
        else:
            yield from _flaws(document, resource, member, (*path, key), container)


def finding(document: Document, resource: Resource, rule: str, path: NodePath, container: str) -> Finding:
    return Finding(
        rule=rule,
        severity=SEVERITIES[rule],
        message=f"{rule} in {container or resource.id.name}",
        location=document.locate(path),
        subject=replace(resource.id, container=container),
        path=document.field_path(path),
    )


def emit(
    rule_id: str, *, location: Location, subject: SubjectId, key: str = "", values: Any = None, message: Any = None
) -> Finding:
    """As `Selection.emit` of the engine: a finding of a rule that code judges."""
    return Finding(rule_id, Severity.LOW, message or "", location, subject, key=key)
