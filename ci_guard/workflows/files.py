"""The files that name code of others to run, by their paths, and what each of them pulls in."""

from __future__ import annotations

from collections.abc import Iterator

from ci_guard.model.location import Location, NodePath
from ci_guard.model.subject import Subject
from ci_guard.workflows import gitlab, hooks, steps
from ci_guard.workflows.steps import WorkflowDocument

FIELDS = ("uses", "rev", "image", "container")


def is_workflow(path: str) -> bool:
    """Whether `path` is a workflow, an action's metadata, a GitLab pipeline, or a configuration of pre-commit hooks."""
    return steps.is_workflow(path) or hooks.is_hook_config(path) or gitlab.is_pipeline(path)


def subjects(path: str, document: WorkflowDocument) -> Iterator[Subject]:
    """One subject for everything that a document pulls in, in document order."""
    if gitlab.is_pipeline(path):
        return gitlab.subjects(document)
    return hooks.subjects(document) if hooks.is_hook_config(path) else steps.subjects(document)


def judged(path: str, document: WorkflowDocument) -> Iterator[Subject]:
    """All that rules judge in a document: what it pulls in, then the workflow itself and its jobs."""
    yield from subjects(path, document)
    if steps.is_workflow(path):
        from ci_guard.workflows import audit  # its patterns take 20 ms to compile: only where there is a workflow

        yield from audit.subjects(document)


def place_of(subject: Subject) -> Location:
    """Where it is written what a subject pulls in."""
    return subject.document.locate(node_of(subject))


def node_of(subject: Subject) -> NodePath:
    """The node in which it is written: a field of the subject, or the subject itself."""
    field = next((f for f in FIELDS if subject.document.exists((*subject.path, f))), "")
    return (*subject.path, field) if field else subject.path
