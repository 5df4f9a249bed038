"""Which rules judge, at which severity, with which parameters: profile, options and configuration put together."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from ci_guard.engine.messages import pieces, render, shown
from ci_guard.engine.rule import NEWEST, Clause, Rule, minor_version
from ci_guard.model.errors import ConfigError, UsageError
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Notice
from ci_guard.model.subject import SubjectId
from ci_guard.model.suppression import Suppression


class RuleOverride(NamedTuple):
    """What the configuration says about one rule, and where; None where it says nothing."""

    severity: str | None = None
    params: Mapping[str, Any] | None = None
    enabled: bool | None = None
    place: str = ""


class Check(NamedTuple):
    """A Pod Security check: its level, since which minor version it exists, and which checks it replaces from when."""

    id: str
    title: str
    level: str
    since: int
    overrides: Mapping[str, int] = MappingProxyType({})


class Exemption(NamedTuple):
    """What a profile lets pass by design: rules, and patterns for the subjects that need it."""

    rules: frozenset[str]
    reason: str
    kinds: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def covers(self, subject: SubjectId) -> bool:
        """Whether the subject is one of those that need it."""
        return all(
            not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)
            for patterns, value in (
                (self.kinds, subject.kind),
                (self.namespaces, subject.namespace),
                (self.names, subject.name),
            )
        )


class Entry(NamedTuple):
    """One line of a profile: rules by folder, by id or by Pod Security level, and the severity they get."""

    by: str
    value: str
    severity: str = ""


@record(slots=False)
class Profile:
    """A named choice of rules. With `level` set, checks that this level's checks override are left out."""

    id: str
    title: str
    entries: tuple[Entry, ...] = ()
    level: str = ""
    everything: bool = False
    exemptions: tuple[Exemption, ...] = ()

    @cached_property
    def _lines(self) -> Mapping[tuple[str, str], tuple[int, str]]:
        """What an entry names -> its number and severity, of several entries the last."""
        return {(entry.by, entry.value): (number, entry.severity) for number, entry in enumerate(self.entries)}

    def severity(self, rule: Rule, checks: Mapping[str, Check]) -> str | None:
        """The severity that the profile gives the rule, or None if it leaves the rule out. Later entries win.

        A rule that is off by default is meant only by its id.
        """
        names = [("rule", rule.id)]
        if rule.on_by_default:
            names += [("folder", rule.category), ("pod-security", checks[rule.check].level if rule.check else "")]
        found = max((self._lines[name] for name in names if name in self._lines), default=None)
        if found is None:
            return rule.severity if self.everything else None
        return found[1] or rule.severity


@record(slots=False)
class Selected:
    """A rule that judges in this run, at a Pod Security version; `params` are those that the configuration gives."""

    rule: Rule
    severity: Severity
    minor: int = NEWEST
    given: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """What it judges, made when first asked for: most rules are about other kinds. Raises RuleError."""
        return self.rule.clauses(self.minor, self.given)

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters of a rule that code judges."""
        return {**self.rule.source.get("params", {}), **self.given} if self.rule.by_code else {}


@record
class Selection:
    """The rules of one run. Iterating `rules` gives their ids in a stable order; plain data, so it can be pickled."""

    profile: str
    pod_security_version: str
    rules: Mapping[str, Selected]
    exemptions: tuple[Exemption, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """Every variable that a selected rule names: rooms may leave the others out."""
        names: set[str] = set()
        for selected in self.rules.values():
            for clause in selected.clauses:
                names |= clause.names
                names |= {str(p[0]) for p in pieces(clause.message) if isinstance(p, tuple) and p}
        return frozenset(names)

    def part(self, *, repo: bool) -> Selection:
        """The rules that judge by joined values (`repo`), or all others: the first pass over a repo has no joins."""
        return replace(self, rules={id: s for id, s in self.rules.items() if s.rule.needs_repo == repo})

    def severity(self, rule_id: str) -> Severity:
        """The severity of a selected rule's findings. Raises KeyError for a rule that is not selected."""
        return self.rules[rule_id].severity

    def params(self, rule_id: str) -> Mapping[str, Any]:
        """The parameters of a selected rule that code judges. Raises KeyError for a rule that is not selected."""
        return self.rules[rule_id].params

    def emit(  # noqa: PLR0913 (all by name: what a finding consists of)
        self,
        rule_id: str,
        *,
        location: Location,
        subject: SubjectId,
        path: str = "",
        key: str = "",
        values: Mapping[str, str] | None = None,
        related: Sequence[Location] = (),
        message: str | None = None,
    ) -> Finding | None:
        """A finding of a rule that code judges; None when the rule is not selected.

        `values` fill in the rule's own message, unless `message` gives the whole sentence.
        """
        selected = self.rules.get(rule_id)
        if selected is None:
            return None
        text = render(selected.rule.message, values or {}) if message is None else message
        return self.settled(
            Finding(rule_id, selected.severity, text, location, subject, path, shown(key), tuple(related))
        )

    def settled(self, finding: Finding) -> Finding:
        """The finding with what the rule and the profile say about all of its kind: secrecy and exemptions."""
        if self.rules[finding.rule].rule.sensitive:
            related = tuple(replace(r, snippet="") for r in finding.related)
            finding = replace(finding, location=replace(finding.location, snippet=""), related=related)
        for exemption in self.exemptions:
            if finding.rule in exemption.rules and exemption.covers(finding.subject):
                suppression = Suppression(exemption.reason, f"profile {self.profile}")
                return replace(finding, suppressed=suppression)
        return finding


