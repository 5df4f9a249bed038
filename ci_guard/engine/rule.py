"""A rule as judging needs it: resolved for a Pod Security version and with its parameters folded in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from ci_guard.engine.kinds import KINDS, MATCH_KEYS, VARIABLES
from ci_guard.engine.messages import pieces
from ci_guard.engine.paths import EACH, parse
from ci_guard.engine.tokens import fold, reads
from ci_guard.model.errors import RuleError
from ci_guard.model.location import NodePath
from ci_guard.model.record import field, record

NEWEST: Final = 37
"""The newest Pod Security version, as minor number: `latest` means v1.37, higher ones are judged like it."""

_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)\Z")
_INHERITED = ("each", "when", "items", "require", "at", "key", "message")


def minor_version(text: str) -> int:
    """`v1.27` -> 27, `latest` -> 37. Raises ValueError for anything that Kubernetes would refuse (`1.27`, `v1.07`)."""
    if text == "latest":
        return NEWEST
    match = _VERSION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no Pod Security version: write v1.N or latest")
    return int(match[1])


class Items(NamedTuple):
    """One `items` path: the elements of the list there (`each`), or the value itself."""

    path: NodePath
    each: bool

    @classmethod
    def read(cls, text: str) -> Items:
        """From `ports[*]` or `lifecycle.preStop`. Raises ValueError."""
        return cls(parse(text.removesuffix(EACH)), text.endswith(EACH))


@record
class Fix:
    """What mends a finding: values to set, keys to rename (path -> name), entries to take out; `when` it is certain."""

    values: Mapping[NodePath, str | int | bool]
    renamed: Mapping[NodePath, str]
    removed: tuple[NodePath, ...]
    when: str

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Fix:
        """From a rule's `fix:`. Raises ValueError."""
        return cls(
            {parse(path): value for path, value in given.get("set", {}).items()},
            {parse(path): name for path, name in given.get("rename", {}).items()},
            tuple(map(parse, given.get("remove", ()))),
            given.get("when", ""),
        )


@record
class Clause:
    """One judgement, with all that it inherits; expressions have their parameters folded in."""

    rule: str
    each: str
    require: str
    when: str = ""
    items: tuple[Items, ...] = ()
    at: tuple[NodePath, ...] = ()
    key: NodePath = ()
    message: str = ""
    params: Mapping[str, Any] = field(default_factory=dict, compare=False)
    names: frozenset[str] = frozenset()

    def selection(self, items: Items) -> tuple[str, NodePath]:
        """The variable at which an `items` path starts, and the rest of the path."""
        root = KINDS[self.each].root
        return (root, items.path) if root else (str(items.path[0]), items.path[1:])

    @property
    def hoisted(self) -> bool:
        """Whether `when` can be asked once, before the items."""
        return bool(self.when and self.items) and "item" not in reads(self.when, {"item"})

    @property
    def code(self) -> str:
        """CEL for one subject or item: 1 compliant, 0 not, 2 not applicable."""
        verdict = f"(({self.require}) ? 1 : 0)"
        return f"(({self.when}) ? {verdict} : 2)" if self.when and not self.hoisted else verdict


