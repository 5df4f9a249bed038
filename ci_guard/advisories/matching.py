"""Which advisories hold for a package: records matched, aliases merged into one, fix versions found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from ci_guard.advisories.ranges import IncomparableError, fixes, is_affected
from ci_guard.advisories.record import Affected, Record
from ci_guard.advisories.severity import severity_of
from ci_guard.advisories.versions import key_of
from ci_guard.model.finding import Severity
from ci_guard.model.record import field, record

Pair = tuple[Record, Affected]

_KINDS: Final = ("malicious", "vulnerable", "yanked", "end-of-life", "deprecated", "unmaintained")
_RANKS: Final = ("CVE-", "MAL-", "GHSA-")


class Package(NamedTuple):
    """A package in the words of OSV."""

    ecosystem: str
    name: str
    version: str


class Feeds(Protocol):
    """What is known about how vulnerabilities are used."""

    def exploited(self, cve: str) -> bool:
        """Whether a CVE is in the catalogue of known exploited vulnerabilities."""

    def probability(self, cve: str) -> float:
        """The EPSS score of a CVE, 0..1; 0.0 = none."""


class Source(Feeds, Protocol):
    """Where advisories come from: compiled databases, or a service that is asked."""

    def prepare(self, packages: Iterable[Package]) -> None:
        """Told before of all packages that will be asked for. Raises ServiceError."""

    def covers(self, ecosystem: str) -> bool:
        """Whether there is data for the ecosystem at all."""

    def records(self, ecosystem: str, name: str, version: str) -> Sequence[Pair]:
        """What is known about a package (its version may be ignored). Raises InputError, ServiceError."""


@record
class Match:
    """One advisory that holds for one package, under all its names. `fixed` is "" when no fixed version is known."""

    id: str
    ids: tuple[str, ...]
    kind: str
    severity: Severity
    score: float
    summary: str
    fixed: str
    exploited: bool = False
    probability: float = 0.0


@record(frozen=False)
class Outcome:
    """What is known about one package; `unjudged` says in words which records could not be decided."""

    matches: list[Match] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)


def match(source: Source, ecosystem: str, name: str, version: str) -> Outcome:
    """The advisories that hold for a package, in the order of their ids."""
    outcome = Outcome()
    affected: list[Pair] = []
    for advisory, entry in source.records(ecosystem, name, version):
        try:
            if _same_release(ecosystem, entry.ecosystem) and is_affected(version, entry):
                affected.append((advisory, entry))
            elif _only_commits(entry):
                outcome.unjudged.append(f"{advisory.id} names affected commits only, not versions")
        except IncomparableError as error:
            outcome.unjudged.append(f"{advisory.id}: {error}")
    merged = (_merged(group, version, source) for group in _groups(affected))
    outcome.matches = sorted(merged, key=lambda m: m.id)
    return outcome


def _same_release(asked: str, given: str) -> bool:
    """`Debian:12` is about `Debian:12` alone; without a release an entry is about all of them."""
    have, want = asked.partition(":")[2], given.partition(":")[2]
    if not want:
        return True
    if not have:
        raise IncomparableError(f"the release is not known, and the advisory is about {given} only")
    return have == want or want.startswith(have + ":")


def _only_commits(entry: Affected) -> bool:
    return bool(entry.ranges) and not entry.versions and all(r.type == "GIT" for r in entry.ranges)


def _groups(affected: Iterable[Pair]) -> list[list[Pair]]:
    """Records that share an id or an alias are one advisory."""
    groups: list[tuple[set[str], list[Pair]]] = []
    for pair in affected:
        names, members = {pair[0].id, *pair[0].aliases}, [pair]
        apart = []
        for other in groups:
            if names & other[0]:
                names |= other[0]
                members = other[1] + members
            else:
                apart.append(other)
        groups = [*apart, (names, members)]
    return [members for _, members in groups]


def _merged(group: Sequence[Pair], version: str, source: Source) -> Match:
    ids = sorted({name for record, _ in group for name in (record.id, *record.aliases)}, key=_rank)
    score = max(entry.score for _, entry in group)
    level = max((record.level for record, _ in group if record.level), key=lambda w: severity_of(0, w).rank, default="")
    kind = min((entry.kind for _, entry in group), key=_KINDS.index)
    exploited = any(map(source.exploited, ids))
    return Match(
        id=ids[0],
        ids=tuple(ids),
        kind=kind,
        severity=Severity.CRITICAL if kind == "malicious" or exploited else severity_of(score, level),
        score=score,
        summary=next((record.summary for record, _ in group if record.summary), ""),
        fixed=_fixed(group, version),
        exploited=exploited,
        probability=max(map(source.probability, ids)),
    )


def _rank(name: str) -> tuple[Any, ...]:
    place = next((i for i, prefix in enumerate(_RANKS) if name.startswith(prefix)), len(_RANKS))
    return place, len(name), name


def _fixed(group: Sequence[Pair], version: str) -> str:
    """The oldest version that some record calls fixed and that none of them calls affected."""
    key = key_of(group[0][1].ecosystem)
    candidates = {text for _, entry in group for text in fixes(version, entry)}
    if key is None:
        return ""
    return next((text for text in sorted(candidates, key=key) if not any(_holds(text, e) for _, e in group)), "")


def _holds(version: str, entry: Affected) -> bool:
    try:
        return is_affected(version, entry)
    except IncomparableError:
        return True