class Wishes(NamedTuple):
    """What the user asked for beside the profile."""

    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    overrides: Mapping[str, RuleOverride] = MappingProxyType({})
    minor: int = NEWEST
    categories: Container[str] | None = None
    repo_wide: bool = False


def version_asked_for(text: str) -> tuple[int, tuple[Notice, ...]]:
    """The minor version to judge by; newer ones than we know are judged like the newest. Raises UsageError."""
    try:
        minor = minor_version(text)
    except ValueError as error:
        raise UsageError(f"--pod-security-version: {error}") from error
    if minor <= NEWEST:
        return minor, ()
    notice = f"Pod Security {text} is newer than this version knows: judged by v1.{NEWEST}"
    return NEWEST, (Notice(notice),)


def choose(rules: Iterable[Rule], checks: Mapping[str, Check], profile: Profile, wishes: Wishes) -> dict[str, Selected]:
    """The rules that judge. Raises ConfigError for an override that does not fit its rule."""
    replaced = _replaced(checks, profile.level, wishes.minor)
    out: dict[str, Selected] = {}
    for rule in rules:
        severity = _wanted(rule, checks, profile, wishes)
        if severity is None or not _applies(rule, checks, wishes) or rule.check in replaced:
            continue
        override = wishes.overrides.get(rule.id, RuleOverride())
        params = _checked_params(rule, override)
        out[rule.id] = Selected(rule, _capped(rule, severity, override), wishes.minor, params)
    return out


def _wanted(rule: Rule, checks: Mapping[str, Check], profile: Profile, wishes: Wishes) -> str | None:
    """The severity before caps, or None when nobody asked for the rule."""
    override = wishes.overrides.get(rule.id, RuleOverride())
    if {rule.id, rule.category} & wishes.ignore or override.enabled is False:
        return None
    severity = profile.severity(rule, checks)
    asked = bool({rule.id, rule.category} & wishes.select) or override.enabled
    if severity is None and (asked or (rule.own and rule.on_by_default)):
        severity = rule.severity
    return severity


def _applies(rule: Rule, checks: Mapping[str, Check], wishes: Wishes) -> bool:
    if wishes.categories is not None and rule.category not in wishes.categories:
        return False
    if rule.needs_repo and not wishes.repo_wide:
        return False
    return not rule.check or (checks[rule.check].since <= wishes.minor and rule.holds_at(wishes.minor))


def _replaced(checks: Mapping[str, Check], level: str, minor: int) -> frozenset[str]:
    """The checks that a level's own checks stand in for at a version."""
    return frozenset(
        other
        for check in checks.values()
        if check.level == level and check.since <= minor
        for other, since in check.overrides.items()
        if since <= minor
    )


def _capped(rule: Rule, severity: str, override: RuleOverride) -> Severity:
    """A preview rule warns at most, unless the configuration names a severity for it."""
    if override.severity is not None:
        return Severity(override.severity)
    found = Severity(severity)
    return Severity.LOW if rule.status == "preview" and found.rank > Severity.LOW.rank else found


def _checked_params(rule: Rule, override: RuleOverride) -> Mapping[str, Any]:
    known, params = {**rule.source.get("params", {})}, override.params or {}
    for name, value in params.items():
        if name not in known:
            has = ", ".join(known) or "none"
            raise ConfigError(f"rule {rule.id} has no parameter {name!r}; it has: {has}", path=override.place)
        if type(value) is not type(known[name]):
            wanted = type(known[name]).__name__
            raise ConfigError(f"rule {rule.id}, parameter {name}: expected a {wanted}", path=override.place)
    return params
