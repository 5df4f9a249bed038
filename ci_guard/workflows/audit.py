"""Workflows and actions as facts that rules judge: one subject for a workflow, one for each of its jobs.

What stands within a text (an expression in a script, a line of it) is an item of the job with a place of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_guard.model.location import FieldPath, Location, NodePath
from ci_guard.model.record import field, record
from ci_guard.model.subject import Subject, SubjectId
from ci_guard.workflows.jobs import allows_unsecured, job_facts, permissions_of, triggers_of
from ci_guard.workflows.steps import WorkflowDocument


@record
class Spot:
    """Where an item stands: the node that holds it, and the text to look for in it ("" = the node itself).

    `number`: the how manyeth occurrence, from 0.
    """

    node: NodePath
    text: str = ""
    number: int = 0


@record(frozen=False)
class Places:
    """The positions of a job with items of our own making (`subject.Positions`); all else is the document's."""

    path: str
    document: Any
    spots: dict[NodePath, Spot] = field(default_factory=dict)

    def locate(self, path: NodePath, *, key: bool = False) -> Location:
        """The text of an item within its node; of everything else what the document says."""
        spot = self._spot(path)
        if spot is None:
            found: Location = self.document.locate(path, key=key)
            return found
        return self._within(spot) or self.document.locate(spot.node)

    def exists(self, path: NodePath) -> bool:
        """Whether there is such an item or node."""
        return path in self.spots or (self._spot(path) is None and bool(self.document.exists(path)))

    def field_path(self, path: NodePath) -> FieldPath:
        """The field that holds an item: where it stands in a list of ours means nothing to a reader."""
        spot = self._spot(path)
        return str(self.document.field_path(spot.node if spot else path))

    def _spot(self, path: NodePath) -> Spot | None:
        return next((self.spots[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.spots), None)

    def _within(self, spot: Spot) -> Location | None:
        """The occurrence of the text in the node as it is written; None where it is written otherwise."""
        if not spot.text or not self.document.exists(spot.node):
            return None
        text, region = self.document.text, self.document.region_of(spot.node)
        start = text.offset(region.start_line, region.start_column)
        end = text.offset(region.end_line, region.end_column)
        for _ in range(spot.number + 1):
            at = text.text.find(spot.text, start, end)
            if at < 0:
                return None
            start = at + len(spot.text)
        located: Location = text.location(at, at + len(spot.text))
        return located


def subjects(document: WorkflowDocument) -> Iterator[Subject]:
    """One `workflow` subject and one `workflow-job` for each job, or for a composite action. Never raises."""
    value = document.value
    if not isinstance(value, dict):
        return
    runs = value.get("runs")
    if isinstance(runs, dict):
        if runs.get("using") == "composite":
            yield _job(document, ("runs",), "", runs, {**value, "on": None})
        return
    jobs = value.get("jobs")
    if not isinstance(jobs, dict):
        return
    named = [(name, body) for name, body in jobs.items() if isinstance(name, str) and isinstance(body, dict)]
    yield _workflow(document, value, named)
    for name, body in named:
        yield _job(document, ("jobs", name), name, body, value)


def _workflow(document: WorkflowDocument, value: dict[str, Any], jobs: list[tuple[str, dict[str, Any]]]) -> Subject:
    kind, writes = permissions_of(value)
    facts = {
        "triggers": triggers_of(value),
        "permissions": kind,
        "writes": writes,
        "jobs": len(jobs),
        "unsecured": allows_unsecured(value),
        "silent": [name for name, body in jobs if permissions_of(body)[0] == "missing"],
    }
    variables = {"workflow": facts, "subject": "workflow"}
    return Subject("workflow", SubjectId("workflow", document.path.rpartition("/")[2]), (), document, variables)


def _job(
    document: WorkflowDocument, path: NodePath, name: str, body: dict[str, Any], workflow: dict[str, Any]
) -> Subject:
    facts, items = job_facts(name, body, workflow)
    places = Places(document.path, document)
    for key, found in items.items():
        facts[key] = [item.facts for item in found]
        for number, item in enumerate(found):
            places.spots[(*path, key, number)] = Spot((*path, *item.node), item.text, item.number)
    title = name or "action"
    return Subject(
        "workflow-job",
        SubjectId("workflow-job", title),
        path,
        places,
        {"job": facts, "subject": title},
        match={"kind": facts["kind"]},
    )
