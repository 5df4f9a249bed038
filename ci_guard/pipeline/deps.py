"""The dependency stage: every entry of the locks and every `uses:` of the workflows, judged on its line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from ci_guard.advisories.vex.drafts import Audited
from ci_guard.config.digests import NO_LOCK, DigestLock
from ci_guard.engine.evaluation import Judge
from ci_guard.model.errors import InputError
from ci_guard.model.location import Location
from ci_guard.model.report import Notice, Unjudged
from ci_guard.model.subject import Subject, SubjectId
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.dependencies.additions import judge_additions
from ci_guard.pipeline.dependencies.advisories import Asked, Auditor
from ci_guard.pipeline.dependencies.contradictions import judge_together
from ci_guard.pipeline.dependencies.licenses import LicenseJudge
from ci_guard.pipeline.lint import LintRequest
from ci_guard.pipeline.manifests.file import Linted, fixer
from ci_guard.pipeline.materials.gathering import Gathered, gather_locks
from ci_guard.pipeline.pinning.fixes import attach_fixes
from ci_guard.pipeline.policy.base import BaseTree
from ci_guard.report.progress import Silent
from ci_guard.sbom.facts import subjects as entries
from ci_guard.sbom.lockfiles import parser_name
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.sbom.settings import REQUIREMENTS, read_settings, reader_of
from ci_guard.sbom.settings import subjects as setting_subjects
from ci_guard.source.document import Unreadable
from ci_guard.source.files import SourceFile, read_file, read_or_none, walk
from ci_guard.source.reader import read
from ci_guard.workflows import files
from ci_guard.workflows.agreement import Pin, pin_of
from ci_guard.workflows.steps import DIALECT

WITHOUT_HASHES = "lock-without-hashes"
DRIFT = "lock-drift"
SETTINGS = "index-allows-confusion"

CATEGORIES = frozenset({"dependencies", "workflows", "images", "input", "policy"})
"""The folders of rules that `deps check` judges by."""


def judge_dependencies(
    request: LintRequest,
    rules: RulesInForce,
    registries: Collection[str],
    into: Linted,
    advisories: Asked | None = None,
    digests: DigestLock = NO_LOCK,
    before: BaseTree | None = None,
) -> None:
    """Judge every lock and workflow under the request's targets; adds to `into`. Raises InputError."""
    gathered = gather_locks(request.root, request.targets, Silent(), request.wants, registries)
    judge_gathered(request, rules, gathered, into, advisories, digests, before)


def judge_gathered(
    request: LintRequest,
    rules: RulesInForce,
    gathered: Gathered,
    into: Linted,
    advisories: Asked | None = None,
    digests: DigestLock = NO_LOCK,
    before: BaseTree | None = None,
) -> None:
    """Judge locks that were gathered already, and the workflows and settings beside them; adds to `into`."""
    judge = DependencyJudge(rules, into, advisories, request)
    judge.locks(gathered)
    found = [f.path for f in walk(request.root, request.targets) if isinstance(f, SourceFile) and request.wants(f.path)]
    judge.workflows(request.root, found)
    judge.settings(request.root, found, gathered)
    judge.together(gathered, digests)
    judge_additions(rules, gathered.locks, before, into)
    judge.finish()
    attach_fixes(request.root, into, digests)