@record(slots=False)
class Rule:
    """A rule of the catalogue. `source` is what the rule file says, as far as judging needs it."""

    id: str
    category: str
    source: Mapping[str, Any] = field(repr=False)

    @property
    def severity(self) -> str:
        """What the rule file says; a profile or the configuration may say otherwise."""
        return str(self.source["severity"])

    @property
    def status(self) -> str:
        """`preview`, `stable` or `deprecated`."""
        return str(self.source.get("status", "stable"))

    @property
    def by_code(self) -> bool:
        """Whether code judges and emits findings by this rule's id."""
        return "judge" in self.source

    @property
    def needs_repo(self) -> bool:
        """Whether the rule makes sense only when the whole repo is looked at."""
        return self.source.get("scope") == "repo"

    @property
    def own(self) -> bool:
        """Whether the rule is not shipped: its expressions are evaluated with limits."""
        return bool(self.source.get("own", False))

    @property
    def sensitive(self) -> bool:
        """Whether neither value nor source line may be printed."""
        return bool(self.source.get("sensitive", False))

    @property
    def on_by_default(self) -> bool:
        """Whether a profile that names the rule's folder means this rule too."""
        return bool(self.source.get("default", True))

    @property
    def message(self) -> str:
        """The message template of the rule itself."""
        return str(self.source.get("message", ""))

    @property
    def implied_by(self) -> tuple[str, ...]:
        """More specific rules that say the same."""
        return tuple(self.source.get("implied-by", ()))

    @cached_property
    def fix(self) -> Fix | None:
        """What mends its findings, if it knows. Raises ValueError for a path that is none."""
        return Fix.read(self.source["fix"]) if "fix" in self.source else None

    @property
    def check(self) -> str:
        """The upstream id of the Pod Security check that the rule belongs to, or ""."""
        return str(self.source.get("pod-security", {}).get("check", ""))

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The subject kinds that some judgement of it may be about, at any version."""
        parts = [self.source, *self.source.get("revisions", ())]
        said = [*parts, *(clause for part in parts for clause in part.get("clauses", ()))]
        return frozenset(part["each"] for part in said if "each" in part)

    @cached_property
    def match(self) -> Mapping[str, tuple[str, ...]]:
        """Key of `Subject.match` -> accepted values."""
        return {
            MATCH_KEYS[key]: (value,) if isinstance(value, str) else tuple(value)
            for key, value in self.source.get("match", {}).items()
        }

    def holds_at(self, minor: int) -> bool:
        """Whether the rule's own span (not its check's) covers a Pod Security version."""
        span = self.source.get("pod-security", {})
        return minor_version(span.get("since", "v1.0")) <= minor <= minor_version(span.get("until", f"v1.{NEWEST}"))

    def clauses(self, minor: int, params: Mapping[str, Any] | None = None) -> tuple[Clause, ...]:
        """The judgements at a Pod Security version; `params` replaces parameters. Raises RuleError."""
        if self.by_code:
            return ()
        merged, values = self._revised(minor)
        values |= params or {}
        inherited = {key: merged[key] for key in _INHERITED if key in merged}
        given = merged.get("clauses") or [{}]
        return tuple(_clause(self, {**inherited, **clause}, values) for clause in given)

    def _revised(self, minor: int) -> tuple[dict[str, Any], dict[str, Any]]:
        merged = dict(self.source)
        values = dict(self.source.get("params", {}))
        for revision in self.source.get("revisions", ()):
            if not minor_version(revision["since"]) <= minor <= minor_version(revision.get("until", f"v1.{NEWEST}")):
                continue
            merged.update({k: v for k, v in revision.items() if k not in {"since", "until", "add", "params"}})
            values |= revision.get("params", {})
            for name, more in revision.get("add", {}).items():
                values[name] = [*values.get(name, []), *more]
        return merged, values


def _clause(rule: Rule, given: Mapping[str, Any], params: Mapping[str, Any]) -> Clause:
    try:
        for key in ("each", "require", "message"):
            if key not in given:
                raise ValueError(f"no {key!r} for a judgement")
        require, when = fold(given["require"], params), fold(given.get("when", ""), params)
        names = reads(require, VARIABLES) | reads(when, VARIABLES)
        foreign = names - KINDS[given["each"]].variables - ({"item"} if "items" in given else set())
        if foreign:
            raise ValueError(f"{', '.join(sorted(foreign))}: not known to `each: {given['each']}`")
        items = tuple(map(Items.read, _several(given.get("items"))))
        pieces(given["message"])
        return Clause(
            rule.id,
            given["each"],
            require,
            when,
            items,
            tuple(map(parse, _several(given.get("at")))),
            parse(given.get("key", "")),
            given["message"],
            params,
            names | {KINDS[given["each"]].root or str(i.path[0]) for i in items},
        )
    except (ValueError, KeyError) as error:
        raise RuleError(f"rule {rule.id}: {error}") from error


def _several(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
