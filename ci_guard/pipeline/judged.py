"""What every judging stage hands back, and how stages and worker processes are added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from ci_guard.model.finding import Finding
from ci_guard.model.record import field, record
from ci_guard.model.report import Notice, Unjudged
from ci_guard.model.subject import Subject, SubjectId

if TYPE_CHECKING:
    from ci_guard.source.document import Unreadable
    from ci_guard.suppress.ledger import Emit

UNREADABLE = "unreadable-input"


class Judgement(Protocol):
    """What the engine says of one subject."""

    @property
    def findings(self) -> list[Finding]:
        """The flaws, implied ones included."""

    @property
    def evaluated(self) -> Mapping[str, int]:
        """Rule id -> how many (nested) subjects it looked at."""

    @property
    def unjudged(self) -> list[Unjudged]:
        """Rules that could not judge this subject."""


class Judging(Protocol):
    """The engine, as far as stages need it."""

    def judge(self, subject: Subject) -> Judgement:
        """Judge one subject by every selected rule that may look at it."""


@record(frozen=False)
class Judged:
    """The outcome of a stage. Addable, picklable; order does not matter until `Report` sorts."""

    findings: list[Finding] = field(default_factory=list)
    evaluated: Counter[str] = field(default_factory=Counter)
    unjudged: list[Unjudged] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    files: Counter[str] = field(default_factory=Counter)
    documents: int = 0
    subjects: int = 0

    def add(self, other: Judged) -> None:
        """Add up another stage's or worker's outcome."""
        self.findings += other.findings
        self.evaluated.update(other.evaluated)
        self.unjudged += other.unjudged
        self.notices += other.notices
        self.files.update(other.files)
        self.documents += other.documents
        self.subjects += other.subjects

    def judge(self, judging: Judging, subjects: Iterable[Subject]) -> None:
        """Have `subjects` judged and keep what is said of them."""
        for subject in subjects:
            self.keep(judging.judge(subject))
            self.subjects += 1

    def unreadable(self, broken: Unreadable, emit: Emit) -> None:
        """What could not be read is a finding; where its rule is turned off, it is still not judged, never passed."""
        finding = emit(
            UNREADABLE,
            location=broken.location,
            subject=SubjectId("file", broken.path),
            values={"reason": broken.reason},
            message=broken.reason,
        )
        if finding is not None:
            self.findings.append(finding)
        else:
            self.unjudged.append(Unjudged("", broken.path, broken.reason, broken.location))

    def keep(self, judgement: Judgement) -> None:
        """Keep what is said of one subject."""
        self.findings += judgement.findings
        self.evaluated.update(judgement.evaluated)
        self.unjudged += judgement.unjudged