class DependencyJudge:
    """Judges what a build pulls in; adds to the verdicts and suppressions of the manifests."""

    def __init__(
        self, rules: RulesInForce, into: Linted, advisories: Asked | None = None, request: LintRequest | None = None
    ) -> None:
        self._rules = rules
        self._judge = Judge(rules.selection, fixer(request is not None and request.fixing))
        self._into = into
        self._auditor = Auditor(advisories, self._judge, rules.selection, into.judged) if advisories else None
        self._pins: list[Pin] = []
        self._licenses = LicenseJudge(rules, request.licenses, request.today, into) if request is not None else None

    def locks(self, gathered: Gathered) -> None:
        """Every entry of every lock; what could not be read is a finding."""
        if self._auditor is not None:
            self._auditor.prepare(gathered.locks)
        for lock in gathered.locks:
            self.lock(lock)
        for broken in gathered.unreadable:
            self.unreadable(broken)
        for link in gathered.skipped:
            self._into.judged.notices.append(Notice(f"lock not read: {link.reason}", Location(link.path)))

    def lock(self, lock: Lock) -> None:
        """Every entry of one lock."""
        self._take("lock")
        if lock.document is not None:
            self._into.suppressions.read(lock.document)
        for subject in entries(lock):
            self._one(lock.path, subject)
        self._whole(lock)
        if self._licenses is not None:
            self._licenses.lock(lock)
        if self._auditor is not None:
            self._auditor.inventory(lock, lock.path)

    def _whole(self, lock: Lock) -> None:
        """What is said of the lock itself: no hashes, drift from its manifest, references that stay open."""
        hashable = [c for c in lock.components if c.source in {"registry", "url"} and c.type == "library"]
        subject = SubjectId("lock", lock.path)
        if hashable and not lock.roomless:
            self._code(WITHOUT_HASHES, lock.path, subject)
        if hashable and lock.hashless and not lock.roomless:
            name = lock.path.rpartition("/")[2]
            self._emit(WITHOUT_HASHES, hashable[0].locations[0], subject, {"name": name, "reason": lock.hashless})
        self._code(DRIFT, lock.path, subject)
        for drift in lock.drift:
            self._emit(DRIFT, drift.location, subject, {"name": drift.name, "reason": drift.reason})
        for place, names in lock.open:
            words = f"the image depends on {', '.join(names)}, which only the caller of the build knows: not judged"
            self._into.judged.notices.append(Notice(words, place))

    def _code(self, rule: str, path: str, subject: SubjectId) -> None:
        """A rule that code judges looked at a lock."""
        if rule in self._rules.selection.rules:
            self._into.judged.evaluated[rule] += 1
            self._into.suppressions.observe(path, subject, (rule,))

    def _emit(self, rule: str, place: Location, subject: SubjectId, values: dict[str, str]) -> None:
        finding = self._rules.emit(rule, location=place, subject=subject, values=values)
        if finding is not None:
            self._into.judged.findings.append(finding)

    def together(self, gathered: Gathered, digests: DigestLock = NO_LOCK) -> None:
        """What only all files together show, beside what the lock of digests says; after locks and workflows."""
        judge_together(self._rules, gathered.locks, gathered.workflows, self._pins, digests, self._into)

    @property
    def audited(self) -> Sequence[Audited]:
        """Every advisory that holds for a package, accepted or not."""
        return self._auditor.audited if self._auditor is not None else ()

    def finish(self) -> None:
        """Once all locks are through: judge the cluster's version, and say which advisories were not to be had."""
        if self._auditor is not None:
            self._auditor.cluster()
            self._auditor.finish()

    def workflows(self, root: Path, paths: Sequence[str]) -> None:
        """Every `uses:` of every workflow and action among the paths."""
        for path in filter(files.is_workflow, paths):
            try:
                data = read_file(root, path)
            except InputError as error:
                self._into.judged.unjudged.append(Unjudged("", path, str(error), Location(path)))
                continue
            self.workflow(path, data)

    def settings(self, root: Path, paths: Sequence[str], gathered: Gathered) -> None:
        """The settings of package managers among the paths, and those in files that locks include.

        A file that cannot be read at all is told of where files are gathered.
        """
        included = {lock.path for lock in gathered.locks if lock.format == "requirements.txt"}
        for path in sorted(included | {path for path in paths if reader_of(path)}):
            data = read_or_none(root, path)
            if data is not None:
                self.setting_file(path, data, REQUIREMENTS if path in included else None)

    def setting_file(self, path: str, data: bytes, reader: tuple[str, str] | None = None) -> None:
        """Every setting of one file; a file that cannot be read was not judged, and is said so."""
        file = read_settings(path, data, reader)
        if file.broken is not None:
            place, reason = file.broken.location, f"not read for settings of package managers: {file.broken.reason}"
            if not parser_name(path) and SETTINGS in self._rules.selection.rules:  # a lock that is broken has said so
                self._into.judged.unjudged.append(Unjudged(SETTINGS, path, reason, place))
            return
        for subject in setting_subjects(file):
            self._one(path, subject)

    def workflow(self, path: str, data: bytes) -> None:
        """Every `uses:` of one workflow or action."""
        self._take("workflow")
        for document in read(path, data, DIALECT):
            if isinstance(document, Unreadable):
                self.unreadable(document)
                continue
            self._into.suppressions.read(document)
            for subject in files.judged(path, document):
                self._one(path, subject)
                pin = pin_of(subject)
                if pin is not None:
                    self._pins.append(pin)

    def _take(self, outcome: str) -> None:
        """Count a file; the lint stage, which sees every file first, has counted it as no manifest."""
        files = self._into.judged.files
        files[outcome] += 1
        if files["no-manifest"]:
            files["no-manifest"] -= 1

    def _one(self, path: str, subject: Subject) -> None:
        judgement = self._judge.judge(subject)
        self._into.judged.keep(judgement)
        self._into.judged.subjects += 1
        self._into.suppressions.observe(path, subject.id, judgement.evaluated.keys())

    def unreadable(self, broken: Unreadable) -> None:
        """What is no lock and no workflow although its name says so."""
        self._take("unreadable")
        self._into.judged.unreadable(broken, self._rules.emit)
