"""The structure of objects: unknown fields, wrong types, API versions that go or are gone, the order of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from ci_guard.kubernetes.ordering import keys_out_of_order
from ci_guard.kubernetes.schema import Kind, Schemas, load
from ci_guard.kubernetes.shapes import Malformed
from ci_guard.kubernetes.structure import UnknownField, flaws
from ci_guard.kubernetes.versions import minor_of
from ci_guard.model.errors import ConfigError
from ci_guard.model.finding import Finding
from ci_guard.model.location import Location, NodePath
from ci_guard.model.record import replace

if TYPE_CHECKING:
    from ci_guard.engine.selection import Selection
    from ci_guard.kubernetes.resources import Resource
    from ci_guard.kubernetes.suggestion import Suggestion

UNKNOWN: Final = "unknown-field"
UNKNOWN_SECURITY: Final = "unknown-security-field"
WRONG_TYPE: Final = "wrong-type"
REMOVED: Final = "removed-api-version"
DEPRECATED: Final = "deprecated-api-version"
SORTED: Final = "yaml-sorted-keys"
OF_FIELDS: Final = frozenset({UNKNOWN, UNKNOWN_SECURITY, WRONG_TYPE})
RULES: Final = (UNKNOWN, UNKNOWN_SECURITY, REMOVED, DEPRECATED, SORTED)
"""What only this module judges; wrong types are found elsewhere too."""

_EXPLAINED: Final = 100  # flaws of one object for which a better place is looked for: a hostile one has thousands
_SECRETIVE: Final = frozenset({"Secret", "EncryptionConfiguration"})
_VERSION: Final = "kubernetesVersion"


class StructureJudge:
    """Judges resources by the selected ones of these rules. Raises ConfigError for a version that is none."""

    def __init__(self, selection: Selection, *, fixing: bool = False) -> None:
        self._selection = selection
        self._fixing = fixing
        self._chosen = [rule for rule in RULES if rule in selection.rules]
        self._sorts = [rule for rule in self._chosen if rule == SORTED]
        self._about_kinds = [rule for rule in self._chosen if rule != SORTED]
        self._minors = {rule: self._minor(rule) for rule in self._about_kinds}
        self._schemas: Schemas | None = load() if self._about_kinds or WRONG_TYPE in selection.rules else None

    def _minor(self, rule: str) -> int:
        text = self._selection.params(rule).get(_VERSION, "any")
        minor = minor_of(text)
        if minor is None:
            raise ConfigError(f"rule {rule}, parameter {_VERSION}: {text!r} is no version: write v1.N or any")
        return minor

    def looked(self, resource: Resource) -> list[str]:
        """The rules that judge a resource: all of them if its kind is built in, otherwise that about its keys."""
        known = self._schemas and self._schemas.kind(resource.api_version, resource.kind)
        return self._chosen if known else self._sorts

    def judge(self, resource: Resource, said: Iterable[Finding]) -> Iterator[Finding]:
        """The findings of a resource; no second one where `said` has a wrong type already."""
        if self._sorts:
            yield from self._unsorted(resource)
        schemas = self._schemas
        kind = schemas.kind(resource.api_version, resource.kind) if schemas else None
        if schemas is None or kind is None:
            return
        said_paths = {f.path for f in said if f.rule == WRONG_TYPE}
        minor = max((self._minors.get(rule, 0) for rule in (UNKNOWN, UNKNOWN_SECURITY)), default=0)
        for count, flaw in enumerate(flaws(resource, schemas, minor)):
            if isinstance(flaw, UnknownField):
                found = self._unknown(resource, flaw, schemas, widely=count < _EXPLAINED)
            else:
                found = self._wrong_type(resource, flaw, said_paths)
            if found is not None:
                yield found
        yield from filter(None, (self._removed(resource, kind), self._deprecated(resource, kind)))

    def _unknown(self, resource: Resource, flaw: UnknownField, schemas: Schemas, *, widely: bool) -> Finding | None:
        from ci_guard.kubernetes.suggestion import suggest  # only once there is something to suggest

        meant = suggest(flaw, schemas, widely=widely)
        rule = UNKNOWN_SECURITY if meant.security else UNKNOWN
        if rule not in self._selection.rules or (flaw.known and not self._minors[rule]):
            return None
        where = resource.document.field_path(flaw.path)
        return self._selection.emit(
            rule,
            location=_location(resource, flaw.path, key=True),
            subject=resource.id,
            path=where,
            values={"path": where, "hint": _hint(resource, flaw, meant)},
        )

    def _unsorted(self, resource: Resource) -> Iterator[Finding]:
        first = self._selection.params(SORTED).get("first", ())
        for path, before in islice(keys_out_of_order(resource.value, first, resource.path), 1):
            found = self._selection.emit(
                SORTED,
                location=_location(resource, path, key=True),
                subject=resource.id,
                path=resource.document.field_path(path),
                values={"key": str(path[-1]), "before": before},
            )
            if found is not None:
                yield found

    def _wrong_type(self, resource: Resource, flaw: Malformed, said: set[str]) -> Finding | None:
        where = resource.document.field_path(flaw.path)
        if where in said:
            return None
        return self._selection.emit(
            WRONG_TYPE,
            location=_location(resource, flaw.path),
            subject=resource.id,
            path=where,
            values={"path": where, "type": f"{flaw.found} instead of {flaw.expected}"},
        )

    def _removed(self, resource: Resource, kind: Kind) -> Finding | None:
        target = self._minors.get(REMOVED, 0)
        if not kind.removed or not target or kind.removed > target:
            return None
        return self._version_finding(REMOVED, resource, kind, kind.removed)

    def _deprecated(self, resource: Resource, kind: Kind) -> Finding | None:
        target = self._minors.get(DEPRECATED, 0)
        gone = kind.removed and kind.removed <= target
        if not kind.deprecated or not target or kind.deprecated > target or gone:
            return None
        return self._version_finding(DEPRECATED, resource, kind, kind.deprecated)

    def _version_finding(self, rule: str, resource: Resource, kind: Kind, minor: int) -> Finding | None:
        path = (*resource.path, "apiVersion")
        instead = f"use {kind.replacement}" if kind.replacement else "Kubernetes names no replacement"
        found = self._selection.emit(
            rule,
            location=resource.document.locate(path),
            subject=resource.id,
            path=resource.document.field_path(path),
            values={
                "kind": f"{resource.api_version} {resource.kind}",
                "version": f"v1.{minor}",
                "instead": instead,
            },
        )
        if found is None or not self._fixing:
            return found
        from ci_guard.pipeline.manifests.renamed_versions import edits  # only where edits are asked for

        return replace(found, edits=edits(resource, kind, self._schemas))


def _location(resource: Resource, path: NodePath, *, key: bool = False) -> Location:
    """Where a flaw stands; without the source line where that may be a secret."""
    location = resource.document.locate(path, key=key)
    return replace(location, snippet="") if resource.kind in _SECRETIVE else location


def _hint(resource: Resource, flaw: UnknownField, meant: Suggestion) -> str:
    """What the author may have meant, as the end of a sentence."""
    if flaw.known:
        return f"Kubernetes has it from v1.{flaw.known.since} to v1.{flaw.known.until}, not in the target version"
    if meant.place:
        base = "" if meant.place.base == flaw.way[-1].path else resource.document.field_path(meant.place.base)
        place = ".".join(filter(None, (base, *meant.place.below)))
        return f"{meant.name} belongs under {place}" if place else f"{meant.name} belongs at the top of the object"
    if meant.name:
        return f"did you mean {meant.name}?"
    return f"{flaw.way[-1].type.rpartition('.')[2]} has no such field"
