"""All suppressions of a run: read per document, added up over worker processes, applied once at the end.

Applying at the end and not per document lets findings that need the whole repo be suppressed like any other, and
lets "unused" mean: its rule looked at that subject somewhere in this run, and there was nothing to suppress.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import Protocol

from ci_guard import TOOL_NAME
from ci_guard.config.globs import inside, matches
from ci_guard.config.types import SuppressionEntry
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
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


@dataclass(frozen=True, slots=True)
class Applied:
    """The findings, those that are accepted marked; and what is wrong with the suppressions themselves."""

    findings: list[Finding]
    problems: list[Finding]


@dataclass(slots=True)
class Suppressions:
    """The suppressions of one worker, or of the whole run. Picklable; `add` does not depend on order."""

    entries: tuple[SuppressionEntry, ...] = ()
    directives: dict[str, list[Directive]] = field(default_factory=dict)
    looked: set[Directive | int] = field(default_factory=set)

    def read(self, document: Document, resources: Sequence[Resource] = ()) -> None:
        """Take up the comments and annotations of a document. Cheap in files that have none."""
        found = read_directives(document, resources)
        if found:
            self.directives.setdefault(document.path, []).extend(found)

    def observe(self, path: str, subject: SubjectId, rules: Collection[str]) -> None:
        """`rules` looked at `subject` of the file `path`: suppressions of theirs there can now be unused."""
        owner = replace(subject, container="") if subject.container else subject
        for directive in self.directives.get(path, ()):
            if directive.rule in rules and (not directive.subjects or owner in directive.subjects):
                self.looked.add(directive)
        for index, entry in enumerate(self.entries):
            if entry.rule in rules and _speaks_of(entry, path, subject):
                self.looked.add(index)

    def add(self, other: Suppressions) -> None:
        """Add what another worker read and saw."""
        for path, found in other.directives.items():
            self.directives.setdefault(path, []).extend(found)
        self.looked |= other.looked

    def apply(self, findings: Iterable[Finding], *, known: Collection[str], today: date, emit: Emit) -> Applied:
        """Mark the accepted findings and report the suppressions that are wrong; pure, and the same when repeated.

        `known` are the ids of all rules, selected or not. An entry holds up to and on its day of `expires`. A finding
        that is suppressed already keeps its first reason.
        """
        valid = _Valid(self, known, today)
        marked = [valid.mark(finding) for finding in findings]
        problems = [valid.problem_of(d, emit) for path in sorted(self.directives) for d in self.directives[path]]
        problems += [valid.problem_of(i, emit) for i in range(len(self.entries))]
        problems += [_told(d, emit) for path in sorted(self.directives) for d in self.directives[path] if d.added]
        return Applied(marked, [finding for finding in problems if finding is not None])


class _Valid:
    """Which suppressions hold today, which of them were needed, and what is wrong with the others."""

    def __init__(self, suppressions: Suppressions, known: Collection[str], today: date) -> None:
        self.all = suppressions
        self.known = known
        self.today = today
        self.used: set[Directive | int] = set()
        self.directives = {
            path: [d for d in found if not self._flaw(d)] for path, found in suppressions.directives.items()
        }
        self.entries: dict[str, list[int]] = {}
        for index, entry in enumerate(suppressions.entries):
            if not self._flaw(entry):
                self.entries.setdefault(entry.rule, []).append(index)

    def mark(self, finding: Finding) -> Finding:
        """The finding with the first suppression that covers it; all that cover it count as used."""
        if finding.tool != TOOL_NAME:
            return finding
        suppression = self._by_directive(finding)
        by_entry = self._by_entry(finding)
        suppression = suppression or by_entry
        if suppression is None or finding.suppressed is not None:
            return finding
        return replace(finding, suppressed=suppression)

    def _by_directive(self, finding: Finding) -> Suppression | None:
        first: Suppression | None = None
        for directive in self.directives.get(finding.location.path, ()):
            if directive.covers(finding):
                self.used.add(directive)
                # Who opens a pull request cannot accept its own critical flaws; what stands in the base can.
                if first is None and not (directive.added and finding.severity is Severity.CRITICAL):
                    first = Suppression(directive.reason, directive.origin, directive.location)
        return first

    def _by_entry(self, finding: Finding) -> Suppression | None:
        first: Suppression | None = None
        for index in self.entries.get(finding.rule, ()):
            entry = self.all.entries[index]
            if _speaks_of(entry, finding.location.path, finding.subject):
                self.used.add(index)
                reason = clean_reason(entry.reason)
                first = first or Suppression(reason, "config", entry.location, entry.expires, entry.approver)
        return first

    def problem_of(self, which: Directive | int, emit: Emit) -> Finding | None:
        """The finding about a suppression, None when there is nothing to say."""
        suppression = self.all.entries[which] if isinstance(which, int) else which
        flaw = self._flaw(suppression)
        if not flaw:
            if which in self.used or which not in self.all.looked:
                return None
            flaw = (UNUSED, f"The suppression of {suppression.rule} suppresses nothing: remove it")
        return _emitted(flaw, suppression, emit)

    def _flaw(self, suppression: Directive | SuppressionEntry) -> tuple[str, str] | None:
        rule = suppression.rule
        if isinstance(suppression, Directive) and suppression.flaw:
            kind = UNUSED if rule else UNKNOWN_RULE
            return kind, f"This suppression has no effect: {suppression.flaw}"
        if rule in POLICY_RULES:
            return UNKNOWN_RULE, f"{rule} cannot be suppressed; the configuration can turn it off under `rules:`"
        if rule not in self.known:
            return UNKNOWN_RULE, f"The suppression names {rule[:80]!r}, which is no rule"
        if not clean_reason(suppression.reason):
            return WITHOUT_REASON, f"The suppression of {rule} gives no reason, so it has no effect"
        expires = suppression.expires if isinstance(suppression, SuppressionEntry) else None
        if expires is not None and expires < self.today:
            return EXPIRED, f"The suppression of {rule} expired on {expires.isoformat()}, so it has no effect"
        return None


def _speaks_of(entry: SuppressionEntry, path: str, subject: SubjectId) -> bool:
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
    return _emitted((ADDED, message), directive, emit)


def _emitted(flaw: tuple[str, str], suppression: Directive | SuppressionEntry, emit: Emit) -> Finding | None:
    rule_id, message = flaw
    return emit(
        rule_id,
        location=suppression.location or Location(""),
        subject=SubjectId("suppression", suppression.rule),
        key=suppression.rule,
        values={"rule": suppression.rule, "reason": suppression.reason},
        message=message,
    )
