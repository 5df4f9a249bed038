"""What namespaces' labels ask of their pods: needs the whole repo, because labels and pods stand in different files.

The index of the first pass knows namespaces and workloads by name; only files whose pods are under such labels are
read a second time. Labels never lower the chosen profile: its findings stand beside these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ci_guard.engine.catalogue import load_catalogue
from ci_guard.engine.pod_security import PodSecurity, Violation
from ci_guard.kubernetes.manifests import ManifestDocument, read_manifests
from ci_guard.kubernetes.namespaces import LevelVersion
from ci_guard.kubernetes.repository import Entry, NamespaceEntry
from ci_guard.kubernetes.resources import Resource
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location
from ci_guard.model.record import replace
from ci_guard.model.report import Unjudged
from ci_guard.model.subject import Subject
from ci_guard.pipeline.lint import surroundings_of
from ci_guard.pipeline.manifests.file import Linted, subjects_of
from ci_guard.pipeline.session import Session
from ci_guard.source.files import read_or_none

BREAKS = "violates-namespace-pod-security"
INVALID = "invalid-namespace-pod-security-label"


def judge_namespaces(session: Session, linted: Linted) -> None:
    """Judge the pods of labelled namespaces, and the labels; adds to `linted`."""
    names = {entry.id.name for entry in linted.index if entry.kind == "Namespace"}
    namespaces = {name: found[0] for name in names if (found := linted.index.namespaces(name))}
    _Namespaces(session, linted, namespaces).judge()


class _Namespaces:
    def __init__(self, session: Session, linted: Linted, namespaces: dict[str, NamespaceEntry]) -> None:
        self._emit = session.rules.selection.emit
        self._session = session
        self._linted = linted
        self._namespaces = namespaces
        self._levels = PodSecurity(load_catalogue())
        self._label_places: dict[str, Location] = {}

    def judge(self) -> None:
        """Labels first, then the pods under them."""
        enforced = {name: n for name, n in self._namespaces.items() if n.policy.enforce.level != "privileged"}
        wanted = self._by_file(e for e in self._linted.index if e.id.namespace in enforced)
        labelled = self._by_file(
            n.entry for n in self._namespaces.values() if n.policy.invalid or n.policy.enforce.path
        )
        for path in sorted(labelled):
            for resource in self._resources(path, labelled[path]):
                self._labels(resource)
        for path in sorted(wanted):
            for resource in self._resources(path, wanted[path]):
                self._pods(resource, enforced[resource.namespace])
        self._say_what_was_not_judged(enforced)

    def _resources(self, path: str, wanted: set[tuple[int, object]]) -> Iterator[Resource]:
        data = read_or_none(self._session.root, path)
        for item in read_manifests(path, data or b"", surroundings_of(self._session.root)):
            if isinstance(item, ManifestDocument):
                yield from (r for r in item.resources if (item.document.index, r.path) in wanted)

    @staticmethod
    def _by_file(entries: Iterable[Entry]) -> dict[str, set[tuple[int, object]]]:
        found: dict[str, set[tuple[int, object]]] = {}
        for entry in entries:
            found.setdefault(entry.file, set()).add((entry.document, entry.path))
        return found

    def _labels(self, resource: Resource) -> None:
        policy = self._namespaces[resource.name].policy
        if policy.enforce.path:
            label = resource.document.locate(policy.enforce.path)
            self._label_places[resource.name] = replace(label, note="the label that enforces the level")
        for flaw in policy.invalid:
            finding = self._emit(
                INVALID,
                location=resource.document.locate(flaw.path),
                subject=resource.id,
                path=resource.document.field_path(flaw.path),
                values={"label": flaw.label, "value": flaw.value, "reason": flaw.reason},
            )
            self._keep(INVALID, finding)

    def _pods(self, resource: Resource, namespace: NamespaceEntry) -> None:
        asked = namespace.policy.enforce
        for subject in (s for s in subjects_of(resource) if s.each == "pod"):
            verdict = self._levels.verdict(subject, asked.level, asked.version)
            self._linted.judged.evaluated[BREAKS] += 1
            for violation in verdict.violations:
                self._keep(BREAKS, self._violation(subject, violation, namespace, asked))
            for gap in verdict.unjudged:
                self._linted.judged.unjudged.append(Unjudged(BREAKS, gap.subject, gap.reason, gap.location))

    def _violation(
        self, subject: Subject, violation: Violation, namespace: NamespaceEntry, asked: LevelVersion
    ) -> Finding | None:
        first = violation.findings[0]
        values = {
            "namespace": namespace.entry.id.name,
            "level": asked.level,
            "version": asked.version,
            "check": violation.check,
        }
        return self._emit(
            BREAKS,
            location=first.location,
            subject=subject.id,
            path=first.path,
            key=violation.check,
            values=values,
            related=tuple(place for name, place in self._label_places.items() if name == namespace.entry.id.name),
        )

    def _keep(self, rule: str, finding: Finding | None) -> None:
        if finding is not None:
            self._linted.judged.findings.append(finding)
            self._linted.suppressions.observe(finding.location.path, finding.subject, {rule})

    def _say_what_was_not_judged(self, enforced: dict[str, NamespaceEntry]) -> None:
        index = self._linted.index
        if enforced and not index.complete:
            reason = "the repo has more resources than the index keeps"
            self._linted.judged.unjudged.append(Unjudged(BREAKS, "the repository", reason))
