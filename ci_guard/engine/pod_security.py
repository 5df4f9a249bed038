"""The Pod Security Standards as the admission controller judges them: level and version in, violated checks out."""

from __future__ import annotations

from functools import cache

from ci_guard.engine.catalogue import Catalogue, load_catalogue
from ci_guard.engine.evaluation import Judge
from ci_guard.engine.rule import minor_version
from ci_guard.engine.selection import Entry, Profile, Selection, Wishes, choose, version_asked_for
from ci_guard.model.finding import Finding
from ci_guard.model.record import field, record
from ci_guard.model.report import Unjudged
from ci_guard.model.subject import Subject

LEVELS = ("privileged", "baseline", "restricted")


@record
class Violation:
    """One check that a pod fails, and the findings that say where."""

    check: str
    findings: tuple[Finding, ...] = ()


@record
class Verdict:
    """What a level says of a pod. With anything in `unjudged`, an empty `violations` is no pass."""

    level: str
    version: str
    violations: tuple[Violation, ...] = ()
    unjudged: tuple[Unjudged, ...] = field(default=())

    @property
    def checks(self) -> tuple[str, ...]:
        """The violated checks in admission's order: baseline before restricted, each by id."""
        return tuple(v.check for v in self.violations)


class PodSecurity:
    """Judges pods by levels and versions; each pair is compiled once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._judges: dict[tuple[str, int], tuple[Selection, Judge]] = {}

    def verdict(self, subject: Subject, level: str, version: str = "latest") -> Verdict:
        """Judge a pod (`each: pod`). Raises ValueError for a level or version that Kubernetes does not know."""
        if level not in LEVELS:
            raise ValueError(f"{level!r} is no Pod Security level")
        minor, _ = version_asked_for(f"v1.{minor_version(version)}")
        if level == "privileged":
            return Verdict(level, f"v1.{minor}")
        selection, judge = self._judge(level, minor)
        judgement = judge.judge(subject)
        by_check: dict[str, list[Finding]] = {}
        for finding in judgement.findings:
            if finding.rule in selection.rules:
                by_check.setdefault(selection.rules[finding.rule].rule.check, []).append(finding)
        order = sorted(by_check, key=lambda id: (LEVELS.index(self._catalogue.checks[id].level), id))
        violations = tuple(Violation(id, tuple(by_check[id])) for id in order)
        return Verdict(level, selection.pod_security_version, violations, tuple(judgement.unjudged))

    def _judge(self, level: str, minor: int) -> tuple[Selection, Judge]:
        key = (level, minor)
        if key not in self._judges:
            levels = LEVELS[1 : LEVELS.index(level) + 1]
            profile = Profile(level, "", tuple(Entry("pod-security", name) for name in levels), level)
            rules = choose(self._catalogue.rules.values(), self._catalogue.checks, profile, Wishes(minor=minor))
            selection = Selection(level, f"v1.{minor}", rules)
            self._judges[key] = selection, Judge(selection)
        return self._judges[key]


@cache
def _shipped() -> PodSecurity:
    return PodSecurity(load_catalogue())


def violations(subject: Subject, level: str, version: str = "latest") -> tuple[Violation, ...]:
    """The checks of the shipped catalogue that a pod fails; see `PodSecurity.verdict`."""
    return _shipped().verdict(subject, level, version).violations
