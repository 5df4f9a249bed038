"""One program for a whole subject: the iteration that `each` and `items` describe, written out as CEL.

The expression engine converts a variable anew for every activation, so judging container by container would convert
the pod once per container. One activation and one program answer everything; only what failed is looked at again.

The answer has one row for each subject kind: of the subject itself, then (for a pod) one row for every member of
every nested kind. A row has one code for each clause (1 compliant, 0 not, 2 not applicable), or, for a clause with
items, one list of codes for each of its item paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ci_guard.engine.expression import MEMBERS, Expression, store
from ci_guard.engine.kinds import KINDS, NESTED
from ci_guard.engine.paths import optional_selection
from ci_guard.engine.rule import Clause, Items
from ci_guard.engine.tokens import tokenize
from ci_guard.model.subject import Subject

if TYPE_CHECKING:
    from ci_guard.engine.compiled import Store
    from ci_guard.engine.confined import ConfinedExpression

SLICE = 32
"""How many members of a kind are judged in one evaluation."""

HEAVY = frozenset({"containers", "initContainers", "ephemeralContainers", "volumes"})
"""What makes a pod big. Containers and volumes come as members, so the pod itself is bound without them."""


def clause_code(clause: Clause) -> str:
    """CEL for one clause on one subject: a code, or a list of lists of codes."""
    if not clause.items:
        return clause.code
    listed = ", ".join(_items_code(clause, items) for items in clause.items)
    return f"(({clause.when}) ? [{listed}] : [[2]])" if clause.hoisted else f"[{listed}]"


def _items_code(clause: Clause, items: Items) -> str:
    root, path = clause.selection(items)
    where = optional_selection(root, path)
    if items.each:
        # A map can be iterated too, by its keys; adding a list makes an error of it, and of any scalar.
        return f"({where}{'.orValue([])' if path else ''} + []).map(item, {clause.code})"
    # No `optMap`: after a list walk that stopped early, cel-cpp binds its variable to an element of that list.
    return f"({where}.hasValue() ? [{where}.value()] : []).map(item, {clause.code})"


def row_code(clauses: Iterable[Clause]) -> str:
    """CEL for all clauses on one subject."""
    return f"[{', '.join(map(clause_code, clauses))}]"


def _members_code(each: str, clauses: Sequence[Clause]) -> str:
    """CEL for all clauses of a nested kind on all members; a one-element list is CEL's `let`."""
    body = row_code(clauses)
    for name in sorted(_names(clauses) & KINDS[each].own):
        body = f"[m.{name}].map({name}, {body})[0]"
    return f"{MEMBERS[each]}.map(m, {body})"


def _names(clauses: Iterable[Clause]) -> frozenset[str]:
    return frozenset(name for clause in clauses for name in clause.names) - {"item"}


def heavy_parts(clauses: Iterable[Clause]) -> frozenset[str]:
    """Which of the heavy parts of `pod` any clause may look at, beside its own member; when in doubt, all."""
    return frozenset[str]().union(*map(_heavy_parts, clauses))


def _heavy_parts(clause: Clause) -> frozenset[str]:
    found: set[str] = set()
    if clause.each == "pod":
        for items in clause.items:
            found |= {str(items.path[1])} & HEAVY if len(items.path) > 1 else HEAVY
    for text in (clause.require, clause.when):
        if "pod" not in text:
            continue  # to cut a text into tokens takes longer than to compile some
        tokens = [t.text for t in tokenize(text)]
        for index, word in enumerate(tokens):
            if word == "pod" and not (index and tokens[index - 1] in {".", ".?"}):
                found |= _part(tokens[index + 1 : index + 5])
    return frozenset(found)


def _part(tokens: Sequence[str]) -> frozenset[str]:
    """The heavy parts behind `pod` in an expression; a pod that is not selected from may be read whole."""
    part = (*tokens, "", "", "", "")
    if part[0] in {".", ".?"} and part[1] == "metadata":
        return frozenset()
    if part[0] in {".", ".?"} and part[1] == "spec" and part[2] in {".", ".?"}:
        return HEAVY & {part[3]}
    return HEAVY


class Program:
    """All clauses that look at one kind of subject, in one expression. Raises RuleError when it does not compile."""

    def __init__(self, each: str, clauses: Sequence[Clause], *, own: bool = False) -> None:
        self.own_rules = own
        rules = [c.rule for c in clauses]
        self.several = frozenset(rule for rule in rules if rules.count(rule) > 1)
        self.own = tuple(c for c in clauses if c.each == each)
        nested = {kind: tuple(c for c in clauses if c.each == kind) for kind in NESTED if kind != each}
        self.nested: Mapping[str, tuple[Clause, ...]] = {kind: found for kind, found in nested.items() if found}
        self._unread = HEAVY - heavy_parts(clauses)
        read = {kind: _names(found) for kind, found in self.nested.items()}
        self._of_members = {kind: names & KINDS[kind].own for kind, names in read.items()}
        self.names = _names(self.own).union(*(names - KINDS[kind].own for kind, names in read.items()))
        rows = [row_code(self.own), *(_members_code(kind, found) for kind, found in self.nested.items())]
        self.expression = self.expression_of(f"[{', '.join(rows)}]", store())

    def expression_of(self, text: str, kept: Store | None = None) -> Expression | ConfinedExpression:
        """An expression of these rules, to be evaluated where it may be; one that is shipped may be kept compiled."""
        if not self.own_rules:
            return Expression(text, kept=kept)
        from ci_guard.engine.confined import ConfinedExpression

        return ConfinedExpression(text)

    def judge(self, subject: Subject) -> list[Any]:
        """The rows, see above. Raises MalformedError, ExhaustedError."""
        light = self.light(subject.variables)
        given = {name: light[name] for name in self.names if name in light}
        longest = max((len(subject.nested.get(kind, ())) for kind in self.nested), default=0)
        rows: list[Any] = self.expression.evaluate({**given, **self._members(subject, 0)})
        # The expression engine builds a list by copying it for each element: a long one costs its square.
        for start in range(SLICE, longest, SLICE):
            more = self.expression.evaluate({**given, **self._members(subject, start)})
            for row, answers in zip(rows[1:], more[1:], strict=True):
                row += answers
        return rows

    def _members(self, subject: Subject, start: int) -> dict[str, Any]:
        """What the members of a slice bring, under the variables of their kinds."""
        out: dict[str, Any] = {}
        for kind, wanted in self._of_members.items():
            members = subject.nested.get(kind, ())[start : start + SLICE]
            out[MEMBERS[kind]] = [{name: m.variables[name] for name in wanted if name in m.variables} for m in members]
        return out

    def light(self, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The variables, with the pod bound as lean as its readers allow."""
        pod = variables.get("pod")
        if not self._unread or not isinstance(pod, dict) or not isinstance(pod.get("spec"), dict):
            return variables
        spec = {key: value for key, value in pod["spec"].items() if key not in self._unread}
        return {**variables, "pod": {**pod, "spec": spec}}
