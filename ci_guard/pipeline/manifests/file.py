"""One manifest file at a time: documents -> resources -> subjects -> verdicts; nothing of it stays in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ci_guard.kubernetes.kustomization import ALONE, Surroundings
from ci_guard.kubernetes.kustomization import NAMES as KUSTOMIZATIONS
from ci_guard.kubernetes.manifests import (
    NOTICED,
    ManifestDocument,
    PatchDocument,
    Skipped,
    outcome_of,
    outcome_of_file,
    read_manifests,
)
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location
from ci_guard.model.record import field, record
from ci_guard.model.report import Notice
from ci_guard.model.subject import Subject, SubjectId
from ci_guard.pipeline.judged import Judged
from ci_guard.pipeline.policy.choice import RuleChoice

if TYPE_CHECKING:
    from ci_guard.config.types import SuppressionEntry
    from ci_guard.engine.evaluation import Judge
    from ci_guard.engine.fix import Fixer
    from ci_guard.engine.selection import Selection
    from ci_guard.kubernetes.repository import Index
    from ci_guard.kubernetes.resources import Resource
    from ci_guard.pipeline.manifests.structure import StructureJudge
    from ci_guard.sbom.deployed import Workload
    from ci_guard.source.document import Document, Unreadable
    from ci_guard.suppress.ledger import Suppressions

WRONG_TYPE = "wrong-type"
DUPLICATE_KEY = "duplicate-key"
_PATCHED = frozenset({"resource", "pod"})
"""What a patch is judged as: the flags of a component say nothing before all of them are known."""


@record(frozen=False, slots=False)
class Linted:
    """What is kept of the files that were judged: verdicts, suppressions, a small index.

    For a run over a whole repo also the sha256 of each file, the workloads with their images, and the files (outcome
    and path) from which more is deployed than they show. Suppressions and
    index are made when first used: most files of a commit are no manifests, and should cost as little.
    """

    judged: Judged = field(default_factory=Judged)
    entries: tuple[SuppressionEntry, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    workloads: list[Workload] = field(default_factory=list)
    unseen: set[tuple[str, str]] = field(default_factory=set)

    @cached_property
    def suppressions(self) -> Suppressions:
        """The comments, annotations and configuration entries that accept findings."""
        from ci_guard.suppress.ledger import Suppressions

        return Suppressions(self.entries)

    @cached_property
    def index(self) -> Index:
        """The resources of the repo by name."""
        from ci_guard.kubernetes.repository import Index

        return Index()

    @property
    def suppresses(self) -> bool:
        """Whether there is any suppression to apply or to complain about."""
        return bool(self.entries) or "suppressions" in self.__dict__

    def add(self, other: Linted) -> None:
        """Add up what another worker judged."""
        self.judged.add(other.judged)
        self.digests.update(other.digests)
        self.workloads += other.workloads
        self.unseen |= other.unseen
        if other.suppresses:
            self.suppressions.add(other.suppressions)
        if "index" in other.__dict__:
            self.index.update(other.index)


class ManifestLinter:
    """Judges the bytes of files; the rules are loaded when the first manifest is met, not before."""

    def __init__(
        self,
        choice: RuleChoice,
        into: Linted,
        surroundings: Surroundings = ALONE,
        *,
        whole: bool = False,
        fixing: bool = False,
    ) -> None:
        self._choice = choice
        self.into = into
        self._surroundings = surroundings
        self._whole = whole
        self._fixing = fixing
        self._suppressing = False
        self._selection: Selection | None = None

    @property
    def selection(self) -> Selection:
        """The rules in force, loaded on first use: a commit without manifests must not pay for them."""
        if self._selection is None:
            self._selection = self._choice.selection()
        return self._selection

    def lint(self, path: str, data: bytes) -> None:
        """Judge one file; whatever its bytes are, the outcome is counted and nothing is raised."""
        # UTF-16 has a NUL in every letter; it is read with everything on rather than decoded twice.
        self._suppressing = bool(self.into.entries) or b"ci-guard" in data or b"\0" in data
        outcomes = []
        for item in read_manifests(path, data, self._surroundings):
            outcomes.append(outcome_of(item))
            if isinstance(item, ManifestDocument):
                self._document(item.document, item.resources)
            elif isinstance(item, PatchDocument):
                self._patch(item)
            elif isinstance(item, Skipped):
                self._skipped(item)
            else:
                self._unreadable(item)
        outcome = outcome_of_file(outcomes)
        self.into.judged.files[outcome] += 1
        if self._whole and outcome == "judged":
            import hashlib

            self.into.digests[path] = hashlib.sha256(data).hexdigest()

    def _patch(self, item: PatchDocument) -> None:
        """Judge what a patch says; what it leaves out may be in its base, so no rule counts as having looked."""
        if self._whole:
            self.into.unseen.add(("kustomize-patch", item.document.path))
        reason = f"kustomize-patch judged without its base: {item.reason}"
        self.into.judged.notices.append(Notice(reason, item.location))
        self.into.judged.documents += 1
        if self._suppressing:
            self.into.suppressions.read(item.document, item.resources)
        for resource in item.resources:
            for subject in subjects_of(resource):
                if subject.each in _PATCHED:
                    found = self._engine.judge(subject, written=True).findings
                    self.into.judged.findings += found
                    self._observe(item.document.path, subject.id, {f.rule for f in found})
            self.into.judged.findings += patch_structure(self._structure, resource)

    def _skipped(self, item: Skipped) -> None:
        if self._whole and item.path.rpartition("/")[2] in KUSTOMIZATIONS:
            self.into.unseen.add(("kustomization", item.path))
        elif self._whole and item.outcome != "no-manifest":
            self.into.unseen.add((item.outcome, item.path))
        if item.outcome in NOTICED:
            place = item.location or Location(item.path)
            self.into.judged.notices.append(Notice(f"{item.outcome} not judged: {item.reason}", place))

    def _unreadable(self, item: Unreadable) -> None:
        self.into.unseen.add(("unreadable", item.path))
        self.into.judged.unreadable(item, self.selection.emit)

    def _keep(self, finding: Finding | None) -> None:
        """Keep a finding, if its rule judges."""
        if finding is not None:
            self.into.judged.findings.append(finding)

    def _document(self, document: Document, resources: list[Resource]) -> None:
        self.into.judged.documents += 1
        if self._suppressing:
            self.into.suppressions.read(document, resources)
        for path, location in document.duplicates:
            where = document.field_path(path)
            subject = resources[0].id if resources else SubjectId("file", document.path)
            values = {"key": where}
            self._keep(
                self.selection.emit(DUPLICATE_KEY, location=location, subject=subject, path=where, values=values)
            )
        for resource in resources:
            if self._whole:
                self.into.index.add(resource, document.index, facts_of(resource))
                self.into.workloads += workloads_of(resource)
            said = len(self.into.judged.findings)
            for finding in malformed_findings(self.selection, resource):
                self._keep(finding)
            self._judge_all(document.path, subjects_of(resource))
            self._judge_structure(resource, said)

    def _judge_structure(self, resource: Resource, said: int) -> None:
        """Judge fields and API version; `said` is where the findings of this resource begin."""
        judged, structure = self.into.judged, self._structure
        judged.findings += list(structure.judge(resource, judged.findings[said:]))
        if looked := structure.looked(resource):
            judged.evaluated.update(looked)
            self._observe(resource.document.path, resource.id, looked)

    @cached_property
    def _structure(self) -> StructureJudge:
        from ci_guard.pipeline.manifests.structure import StructureJudge

        return StructureJudge(self.selection, fixing=self._fixing)

    @cached_property
    def _engine(self) -> Judge:
        from ci_guard.engine.evaluation import Judge

        return Judge(self.selection.part(repo=False), fixer(self._fixing))

    def _judge_all(self, path: str, subjects: Iterable[Subject]) -> None:
        judged = self.into.judged
        for subject in subjects:
            judgement = self._engine.judge(subject)
            judged.keep(judgement)
            judged.subjects += 1
            self._observe(path, subject.id, judgement.evaluated.keys())

    def _observe(self, path: str, subject: SubjectId, rules: Collection[str]) -> None:
        """Tell the suppressions of this file what was looked at, if it has any."""
        if self._suppressing:
            self.into.suppressions.observe(path, subject, rules)


def fixer(wanted: bool) -> Fixer | None:
    """What makes the edits of findings, where a run asks for them."""
    if not wanted:
        return None
    from ci_guard.engine.fix import Fixer

    return Fixer()


def subjects_of(resource: Resource) -> Iterator[Subject]:
    """The subjects of one resource."""
    from ci_guard.kubernetes.subjects import subjects

    return subjects(resource)


def facts_of(resource: Resource) -> dict[str, Any]:
    """What joins need to know of the resource."""
    from ci_guard.kubernetes.lean import lean_facts

    return lean_facts(resource)


def workloads_of(resource: Resource) -> Iterator[Workload]:
    """What the resource deploys, for the bill of materials; nothing if it runs no image."""
    from ci_guard.kubernetes.subjects import images_of
    from ci_guard.sbom.deployed import DeployedImage, Workload

    locate = resource.document.locate
    images = tuple(DeployedImage(use.facts, locate(use.path)) for use in images_of(resource))
    if images:
        yield Workload(resource.id, locate((*resource.path, "metadata", "name")), images, _stated_version(resource))


def _stated_version(resource: Resource) -> str:
    """The version that the recommended label states, "" without one."""
    metadata = resource.value.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    version = labels.get("app.kubernetes.io/version") if isinstance(labels, dict) else None
    return version if isinstance(version, str) else ""


def patch_structure(judge: StructureJudge, resource: Resource) -> Iterator[Finding]:
    """The fields of a patch that do not exist or have the wrong type; its API version is that of its base."""
    from ci_guard.pipeline.manifests.structure import OF_FIELDS

    return (finding for finding in judge.judge(resource, ()) if finding.rule in OF_FIELDS)


def malformed_findings(selection: Selection, resource: Resource) -> Iterator[Finding]:
    """A finding for each field of a wrong type that stands in the way to what rules judge."""
    for flaw in resource.malformed:
        where = resource.document.field_path(flaw.path)
        finding = selection.emit(
            WRONG_TYPE,
            location=resource.document.locate(flaw.path),
            subject=resource.id,
            path=where,
            values={"path": where, "type": f"{flaw.found} instead of {flaw.expected}"},
        )
        if finding is not None:
            yield finding
