"""All suppressions of a run: read per document, added up over worker processes, applied once at the end.

Applying at the end and not per document lets findings that need the whole repo be suppressed like any other, and
lets "unused" mean: its rule looked at that subject somewhere in this run, and there was nothing to suppress.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Protocol

from ci_guard import TOOL_NAME
from ci_guard.config.globs import inside, matches
from ci_guard.config.types import SuppressionEntry
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
from ci_guard.model.record import field, record, replace
from ci_guard.model.subject import SubjectId
from ci_guard.model.suppression import Suppression
from ci_guard.source.document import Document
from ci_guard.suppress.comments import clean_reason
from ci_guard.suppress.directives import Directive, Resource, read_directives

ADDED = "suppression-added"
EXPIRED = "suppression-expired"
UNKNOWN_RULE = "suppression-unknown-rule"
UNUSED = "suppression-unused"
WITHOUT_REASON = "suppression-without-reason"
ANY = "any subject of the file"
POLICY_RULES = frozenset({ADDED, EXPIRED, UNKNOWN_RULE, UNUSED, WITHOUT_REASON, "policy-changed"})
"""What tells of suppressions and policy cannot itself be suppressed."""


class Emit(Protocol):
    """Makes a finding of a rule that code judges; None when the rule is not selected. `Selection.emit` is one."""

    def __call__(
        self,
        rule_id: str,
        *,
        location: Location,
        subject: SubjectId,
        key: str = "",
        values: Mapping[str, str] = ...,
        message: str | None = None,
    ) -> Finding | None:
        """The finding."""


@record
class Applied:
    """The findings, those that are accepted marked; and what is wrong with the suppressions themselves."""

    findings: list[Finding]
    problems: list[Finding]


@record(frozen=False)
class Suppressions:
    """The suppressions of one worker, or of the whole run. Picklable; `add` does not depend on order.

    `looked` holds which rule looked at which subject of which file, as far as a comment or annotation there names
    the rule, and the indexes of the entries whose rule looked at something that they speak of.
    """

    entries: tuple[SuppressionEntry, ...] = ()
    directives: dict[str, list[Directive]] = field(default_factory=dict)
    looked: set[tuple[str, str, SubjectId] | int] = field(default_factory=set)
    _named: dict[str, set[str]] = field(default_factory=dict)

    def read(self, document: Document, resources: Sequence[Resource] = ()) -> None:
        """Take up the comments and annotations of a document. Cheap in files that have none."""
        found = read_directives(document, resources)
        if found:
            self.directives.setdefault(document.path, []).extend(found)
            self._named.setdefault(document.path, set()).update(directive.rule for directive in found)

    def observe(self, path: str, subject: SubjectId, rules: Collection[str]) -> None:
        """`rules` looked at `subject` of the file `path`: suppressions of theirs there can now be unused."""
        for rule in self._named.get(path, ()):
            if rule in rules:
                self.looked.add((path, rule, _owner(subject)))
        for index, entry in enumerate(self.entries):
            if entry.rule in rules and speaks_of(entry, path, subject):
                self.looked.add(index)

    def add(self, other: Suppressions) -> None:
        """Add what another worker read and saw."""
        for path, found in other.directives.items():
            self.directives.setdefault(path, []).extend(found)
        for path, named in other._named.items():
            self._named.setdefault(path, set()).update(named)
        self.looked |= other.looked

    def without_directives(self) -> Suppressions:
        """The entries of the configuration alone: where a shared policy lets no file accept its own findings."""
        return Suppressions(self.entries, {}, {seen for seen in self.looked if isinstance(seen, int)})

    def apply(self, findings: Iterable[Finding], *, known: Collection[str], today: date, emit: Emit) -> Applied:
        """Mark the accepted findings and report the suppressions that are wrong; pure, and the same when repeated.

        `known` are the ids of all rules, selected or not. An entry holds up to and on its day of `expires`. A finding
        that is suppressed already keeps its first reason.
        """
        valid = _Valid(self, known, today)
        marked = [valid.mark(finding) for finding in findings]
        every = [directive for path in sorted(self.directives) for directive in self.directives[path]]
        problems = [valid.problem_of(directive, emit) for directive in every]
        problems += [valid.problem_of(index, emit) for index in range(len(self.entries))]
        problems += [_told(directive, emit) for directive in every if directive.added]
        return Applied(marked, [finding for finding in problems if finding is not None])


def _owner(subject: SubjectId) -> SubjectId:
    return replace(subject, container="") if subject.container else subject


class _Valid:
    """Which suppressions hold today, which of them were needed, and what is wrong with the others."""

    def __init__(self, suppressions: Suppressions, known: Collection[str], today: date) -> None:
        self.all = suppressions
        self.known = known
        self.today = today
        self.used: set[int] = set()  # directives by identity: hashing one with thousands of subjects is dear
        self.used_entries: set[int] = set()
        self.seen_files = {seen[:2] for seen in suppressions.looked if not isinstance(seen, int)}
        # By file, rule, and line or subject: a file of thousands of suppressions must not be tried one by one.
        self.directives: dict[tuple[object, ...], list[Directive]] = {}
        for path, found in suppressions.directives.items():
            for directive in found:
                if not self._flaw(directive):
                    for place in _places(directive):
                        self.directives.setdefault((path, directive.rule, place), []).append(directive)
        self.entries: dict[str, list[int]] = {}
        for index, entry in enumerate(suppressions.entries):
            if not self._flaw(entry):
                self.entries.setdefault(entry.rule, []).append(index)

    def mark(self, finding: Finding) -> Finding:
        """The finding with the first suppression that covers it; all that cover it count as used."""
        if finding.tool != TOOL_NAME:
            return finding
        by_directive, by_entry = self._by_directive(finding), self._by_entry(finding)
        suppression = by_directive or by_entry
        if suppression is None or finding.suppressed is not None:
            return finding
        return replace(finding, suppressed=suppression)

    def _by_directive(self, finding: Finding) -> Suppression | None:
        first: Suppression | None = None
        line = finding.location.region.start_line if finding.location.region else 0
        for place in (line, _owner(finding.subject), ANY):
            for directive in self.directives.get((finding.location.path, finding.rule, place), ()):
                if directive.covers(finding):
                    self.used.add(id(directive))
                    # Who opens a pull request cannot accept its own critical flaws; what stands in the base can.
                    if first is None and not (directive.added and finding.severity is Severity.CRITICAL):
                        first = Suppression(directive.reason, directive.origin, directive.location)
        return first

    def _by_entry(self, finding: Finding) -> Suppression | None:
        first: Suppression | None = None
        for index in self.entries.get(finding.rule, ()):
            entry = self.all.entries[index]
            if speaks_of(entry, finding.location.path, finding.subject):
                self.used_entries.add(index)
                reason = clean_reason(entry.reason)
                first = first or Suppression(reason, "config", entry.location, entry.expires, entry.approver)
        return first

    def _looked(self, which: Directive | int) -> bool:
        """Whether the suppression's rule looked at something that it speaks of."""
        if isinstance(which, int):
            return which in self.all.looked
        path, rule = which.location.path, which.rule
        if not which.subjects:
            return (path, rule) in self.seen_files
        return any((path, rule, subject) in self.all.looked for subject in which.subjects)

    def problem_of(self, which: Directive | int, emit: Emit) -> Finding | None:
        """The finding about a suppression, None when there is nothing to say."""
        suppression = self.all.entries[which] if isinstance(which, int) else which
        flaw = self._flaw(suppression)
        if not flaw:
            used = which in self.used_entries if isinstance(which, int) else id(which) in self.used
            if used or not self._looked(which):
                return None
            flaw = (UNUSED, f"The suppression of {suppression.rule} suppresses nothing: remove it")
        return told_of(flaw, suppression, emit)

    def _flaw(self, suppression: Directive | SuppressionEntry) -> tuple[str, str] | None:
        rule = suppression.rule
        if isinstance(suppression, Directive) and suppression.flaw:
            kind = UNUSED if rule else UNKNOWN_RULE
            return kind, f"This suppression has no effect: {suppression.flaw}"
        if rule in POLICY_RULES:
            return UNKNOWN_RULE, f"{rule} cannot be suppressed; the configuration can turn it off under `rules:`"
        if isinstance(suppression, SuppressionEntry) and is_foreign(suppression):
            return None  # `suppress.foreign` applies it, where there are other tools' results
        if rule not in self.known:
            return UNKNOWN_RULE, f"The suppression names {rule[:80]!r}, which is no rule"
        if not clean_reason(suppression.reason):
            return without_reason(rule)
        return expired(suppression, self.today) if isinstance(suppression, SuppressionEntry) else None


