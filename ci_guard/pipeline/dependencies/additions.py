"""Packages that a change adds, and whether their names can be taken for those of much used ones.

Only what is new is judged: a name that was reviewed once is no news, and every list of names has neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ci_guard.model.component import Component
from ci_guard.model.location import Location
from ci_guard.model.report import Notice
from ci_guard.model.subject import SubjectId
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.pipeline.policy.base import BaseTree
from ci_guard.sbom.lockfiles import parser_name, read_lock
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.sbom.lookalikes import lookalike
from ci_guard.sbom.purls import canonical_name

RULE = "typosquat-dependency"
_NOT_JUDGED = (
    "whether the names of newly added packages resemble others was not judged: what is new shows `--since REV` only"
)


def judge_additions(rules: RulesInForce, locks: Iterable[Lock], before: BaseTree | None, into: Linted) -> None:
    """Judge the names that no lock had in `before`; adds to `into`. Raises RevisionError."""
    placed = [(lock, component) for lock in locks for component in _packages(lock)]
    if RULE not in rules.selection.rules or not placed:
        return
    if before is None:
        into.judged.notices.append(Notice(_NOT_JUDGED))
        return
    known = {_key(component) for lock in _locks_of(before) for component in _packages(lock)}
    allowed = frozenset(rules.selection.params(RULE).get("allowed", ()))
    for lock, component in placed:
        if _key(component) in known:
            continue
        known.add(_key(component))  # once, at its first place
        into.judged.evaluated[RULE] += 1
        found = lookalike(component.ecosystem, component.name) if component.name not in allowed else None
        if found is not None:
            place = component.locations[0] if component.locations else Location(lock.path)
            subject = SubjectId("component", component.purl or component.ref)
            values = {"name": component.name, "other": found[0], "how": found[1]}
            finding = rules.emit(RULE, location=place, subject=subject, values=values)
            into.judged.findings += [finding] if finding is not None else []


def _packages(lock: Lock) -> Iterator[Component]:
    return (c for c in lock.components if c.type == "library" and c.source not in {"workspace", "path"})


def _key(component: Component) -> tuple[str, str]:
    return component.ecosystem, canonical_name(component.ecosystem, component.name)


def _locks_of(tree: BaseTree) -> Iterator[Lock]:
    """The locks of a revision; one that cannot be read names nothing, so that more is new and not less."""
    paths = [path for path in tree.files() if parser_name(path)]
    for path, data in tree.read_many(paths):
        lock = read_lock(path, data, beside=tree.read)
        if isinstance(lock, Lock):
            yield lock
