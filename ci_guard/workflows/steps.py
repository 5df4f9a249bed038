"""Workflow documents -> subjects: one for everything that a job, a step or an action pulls in with `uses:`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from ci_guard.model.location import NodePath
from ci_guard.model.subject import Positions, Subject, SubjectId
from ci_guard.workflows.uses import parse_uses

DIALECT = "yaml-1.2"
"""The dialect to read workflow files in: `on:` stays a key."""

_WORKFLOW = re.compile(r"(?:\A|/)\.github/workflows/[^/]+\.ya?ml\Z")
_IMAGES = frozenset({"container", "image"})
_ACTION = re.compile(r"(?:\A|/)action\.ya?ml\Z")


class Comment(Protocol):
    """What is needed of a comment."""

    @property
    def line(self) -> int:
        """1-based."""

    @property
    def text(self) -> str:
        """The comment, with or without its `#`."""


class WorkflowDocument(Positions, Protocol):
    """What is needed of a document of `source`."""

    value: Any

    def comments(self) -> Sequence[Any]:
        """The document's comments in order."""


def is_workflow(path: str) -> bool:
    """Whether `path` names a GitHub workflow or an action's metadata file."""
    return bool(_WORKFLOW.search(path) or _ACTION.search(path))


def subjects(document: WorkflowDocument) -> Iterator[Subject]:
    """One `workflow-step` subject for each `uses:` and each image (of a job, a service, a Docker action), in order.

    The subject's path is what carries it, so that a rule points with `at: [uses, image, container]`. Never raises on
    any value.
    """
    comments: dict[int, str] = {}
    places = list(_uses(document.value))
    if places:
        comments = comments_by_line(document)
    for path, key, value, job in places:
        region = document.locate((*path, key)).region
        facts = parse_uses(value, comments.get(region.end_line, "") if region else "", image=key in _IMAGES)
        facts["job"] = job
        name = facts["uses"] or str(value)[:80]
        yield Subject(
            "workflow-step",
            SubjectId("workflow-step", name),
            path,
            document,
            {"step": facts, "subject": name},
            match={"kind": facts["kind"]},
        )


def comments_by_line(document: WorkflowDocument) -> dict[int, str]:
    """Line -> the text of the comment that ends it, without its `#`."""
    return {c.line: c.text.lstrip("#").strip() for c in document.comments()}


def _uses(value: Any) -> Iterator[tuple[NodePath, str, Any, str]]:
    """Path of the owner, key, value and job of everything that is pulled in."""
    for job, body in _items(_get(value, "jobs")):
        path: NodePath = ("jobs", job)
        if "uses" in body:
            yield path, "uses", body["uses"], job
        yield from _containers(body, path, job)
        yield from _steps(body, path, job)
    runs = _get(value, "runs")
    yield from _steps(runs, ("runs",), "")
    image = _get(runs, "image")
    if isinstance(image, str) and image.startswith("docker://"):
        yield ("runs",), "image", image, ""


def _containers(body: Any, path: NodePath, job: str) -> Iterator[tuple[NodePath, str, Any, str]]:
    """The images that a job and its services run in; what an expression alone names is known only when it runs."""
    owners = [(path, "container", _get(body, "container")), ((*path, "container"), "image", _get(body, "container"))]
    owners += [((*path, "services", name), "image", service) for name, service in _items(_get(body, "services"))]
    for where, key, value in owners:
        image = value if key == "container" else _get(value, "image")
        if isinstance(image, str) and image and not image.startswith("${{"):
            yield where, key, image, job


def _steps(owner: Any, path: NodePath, job: str) -> Iterator[tuple[NodePath, str, Any, str]]:
    steps = _get(owner, "steps")
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, dict) and "uses" in step:
            yield (*path, "steps", index), "uses", step["uses"], job


def _items(value: Any) -> Iterator[tuple[str, dict[Any, Any]]]:
    for key, child in value.items() if isinstance(value, dict) else ():
        if isinstance(key, str) and isinstance(child, dict):
            yield key, child


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
