"""The comparison of two bills of materials: both sides read, the changes, and those of them that rules speak of."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ci_guard.advisories.versions import scheme
from ci_guard.engine.messages import shown
from ci_guard.model.errors import InputError
from ci_guard.model.finding import Finding
from ci_guard.model.record import record
from ci_guard.model.report import Report
from ci_guard.model.subject import SubjectId
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.materials.gathering import gather_locks, gather_workloads
from ci_guard.report.progress import Silent
from ci_guard.sbom.comparison.changes import Change, compare
from ci_guard.sbom.comparison.side import Side, of_bill, of_inventory
from ci_guard.sbom.reading import LIMIT, read_bill
from ci_guard.source.document import Unreadable
from ci_guard.source.files import read_file

RULES: Final = {
    "hash": "sbom-hash-changed",
    "digest": "sbom-image-digest-changed",
    "downgraded": "sbom-component-downgraded",
    "licence": "sbom-licence-changed",
    "source": "sbom-source-changed",
    "install-script": "sbom-install-script-added",
}
"""Kind of change -> the rule that speaks of it; the other kinds are told, and no finding."""

_SCHEMES: Final = {
    "apk": "alpine",
    "cargo": "semver",
    "composer": "packagist",
    "cran": "numeric",
    "deb": "debian",
    "gem": "rubygems",
    "github": "semver",
    "golang": "semver",
    "helm": "semver",
    "hex": "semver",
    "maven": "maven",
    "npm": "semver",
    "nuget": "nuget",
    "pub": "pub",
    "pypi": "pep440",
    "rpm": "rpm",
}
"""Type of a purl -> the scheme of its versions."""

_SHOWN = 23  # characters of a hash: its algorithm, and enough to tell two apart


@record
class Compared:
    """Both sides and every change between them."""

    old: Side
    new: Side
    changes: tuple[Change, ...]


def side(root: Path, path: str) -> Side:
    """A document, or the repository in a folder. Raises InputError, naming file and line, for what cannot be read."""
    if (root / path).is_dir():
        return _repository(root / path, path)
    read = read_bill(path, read_file(root, path, LIMIT))
    if isinstance(read, Unreadable):
        line = read.location.region.start_line if read.location.region else 1
        raise InputError(f"{path}:{line}: {read.reason}")
    return of_bill(read)


def _repository(folder: Path, path: str) -> Side:
    """What a folder locks and deploys; a side with gaps would show what is missing as removed."""
    gathered = gather_locks(folder, ["."], Silent())
    gather_workloads(folder, ["."], Silent(), gathered)
    broken = next(iter(gathered.unreadable), None)
    if broken is not None:
        raise InputError(f"{path}/{broken.path}: {broken.reason}")
    return of_inventory(path, gathered.inventory())


def compared(old: Side, new: Side) -> Compared:
    """The changes from one side to the other."""
    return Compared(old, new, tuple(compare(old, new, version_order)))


@lru_cache(maxsize=200_000)
def version_order(purl: str, version: str) -> Any:
    """What compares with the same of other versions; None when the type has no order or the version no form."""
    name = _SCHEMES.get(purl.removeprefix("pkg:").partition("/")[0].lower())
    try:
        return scheme(name)(version) if name else None
    except ValueError:
        return None


def judge(result: Compared, rules: RulesInForce, into: Linted) -> None:
    """Emit a finding for each change that a rule speaks of; adds to `into`."""
    judged = into.judged
    judged.files["judged"] += 2
    judged.subjects += len(result.new.components)
    wanted = [rule for rule in RULES.values() if rule in rules.selection.rules]
    judged.evaluated.update(dict.fromkeys(wanted, len(result.new.components)))
    for change in result.changes:
        if change.kind in RULES:
            subject, key = _identified(change)
            into.suppressions.observe(result.new.path, subject, wanted)
            finding = rules.emit(
                RULES[change.kind],
                location=result.new.place(change.key),
                subject=subject,
                key=key,
                values=_values(change),
            )
            judged.findings += [finding] if finding is not None else []


def _identified(change: Change) -> tuple[SubjectId, str]:
    return SubjectId("component", change.purl or change.key), f"{change.old} {change.new}".strip()[:200]


def _values(change: Change) -> dict[str, str]:
    shorten = change.kind in {"hash", "digest"}
    old, new = ((text[:_SHOWN] + "…") if shorten else text for text in (change.old, change.new))
    way = f" ({' > '.join(change.way)} brings it in)" if change.way else ""
    named = f"{change.name}:{change.version}" if change.kind == "digest" and change.version else change.name
    return {"name": named, "version": change.version, "old": old, "new": new, "way": way}


def findings_of(result: Compared, report: Report) -> dict[int, Finding]:
    """Number of a change -> its finding as the report has it, suppressions applied."""
    known = {(f.rule, f.subject, f.key): f for f in report.findings}
    out: dict[int, Finding] = {}
    for number, change in enumerate(result.changes):
        subject, key = _identified(change)
        found = known.get((RULES.get(change.kind, ""), subject, shown(key)))
        if found is not None:
            out[number] = found
    return out
