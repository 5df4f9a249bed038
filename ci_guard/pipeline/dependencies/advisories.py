"""The advisories of everything that a run pulls in: databases found, packages matched, VEX applied, coverage told.

What cannot be judged is said: an ecosystem without a database, data that is too old, a version that has no order.
Where somebody asked for advisories (a database is named or installed), that is a failure of the run (exit 3);
otherwise it is a judgement that was not made, and never a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from ci_guard.advisories import cache, facts
from ci_guard.advisories.database import Databases, age
from ci_guard.advisories.matching import Feeds, Match, Outcome, Package, Source, match
from ci_guard.advisories.names import package_of
from ci_guard.advisories.versions import base_ecosystem, key_of
from ci_guard.advisories.vex.drafts import Audited
from ci_guard.config import values
from ci_guard.config.settings import setting, switch
from ci_guard.model.component import Component, Inventory
from ci_guard.model.errors import CiGuardError, InputError
from ci_guard.model.finding import Finding, Severity
from ci_guard.model.location import Location
from ci_guard.model.record import field, record, replace
from ci_guard.model.report import Unjudged

if TYPE_CHECKING:
    from pathlib import Path

    from ci_guard.advisories.vex.statement import Book
    from ci_guard.engine.evaluation import Judge
    from ci_guard.engine.selection import Selection
    from ci_guard.pipeline.judged import Judged
    from ci_guard.pipeline.policy.boundary import Policy

RULE: Final = "vulnerable-dependency"
UNFIXED: Final = "vulnerable-dependency-without-fix"
RULES: Final = frozenset({RULE, UNFIXED, "vulnerable-kubernetes-version", "malicious-dependency"})
KUBERNETES: Final = "Kubernetes"
_LOWER: Final = {
    Severity.CRITICAL: Severity.HIGH,
    Severity.HIGH: Severity.MEDIUM,
    Severity.MEDIUM: Severity.LOW,
    Severity.LOW: Severity.LOW,
    Severity.NOTE: Severity.NOTE,
}
_HOW: Final = "`ci-guard deps db update` takes one in; `advisories-not-judged` names ecosystems that need none"


@record
class Asked:
    """What a run judges by. `wanted`: somebody named or installed databases, so a missing one is a failure."""

    source: Source | None
    wanted: bool
    accepted: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()
    book: Book | None = None
    kubernetes: str = ""
    config: str = ""
    today: date = date.min


def ask(root: Path, policy: Policy, today: date, environ: Mapping[str, str], options: Mapping[str, Any]) -> Asked:
    """Find the databases and VEX documents of a run. Raises ConfigError or InputError for a broken VEX document."""
    config = policy.config
    problems: list[str] = []
    source: Source | None = None
    wanted = bool(config.advisories)
    online = switch("online", options, environ)
    try:
        found = _databases(root, policy, environ, () if online else config.advisories)
        wanted = wanted or bool(found.entries)
        if online:
            wanted, source = True, _service(found, environ, options)
            found = replace(found, entries={})
        elif found.entries:
            source = found
        problems += _stale(found.entries, config.advisories_max_age, today)
    except CiGuardError as error:
        problems.append(str(error))
        wanted = True
    return Asked(
        source,
        wanted,
        frozenset(map(base_ecosystem, config.advisories_not_judged)),
        tuple(problems),
        _book(policy),
        config.kubernetes_version.removeprefix("v"),
        config.source,
        today,
    )


def database_digests(asked: Asked | None) -> dict[str, str]:
    """Ecosystem -> digest of the table that judged; empty where a service, or nothing, was asked."""
    entries = asked.source.entries if asked is not None and isinstance(asked.source, Databases) else {}
    return {name: entry.digest for name, entry in entries.items()}


def _databases(root: Path, policy: Policy, environ: Mapping[str, str], paths: Sequence[str]) -> Databases:
    folder = cache.folder(environ)
    if not paths:
        return Databases(folder, cache.installed(folder))
    entries: dict[str, cache.Entry] = {}
    for path in paths:
        place = root / path
        if policy.base is not None and place.resolve().is_relative_to(root.resolve()):
            raise InputError(
                f"{path}: a database inside the repository can be edited by the very change that it judges: "
                "on a pull request name one outside, or take it in with `ci-guard deps db update`"
            )
        entries |= cache.from_path(folder, place)
    return Databases(folder, entries)


def _service(feeds: Feeds, environ: Mapping[str, str], options: Mapping[str, Any]) -> Source:
    from ci_guard.services import osv

    url = setting("osv_url", values.named, options=options, environ=environ, configured="")
    client = osv.open_client(url or osv.HOME, named=bool(url))
    return osv.OsvService(client, (url or osv.HOME).rstrip("/"), feeds)


def _stale(entries: cache.Entries, limit: int, today: date) -> list[str]:
    found = []
    for name, entry in sorted(entries.items()):
        days = age(entry, today)
        if days is None:
            found.append(f"nobody knows how old the data for {name} is; `ci-guard deps db update --as-of DAY` says it")
        elif days > limit:
            found.append(
                f"the data for {name} is of {entry.as_of}, {days} days old, more than the {limit} of "
                "`advisories-max-age`; `ci-guard deps db update` takes in newer"
            )
    return found


def _book(policy: Policy) -> Book | None:
    if not policy.config.vex:
        return None
    from ci_guard.advisories.vex.reading import read_book

    return read_book(policy.config.vex, policy.read, policy.config.vex_products)


@record(frozen=False)
class Auditor:
    """Matches packages and has the engine judge them; adds to `into`."""

    asked: Asked
    judge: Judge
    selection: Selection
    into: Judged
    audited: list[Audited] = field(default_factory=list)
    _missing: Counter[str] = field(default_factory=Counter)
    _known: dict[tuple[str, str, str], Outcome] = field(default_factory=dict)
    _broken: bool = False

    @property
    def off(self) -> bool:
        """Whether no rule about advisories was selected."""
        return not RULES & set(self.selection.rules)

    def prepare(self, inventories: Iterable[Inventory]) -> None:
        """Tell the source of every package at once, so that a service is asked in batches."""
        source = self.asked.source
        if self.off or source is None:
            return
        packages = (Package(*package_of(c)) for found in inventories for c in found.components if _is_package(c))
        try:
            source.prepare(p for p in packages if p.ecosystem and p.name and p.version and source.covers(p.ecosystem))
        except CiGuardError as error:
            self._fail(error)

    def inventory(self, found: Inventory, path: str) -> None:
        """Every package of one lock, at its line."""
        if self.off:
            return
        ways: facts.Ways | None = None
        for component in found.components:
            outcome = self._outcome(component) if _is_package(component) else None
            if outcome is None:
                continue
            way = [component]
            if outcome.matches:
                ways = ways or facts.Ways(found)
                way = ways.to(component)
            self._one(component, outcome, way, component.locations[0] if component.locations else Location(path))

    def cluster(self) -> None:
        """The cluster's version, if the configuration names one, by every program that the advisories know of."""
        version = self.asked.kubernetes
        if not version or self.off:
            return
        place = Location(self.asked.config)
        if self.asked.source is None or not self.asked.source.covers(KUBERNETES):
            self._missing[KUBERNETES] += 1
            return
        found: dict[str, tuple[Component, Match]] = {}
        for name in KUBERNETES_PROGRAMS:
            outcome = self._match(KUBERNETES, name, version)
            for one in outcome.matches if outcome else ():
                found.setdefault(one.id, (Component(f"pkg:k8s/{name}", name, version, ecosystem=KUBERNETES), one))
        component = Component(f"pkg:k8s/kubernetes@{version}", "kubernetes", version, ecosystem=KUBERNETES)
        matches = [one for _, one in sorted(found.values(), key=lambda pair: pair[1].id)]
        self._one(component, Outcome(matches), [component], place)

    def finish(self) -> None:
        """Tell what was not judged: databases that are missing, broken or too old."""
        if self.off:
            return
        missing = {e: n for e, n in self._missing.items() if base_ecosystem(e) not in self.asked.accepted}
        for ecosystem, count in sorted(missing.items()):
            # Where nobody publishes advisories (Helm), no database can be asked for: said, and no failure.
            rule = "" if self.asked.wanted and key_of(ecosystem) is not None else RULE
            what = f"{count} package{'' if count == 1 else 's'} not judged"
            reason = f"no advisory database for {ecosystem}, {what}: {_HOW}"
            self.into.unjudged.append(Unjudged(rule, f"advisories for {ecosystem}", reason))
        for problem in self.asked.problems:
            self.into.unjudged.append(Unjudged("", "advisories", problem))

    def _outcome(self, component: Component) -> Outcome | None:
        """What is known of a package; None when it has no ecosystem, no version, or nothing to be judged by."""
        ecosystem, name, version = package_of(component)
        if not ecosystem or not name:
            return None
        if self.asked.source is None or not self.asked.source.covers(ecosystem):
            self._missing[ecosystem] += 1
            return None
        if not version:
            return None  # `dependency-not-pinned` says so
        return self._match(ecosystem, name, version)

    def _match(self, ecosystem: str, name: str, version: str) -> Outcome | None:
        asked = (ecosystem, name, version)
        if self._broken or self.asked.source is None:
            return None
        if asked not in self._known:
            try:
                self._known[asked] = match(self.asked.source, *asked)
            except CiGuardError as error:
                self._fail(error)
                return None
        return self._known[asked]

    def _fail(self, error: CiGuardError) -> None:
        """Once is enough: what cannot be read for one package is not tried for the others."""
        self._broken = True
        self.into.unjudged.append(
            Unjudged("", "advisories", f"{error}; no package was judged by advisories after that")
        )

    def _one(self, component: Component, outcome: Outcome, way: Sequence[Component], place: Location) -> None:
        subject = facts.subject(component, place, outcome.matches, way)
        judgement = self.judge.judge(subject)
        by_id = {found.id: found for found in outcome.matches}
        judgement.findings[:] = [self._settled(f, by_id.get(f.key), component, way) for f in judgement.findings]
        self.audited += [
            Audited(component, by_id[f.key], f.suppressed is not None) for f in judgement.findings if f.key in by_id
        ]
        self.into.keep(judgement)
        for reason in outcome.unjudged:
            name = f"{component.name} {component.version}"
            self.into.unjudged.append(Unjudged(RULE, name, f"cannot be judged: {reason}", place))

    def _settled(
        self, finding: Finding, found: Match | None, component: Component, way: Sequence[Component]
    ) -> Finding:
        """The finding with its advisory's severity, the way in, and what VEX says of it."""
        if found is None:
            return finding
        severity = _severity(finding, found, self.selection)
        finding = replace(finding, severity=severity, flows=facts.flow(way))
        if self.asked.book is None or finding.suppressed is not None or found.kind == "malicious":
            return finding
        return self.asked.book.apply(finding, component, found.ids, self.asked.today)


def _is_package(component: Component) -> bool:
    return component.type != "file" and component.source not in {"workspace", "path"}


def _severity(finding: Finding, found: Match, selection: Selection) -> Severity:
    """The advisory's, unless configuration or profile set one; one step lower where there is no fix to take."""
    selected = selection.rules[finding.rule]
    if str(selected.severity) != selected.rule.severity or finding.rule == "unmaintained-dependency":
        return selected.severity
    return _LOWER[found.severity] if finding.rule == UNFIXED and not found.exploited else found.severity


KUBERNETES_PROGRAMS: Final = (
    "k8s.io/kubernetes",
    "k8s.io/apiserver",
    "k8s.io/controller-manager",
    "k8s.io/kube-controller-manager",
    "k8s.io/kube-scheduler",
    "k8s.io/kubelet",
    "k8s.io/kube-proxy",
    "k8s.io/kubectl",
)
"""What is released with Kubernetes itself, under its version; add-ons have versions of their own."""
