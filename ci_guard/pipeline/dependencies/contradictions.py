"""What only all files together show: one version with two hashes, one tag with two digests, comments that disagree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ci_guard.config.digests import NAME as LOCK
from ci_guard.config.digests import DigestLock, repository_key
from ci_guard.model.component import Component
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location
from ci_guard.model.report import Notice
from ci_guard.model.subject import SubjectId
from ci_guard.pipeline.conclude import RulesInForce
from ci_guard.pipeline.manifests.file import Linted
from ci_guard.sbom.conflicts import Conflict, digest_conflicts, hash_conflicts
from ci_guard.sbom.deployed import Workload, image_component
from ci_guard.sbom.lockfiles.lock import Lock
from ci_guard.workflows.agreement import Pin, disagreements

BY_LOCK = "image-digest-disagrees"
TWO_HASHES = "one-version-two-hashes"
TWO_DIGESTS = "image-tag-two-digests"
COMMENT = "pin-comment-disagrees"


def judge_together(
    rules: RulesInForce,
    locks: Sequence[Lock],
    workflows: Iterable[Lock],
    pins: Sequence[Pin],
    digests: DigestLock,
    into: Linted,
) -> None:
    """Judge all entries and pins against each other, and against the lock of digests; adds to `into`."""
    emitter = _Emitter(rules, into)
    emitter.looked(TWO_HASHES, sum(len(lock.components) for lock in locks))
    for conflict in hash_conflicts(locks):
        emitter.conflict(TWO_HASHES, conflict)
    images = [c for lock in (*locks, *workflows) for c in lock.components if c.type == "container"]
    images += _deployed(into.workloads)
    emitter.looked(TWO_DIGESTS, len(images))
    for conflict in digest_conflicts(images):
        emitter.conflict(TWO_DIGESTS, conflict)
    emitter.looked(COMMENT, len(pins))
    for found in disagreements(pins):
        where = f" ({_where(found.other)})" if found.other else ""
        values = {"uses": str(found.pin.subject.name), "reason": found.reason + where}
        emitter.finding(COMMENT, found.pin.location, found.pin.subject, values, found.other)
    _by_lock(emitter, digests, images, pins)


def _by_lock(emitter: _Emitter, lock: DigestLock, images: Sequence[Component], pins: Sequence[Pin]) -> None:
    """What the files say against the lock of digests; what it could pin is told."""
    open_tags: list[Location] = []
    for image in images:
        tag = next((v for k, v in image.properties if k.endswith(":tag")), "")
        locked = lock.images.get(f"{image.name}:{tag or 'latest'}")
        if locked is None or not image.locations:
            continue
        if not image.hashes:
            open_tags.append(image.locations[0])
            continue
        if tag:
            emitter.looked(BY_LOCK, 1)
        if tag and image.version != locked:
            values = {"name": f"{image.name}:{tag}", "digest": image.version[:19], "locked": locked[:19], "lock": LOCK}
            emitter.finding(BY_LOCK, image.locations[0], SubjectId("image", image.purl), values, None)
    for pin in pins:
        locked = lock.commits.get(f"{repository_key(pin.name)}@{pin.version}") if pin.pinned and pin.version else None
        if locked is not None and locked != pin.ref.lower():
            reason = f"the commit of {pin.version} is {locked[:12]} by {LOCK}"
            emitter.finding(COMMENT, pin.location, pin.subject, {"uses": str(pin.subject.name), "reason": reason}, None)
    if open_tags:
        words = (
            f"{LOCK} knows the digests of {len(open_tags)} images that name only a tag: `ci-guard deps pin` writes them"
        )
        emitter.notice(Notice(words, open_tags[0]))


def _deployed(workloads: Iterable[Workload]) -> list[Component]:
    made = [image_component(image) for workload in workloads for image in workload.images]
    return [component for component in made if component is not None]


class _Emitter:
    """Turns what was found into findings of rules that code judges."""

    def __init__(self, rules: RulesInForce, into: Linted) -> None:
        self._selection = rules.selection
        self._judged = into.judged

    def looked(self, rule: str, count: int) -> None:
        """The rule looked at so many things, if it is selected."""
        if count and rule in self._selection.rules:
            self._judged.evaluated[rule] += count

    def notice(self, notice: Notice) -> None:
        """Tell something that is no finding."""
        self._judged.notices.append(notice)

    def conflict(self, rule: str, conflict: Conflict) -> None:
        component = conflict.component
        tag = next((v for k, v in component.properties if k.endswith(":tag")), "")
        values = {
            "name": f"{component.name}:{tag}" if rule == TWO_DIGESTS else component.name,
            "version": component.version,
            "hash": conflict.digest,
            "digest": conflict.digest[:19],
            "other": conflict.other if rule == TWO_HASHES else conflict.other[:19],
            "place": _where(conflict.other_place),
        }
        kind = "image" if rule == TWO_DIGESTS else "component"
        self.finding(rule, conflict.place, SubjectId(kind, component.purl), values, conflict.other_place)

    def finding(
        self, rule: str, place: Location, subject: SubjectId, values: dict[str, str], other: Location | None
    ) -> None:
        related = (other,) if other is not None else ()
        made: Finding | None = self._selection.emit(
            rule, location=place, subject=subject, values=values, related=related
        )
        if made is not None:
            self._judged.findings.append(made)


def _where(place: Location) -> str:
    return f"{place.path}:{place.region.start_line}" if place.region else place.path
