"""What a rule knows to mend: its `fix:` turned into edits of the document, where that is certain.

Edits are made only for a run that asks for them: a hook that only judges does not pay for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ci_guard.engine.expression import ExhaustedError, MalformedError, check
from ci_guard.engine.findings import Item, Place, absolute
from ci_guard.engine.kinds import VARIABLES
from ci_guard.engine.misreading import Evaluating
from ci_guard.engine.rule import Clause, Fix, Rule
from ci_guard.engine.tokens import fold, reads
from ci_guard.model.location import Edit, NodePath
from ci_guard.model.subject import Subject
from ci_guard.source.document import Document
from ci_guard.source.entries import Entries

_GROUPS: Final = frozenset({"", "apps", "batch"})
_WORKLOADS: Final = frozenset(
    {"Pod", "PodTemplate", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet"}
    | {"Job", "CronJob"}
)
"""Whose pods stand in the document as they will run; what an operator makes of its own kinds is its own affair."""

Compile = Callable[[str], Evaluating]


class Fixer:
    """Makes the edits of findings. Keeps what it learnt of a document until the next one comes."""

    def __init__(self) -> None:
        self._entries: tuple[Document, Entries] | None = None

    def edits(
        self, rule: Rule, clause: Clause, place: Place, item: Item | None, evaluating: Compile
    ) -> tuple[Edit, ...]:
        """The edits of one finding; none where its rule has no fix, or where the fix is not certain."""
        fix, document = rule.fix, place.subject.document
        if fix is None or not isinstance(document, Document) or not _is_its_own(place.subject):
            return ()
        if fix.when and not _holds(fix, clause, place, item, evaluating):
            return ()
        base = item.path if item else place.base

        def at(path: NodePath) -> NodePath:
            return absolute(place, path, base)

        return self._of(document).edits(
            {at(path): value for path, value in fix.values.items()},
            {at(path): name for path, name in fix.renamed.items()},
            [at(path) for path in fix.removed],
        )

    def _of(self, document: Document) -> Entries:
        if self._entries is None or self._entries[0] is not document:
            self._entries = (document, Entries(document))
        return self._entries[1]


def _is_its_own(subject: Subject) -> bool:
    """Whether what is judged stands in the document as it is, not made up from something else."""
    if subject.each != "pod":
        return True
    return subject.match.get("group", "") in _GROUPS and subject.match.get("pod-owner") in _WORKLOADS


def _holds(fix: Fix, clause: Clause, place: Place, item: Item | None, evaluating: Compile) -> bool:
    condition = fold(fix.when, clause.params)
    names = reads(condition, VARIABLES)
    known: dict[str, Any] = {**place.variables, "item": item.value} if item else dict(place.variables)
    if names - known.keys():
        return False
    try:
        return evaluating(condition).evaluate({name: known[name] for name in names}) is True
    except (MalformedError, ExhaustedError):
        return False


def check_fix(rule: Rule, clauses: tuple[Clause, ...]) -> None:
    """Compile the condition of a fix for every judgement of its rule. Raises RuleError."""
    if rule.fix is not None and rule.fix.when:
        for clause in clauses:
            check(fold(rule.fix.when, clause.params), clause.each, item=bool(clause.items))
