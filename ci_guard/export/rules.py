"""A rule as exporting needs it: plain data, with parameters folded in and every path written out as CEL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ci_guard.model.record import field, record


class Value(NamedTuple):
    """A value in a message: the variable it starts at, the CEL that selects it, and whether it may be missing."""

    root: str
    code: str
    optional: bool = True
    several: bool = False


class Items(NamedTuple):
    """One `items` path as CEL. `elements`: each element of the list there; otherwise the value itself.

    `optional` says that the CEL is an optional value.
    """

    code: str
    elements: bool
    optional: bool = True


@record
class Judgement:
    """One judgement of a rule; `names` are the variables that expressions and items read."""

    each: str
    require: str
    when: str = ""
    hoisted: bool = False
    items: tuple[Items, ...] = ()
    message: tuple[str | Value, ...] = ()
    names: frozenset[str] = frozenset()


@record
class ExportRule:
    """A rule to export. `match` maps `kind`, `group`, `version`, `pod-owner` to the accepted values.

    `reasons` say why no admission policy can judge it; empty when one can.
    """

    id: str
    title: str
    severity: str
    match: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    judgements: tuple[Judgement, ...] = ()
    reasons: tuple[str, ...] = ()
    sensitive: bool = False


class LeftOut(NamedTuple):
    """A rule that is in no policy, and why."""

    rule: str
    reason: str
