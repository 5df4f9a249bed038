"""Judging subjects by the selected rules: one program a subject, and a closer look at what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ci_guard.engine.expression import ExhaustedError, Expression, LimitError, MalformedError
from ci_guard.engine.findings import Item, Place, finding, identity, is_written, wrong_type
from ci_guard.engine.kinds import KINDS
from ci_guard.engine.misreading import Evaluating, culprit
from ci_guard.engine.program import Program
from ci_guard.engine.rule import Clause
from ci_guard.engine.selection import Selection
from ci_guard.model.errors import RuleError
from ci_guard.model.finding import Finding
from ci_guard.model.location import NodePath
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Unjudged
from ci_guard.model.subject import Nested, Subject, SubjectId

if TYPE_CHECKING:
    from ci_guard.engine.fix import Fixer

COMPLIANT, FAILED, NOT_APPLICABLE = 1, 0, 2


@record(frozen=False)
class Judgement:
    """What the engine says of one subject: flaws (implied ones too), how often each rule looked, what it could not."""

    findings: list[Finding] = field(default_factory=list)
    evaluated: Counter[str] = field(default_factory=Counter)
    unjudged: list[Unjudged] = field(default_factory=list)


class Judge:
    """Judges subjects by a selection. Raises RuleError when a selected rule does not compile."""

    def __init__(self, selection: Selection, fixer: Fixer | None = None) -> None:
        self._selection = selection
        self._fixer = fixer
        self._matching: dict[tuple[str, frozenset[tuple[str, str]]], tuple[Program, ...]] = {}
        self._programs: dict[tuple[str, tuple[Clause, ...]], Program] = {}
        self._exact: dict[str, Evaluating] = {}

    def judge(self, subject: Subject, *, written: bool = False) -> Judgement:
        """Judge one subject, members included, by every rule that may look at it. Never raises on any subject.

        `written`: only flaws that stand in the document are findings, not what it leaves out.
        """
        programs = self._programs_of(subject)
        if not programs:
            return Judgement()
        fixer = None if written else self._fixer  # what a patch leaves out may be in its base
        return _Look(self._selection, programs[0], subject, self._exact, written, fixer).judgement(programs)

    def _programs_of(self, subject: Subject) -> tuple[Program, ...]:
        key = (subject.each, frozenset(subject.match.items()))
        if key not in self._matching:
            # Own rules apart: they are evaluated elsewhere, and must not drag the shipped ones along.
            built = (self._build(subject, own=False), self._build(subject, own=True))
            self._matching[key] = tuple(program for program in built if program is not None)
        return self._matching[key]

    def _build(self, subject: Subject, *, own: bool) -> Program | None:
        kinds = {subject.each, *(name for name, kind in KINDS.items() if kind.within == subject.each)}
        clauses = tuple(
            clause
            for selected in self._selection.rules.values()
            if selected.rule.own is own and kinds & selected.rule.kinds and _matches(selected.rule.match, subject.match)
            for clause in selected.clauses
            if clause.each in kinds
        )
        if not clauses:
            return None
        shared = (subject.each, clauses)
        if shared not in self._programs:
            self._programs[shared] = Program(subject.each, clauses, own=own)
        return self._programs[shared]


def _matches(wanted: Mapping[str, Sequence[str]], given: Mapping[str, str]) -> bool:
    return all(given.get(key) in values for key, values in wanted.items())


@record(frozen=False)
class _Look:
    """One look at one subject."""

    selection: Selection
    program: Program
    subject: Subject
    exact: dict[str, Evaluating]
    written: bool = False
    fixer: Fixer | None = None
    result: Judgement = field(default_factory=Judgement)
    by_identity: dict[tuple[str, SubjectId, NodePath], int] = field(default_factory=dict)
    looked: dict[str, set[SubjectId]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    misread: set[NodePath] = field(default_factory=set)

    def judgement(self, programs: Iterable[Program]) -> Judgement:
        for program in programs:
            self.program = program
            self._run()
        self.result.evaluated.update(self.counts, **{rule: len(ids) for rule, ids in self.looked.items()})
        self._mark_implied()
        return self.result

    def _run(self) -> None:
        try:
            rows = self.program.judge(self.subject)
        except (MalformedError, ExhaustedError):
            # A wrong type anywhere spoils the whole answer; and a huge pod may exhaust the iteration budget.
            self._one_by_one()
        else:
            self._row(self.program.own, None, rows[0])
            for (kind, clauses), answers in zip(self.program.nested.items(), rows[1:], strict=True):
                for member, row in zip(self.subject.nested.get(kind, ()), answers, strict=True):
                    self._row(clauses, member, row)

    def _row(self, clauses: Sequence[Clause], member: Nested | None, row: Sequence[Any]) -> None:
        id = member.id if member else self.subject.id
        for clause, code in zip(clauses, row, strict=True):
            if code == COMPLIANT:
                self._count(clause.rule, id)
            elif code == FAILED:
                self._count(clause.rule, id)
                self._fail(clause, self._place(clause, member), None)
            elif code != NOT_APPLICABLE:
                self._items(clause, member, code)

    def _items(self, clause: Clause, member: Nested | None, answers: Sequence[Sequence[int]]) -> None:
        codes = [code for answer in answers for code in answer]
        if not codes or COMPLIANT in codes or FAILED in codes:
            self._count(clause.rule, member.id if member else self.subject.id)
        if FAILED not in codes:
            return
        place = self._place(clause, member)
        for items, answer in zip(place.items(clause), answers, strict=True):
            for item, code in zip(items, answer, strict=True):
                if code == FAILED:
                    self._fail(clause, place, item)

    def _count(self, rule: str, id: SubjectId) -> None:
        """A subject counts once for a rule, however many of its clauses looked at it."""
        if rule in self.program.several:
            self.looked.setdefault(rule, set()).add(id)
        else:
            self.counts[rule] = self.counts.get(rule, 0) + 1

    def _place(self, clause: Clause, member: Nested | None) -> Place:
        variables = {**self.subject.variables, **member.variables} if member else self.subject.variables
        return Place.of(self.subject, clause.each, member, variables)

    def _fail(self, clause: Clause, place: Place, item: Item | None) -> None:
        if self.written and not is_written(clause, place, item):
            return
        selected = self.selection.rules[clause.rule]
        key = (clause.rule, *identity(place, item))
        self.by_identity.setdefault(key, len(self.result.findings))
        found = finding(self.selection, selected, clause, place, item)
        if self.fixer is not None and selected.rule.fix is not None:
            edits = self.fixer.edits(selected.rule, clause, place, item, self._expression)
            found = replace(found, edits=edits)
        self.result.findings.append(found)

    def _mark_implied(self) -> None:
        findings = self.result.findings
        for (rule, id, path), index in self.by_identity.items():
            for other in self.selection.rules[rule].rule.implied_by:
                if (other, id, path) in self.by_identity and self._outweighs(other, rule):
                    findings[index] = replace(findings[index], implied_by=other)
                    break

    def _outweighs(self, other: str, rule: str) -> bool:
        """Whether `other` is at least as severe: what is hidden must not open a gate that it would have closed."""
        return self.selection.severity(other).rank >= self.selection.severity(rule).rank

    # The exact way: clause by clause, member by member, item by item.

    def _one_by_one(self) -> None:
        for clause in self.program.own:
            self._closely(clause, None)
        for kind, clauses in self.program.nested.items():
            for member in self.subject.nested.get(kind, ()):
                for clause in clauses:
                    self._closely(clause, member)

    def _closely(self, clause: Clause, member: Nested | None) -> None:
        place = self._place(clause, member)
        variables = self._bound(clause, place)
        if variables is None:
            return
        if not self._items_are_lists(clause, place):
            return
        items: list[Item | None] = [i for found in place.items(clause) for i in found] if clause.items else [None]
        codes = [self._code(clause, place, item, variables) for item in items]
        if not codes or COMPLIANT in codes or FAILED in codes:
            self._count(clause.rule, place.id)
        for item, code in zip(items, codes, strict=True):
            if code == FAILED:
                self._fail(clause, place, item)

    def _bound(self, clause: Clause, place: Place) -> dict[str, Any] | None:
        """The variables that a clause names; None (and noted) when the room did not hand over all of them."""
        light = self.program.light(place.variables)
        missing = sorted(clause.names - light.keys() - {"item"})
        if missing:
            self._unjudged(clause, place, f"nothing is known about {', '.join(missing)}")
            return None
        return {name: light[name] for name in clause.names if name != "item"}

    def _items_are_lists(self, clause: Clause, place: Place) -> bool:
        good = True
        for path, value in _not_lists(clause, place):
            self._misread(clause, place, path, value)
            good = False
        return good

    def _code(self, clause: Clause, place: Place, item: Item | None, variables: dict[str, Any]) -> int:
        bound = {**variables, "item": item.value} if item else variables
        text = f"({clause.when}) ? {clause.code} : 2" if clause.hoisted else clause.code
        expression = self._expression(text)
        try:
            return int(expression.evaluate(bound))
        except MalformedError:
            self._misread(clause, place, *culprit(clause, place, item, expression, bound))
        except ExhaustedError as error:
            self._unjudged(clause, place, str(error), failed=isinstance(error, LimitError))
        return NOT_APPLICABLE

    def _expression(self, text: str) -> Evaluating:
        return self.exact.get(text) or self.exact.setdefault(text, self.program.expression_of(text))

    def _misread(self, clause: Clause, place: Place, path: NodePath, value: Any) -> None:
        field_path = self.subject.document.field_path(path)
        self._unjudged(clause, place, f"wrong type: {field_path}", path)
        if path not in self.misread:
            self.misread.add(path)
            found = wrong_type(self.selection, place, path, value)
            if found:
                self.result.findings.append(found)

    def _unjudged(
        self, clause: Clause, place: Place, reason: str, path: NodePath | None = None, *, failed: bool = False
    ) -> None:
        location = self.subject.document.locate(place.base if path is None else path)
        self.result.unjudged.append(Unjudged(clause.rule, str(place.id), reason, location))
        if failed:  # not the subject's doing: a failure of the run, exit 3
            self.result.unjudged.append(Unjudged("", f"own rule {clause.rule}", reason, location))


def _not_lists(clause: Clause, place: Place) -> Iterator[tuple[NodePath, Any]]:
    """What stands in the way of a clause's items: a scalar where a map should be, anything else where a list should."""
    for items in clause.items:
        value, path = place.root, place.base
        for part in items.path:
            if not isinstance(value, dict):
                yield path, value
                break
            if part not in value:
                break
            value, path = value[part], (*path, part)
        else:
            if items.each and not isinstance(value, list):
                yield path, value


def compile_all(selection: Selection) -> None:
    """Compile every selected clause on its own, so that a broken one is named. Raises RuleError."""
    for selected in selection.rules.values():
        for clause in selected.clauses:
            try:
                Expression(clause.code)
            except RuleError as error:
                raise RuleError(f"rule {clause.rule}: {error}") from error