def is_foreign(entry: SuppressionEntry) -> bool:
    """Whether the entry speaks of another tool's rule, written TOOL/RULE."""
    return "/" in entry.rule


def expired(entry: SuppressionEntry, today: date) -> tuple[str, str] | None:
    """The flaw of an entry whose last day is over, None when it holds."""
    if entry.expires is None or entry.expires >= today:
        return None
    return EXPIRED, f"The suppression of {entry.rule} expired on {entry.expires.isoformat()}, so it has no effect"


def without_reason(rule: str) -> tuple[str, str]:
    """The flaw of a suppression that says nothing."""
    return WITHOUT_REASON, f"The suppression of {rule} gives no reason, so it has no effect"


def _places(directive: Directive) -> Iterable[object]:
    """Under what a directive is looked up: its line, its subjects, or any of the file."""
    if directive.scope == "line" and directive.region:
        return (directive.region.start_line,)
    return directive.subjects or (ANY,)


def speaks_of(entry: SuppressionEntry, path: str, subject: SubjectId) -> bool:
    """Whether path and subject are what the entry speaks of."""
    return (
        (not entry.path or matches(entry.path, inside(_folder(entry), path)))
        and (not entry.kind or entry.kind == subject.kind)
        and (not entry.namespace or fnmatchcase(subject.namespace, entry.namespace))
        and (not entry.name or fnmatchcase(subject.name, entry.name))
    )


def _folder(entry: SuppressionEntry) -> str:
    return entry.location.path.rpartition("/")[0] if entry.location else ""


def _told(directive: Directive, emit: Emit) -> Finding | None:
    message = f"This change adds a suppression of {directive.rule or 'no rule'}: {directive.reason or 'no reason'}"
    return told_of((ADDED, message), directive, emit)


def told_of(flaw: tuple[str, str], suppression: Directive | SuppressionEntry, emit: Emit) -> Finding | None:
    """The finding about a suppression that is wrong."""
    rule_id, message = flaw
    return emit(
        rule_id,
        location=suppression.location or Location(""),
        subject=SubjectId("suppression", suppression.rule),
        key=suppression.rule,
        values={"rule": suppression.rule, "reason": suppression.reason},
        message=message,
    )
