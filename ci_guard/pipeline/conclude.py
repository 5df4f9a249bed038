"""From verdicts to a report: policy changes, suppressions, the baseline, what is new, in this order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from ci_guard import TOOL_NAME, __version__
from ci_guard.model.finding import Finding, sort_key
from ci_guard.model.location import Location
from ci_guard.model.record import record, replace
from ci_guard.model.report import Report, RuleKey, RuleMeta, Scope
from ci_guard.model.subject import SubjectId
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.policy.boundary import Policy, added_suppressions
from ci_guard.pipeline.policy.choice import RuleChoice

if TYPE_CHECKING:
    from ci_guard.engine.catalogue import Catalogue
    from ci_guard.engine.selection import Selection
    from ci_guard.suppress.baseline import Baseline
    from ci_guard.suppress.directives import Directive


class RulesInForce:
    """Catalogue and selection, loaded only when something must be said with them."""

    def __init__(self, choice: RuleChoice) -> None:
        self.choice = choice

    @cached_property
    def catalogue(self) -> Catalogue:
        """All rules."""
        return self.choice.catalogue()

    @cached_property
    def selection(self) -> Selection:
        """The rules that judge."""
        return self.choice.selection()

    def emit(
        self,
        rule_id: str,
        *,
        location: Location,
        subject: SubjectId,
        key: str = "",
        values: Mapping[str, str] | None = None,
        message: str | None = None,
    ) -> Finding | None:
        """A finding of a rule that code judges (`suppress.Emit`)."""
        return self.selection.emit(
            rule_id, location=location, subject=subject, key=key, values=values or {}, message=message
        )


class KnownRules(Iterable[str]):
    """The ids of all rules, looked up only when a suppression names one."""

    def __init__(self, rules: RulesInForce) -> None:
        self._rules = rules

    def __contains__(self, rule: object) -> bool:
        return rule in self._rules.catalogue.rule_ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules.catalogue.rule_ids)

    def __len__(self) -> int:
        return len(self._rules.catalogue.rule_ids)


class RuleBook(Mapping[RuleKey, RuleMeta]):
    """`Report.rules` of our own rules: what is told about a rule is read when somebody asks."""

    def __init__(self, rules: RulesInForce, ids: Iterable[str]) -> None:
        self._rules = rules
        self._keys = tuple(RuleKey(TOOL_NAME, rule) for rule in sorted(set(ids)))
        self._read: dict[RuleKey, RuleMeta] = {}

    def __getitem__(self, key: RuleKey) -> RuleMeta:
        if key not in self._read:
            if key not in self._keys:
                raise KeyError(key)
            self._read[key] = self._rules.catalogue.meta(key.rule)
        return self._read[key]

    def __iter__(self) -> Iterator[RuleKey]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


@record
class Conclusion:
    """How verdicts become a report: the policy in force, the day, and how a file's suppressions are read again."""

    policy: Policy
    rules: RulesInForce
    today: date
    directives: Callable[[str, bytes], Iterable[Directive]]

    def report(self, linted: Linted, scope: Scope, *, old: Baseline | None = None) -> Report:
        """The report. `old` are the findings that were there at `--since`; they are accepted like a baseline."""
        judged = linted.judged
        findings = [*judged.findings, *self.policy.findings(self.rules.emit)]
        if linted.suppresses:
            suppressions = linted.suppressions if self.policy.comments else linted.suppressions.without_directives()
            suppressions = added_suppressions(suppressions, self.policy, self.directives)
            applied = suppressions.apply(findings, known=KnownRules(self.rules), today=self.today, emit=self.rules.emit)
            findings = [*applied.findings, *applied.problems]
        findings.sort(key=sort_key)
        for baseline in (self.policy.baseline, old):
            if baseline is not None:
                findings = baseline.apply(findings, self.policy.renames)
        ids = {f.rule for f in findings} | set(judged.evaluated) | {u.rule for u in judged.unjudged if u.rule}
        return Report(
            tool=TOOL_NAME,
            version=__version__,
            scope=replace(scope, files=dict(judged.files), documents=judged.documents, subjects=judged.subjects),
            rules=RuleBook(self.rules, ids),
            findings=tuple(findings),
            evaluated=dict(sorted(judged.evaluated.items())),
            unjudged=tuple(sorted(judged.unjudged, key=lambda u: (u.subject, u.rule, u.reason))),
            notices=(*self.policy.notices, *(self.rules.selection.notices if ids else ()), *judged.notices),
        )
