"""The licences of what locks name, judged by the `licenses:` of the policy; what is not known is never a pass."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from functools import cached_property

from ci_guard.config.licenses import LicensedPackage, LicensePolicy
from ci_guard.model.component import Component
from ci_guard.model.errors import ConfigError
from ci_guard.model.location import Location
from ci_guard.model.record import replace
from ci_guard.model.report import Unjudged
from ci_guard.model.subject import SubjectId
from ci_guard.model.suppression import Suppression
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.sbom.license_terms import LicenseTerms
from ci_guard.sbom.lockfiles.lock import Lock

DENIED = "license-denied"
UNLISTED = "license-not-allowed"
UNKNOWN = "license-unknown"
RULES = (DENIED, UNLISTED, UNKNOWN)
_MISSING = "reading licence expressions needs `ci-guard[ci]` installed: no licence was judged"


class LicenseJudge:
    """Judges the packages of locks; adds to `into`."""

    def __init__(self, rules: RulesInForce, policy: LicensePolicy, today: date, into: Linted) -> None:
        self._rules = rules
        self._policy = policy
        self._today = today
        self._into = into
        self._missing = False

    @cached_property
    def _terms(self) -> LicenseTerms:
        try:
            return LicenseTerms(self._policy.allow, self._policy.deny)
        except ValueError as error:
            place = self._policy.location or Location("")
            line = place.region.start_line if place.region else 0
            raise ConfigError(f"licenses: {error}", path=place.path, line=line) from None

    def lock(self, lock: Lock) -> None:
        """Every package of one lock. Raises ConfigError for a term that names no licence."""
        packages = [c for c in lock.components if c.type == "library" and c.source not in {"workspace", "path"}]
        if not self._policy.judges or not packages or self._missing:
            return
        try:
            known = [c for c in packages if self._said(c)]
            for component in packages:
                if known or self._entry(component) is not None:
                    self._one(lock, component)
            if not known:
                self._silent(lock, packages)
        except ModuleNotFoundError:
            self._missing = True
            self._into.judged.unjudged.append(Unjudged("", "licences", _MISSING))

    def _silent(self, lock: Lock, packages: list[Component]) -> None:
        """Locks of most formats name no licences: one judgement that was not made, and not one for each package."""
        left = sum(self._entry(c) is None for c in packages)
        if left:
            reason = f"a {lock.format} names no licences: those of {left} packages were not judged"
            self._into.judged.unjudged.append(Unjudged(UNLISTED, lock.path, reason, Location(lock.path)))

    def _one(self, lock: Lock, component: Component) -> None:
        for rule in RULES:
            if rule in self._rules.selection.rules:
                self._into.judged.evaluated[rule] += 1
        said = self._said(component)
        expression = self._terms.spdx(said)
        if not expression:
            words = ", ".join(said) or "nothing"
            self._emit(UNKNOWN, lock, component, {"license": words})
            return
        ruling = self._terms.ruling(expression)
        values = {"license": expression, "part": " and ".join(ruling.denied or ruling.unlisted)}
        if ruling.denied:
            self._emit(DENIED, lock, component, values)
        elif ruling.unlisted:
            self._emit(UNLISTED, lock, component, values)

    def _said(self, component: Component) -> tuple[str, ...]:
        """What the policy takes for its licence, else what the lock declares."""
        entry = self._entry(component)
        if entry is not None and entry.license and self._holds(entry):
            return (entry.license,)
        return component.licenses

    def _entry(self, component: Component) -> LicensedPackage | None:
        return next(
            (e for e in self._policy.packages if any(fnmatchcase(n, e.package) for n in _known_as(component))), None
        )

    def _holds(self, entry: LicensedPackage) -> bool:
        return bool(entry.reason) and (entry.expires is None or entry.expires >= self._today)

    def _emit(self, rule: str, lock: Lock, component: Component, values: dict[str, str]) -> None:
        place = component.locations[0] if component.locations else Location(lock.path)
        subject = SubjectId("component", component.purl or component.ref)
        words = {"name": component.name, "version": component.version, **values}
        finding = self._rules.emit(rule, location=place, subject=subject, values=words)
        entry = self._entry(component)
        if finding is None:
            return
        if entry is not None and not entry.license and self._holds(entry):
            accepted = Suppression(entry.reason, "config", entry.location, entry.expires)
            finding = replace(finding, suppressed=accepted)
        elif entry is not None and not self._holds(entry):
            finding = replace(finding, message=f"{finding.message}; {self._why_not(entry)}")
        self._into.judged.findings.append(finding)

    def _why_not(self, entry: LicensedPackage) -> str:
        if not entry.reason:
            return f"the entry for {entry.package} in `licenses` has no reason, so it does not count"
        return f"the entry for {entry.package} in `licenses` ended on {entry.expires}"


def _known_as(component: Component) -> Iterator[str]:
    yield component.name
    if component.purl:
        yield component.purl
        yield component.purl.partition("?")[0].rpartition("@")[0]
