"""Profiles and the Pod Security checks: shapes of their files, and the types made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ci_guard.engine.rule import minor_version
from ci_guard.engine.ruleformat import RULE_ID, SEVERITY
from ci_guard.engine.selection import Check, Entry, Exemption, Profile
from ci_guard.engine.shape import Either, Fields, Flag, Many, Named, Text

_LEVEL = Text(choices=("baseline", "restricted"))
_VERSION = Text(r"v1\.(0|[1-9][0-9]*)", what="a Pod Security version as v1.N")

PROFILE: Final = Fields(
    {
        "id": RULE_ID,
        "title": Text(),
        "description": Text(),
        "level": _LEVEL,
        "everything": Flag(),
        "rules": Many(
            Fields(
                {"folder": Text(), "rule": RULE_ID, "pod-security": _LEVEL, "severity": SEVERITY},
                one_of=("folder", "rule", "pod-security"),
            ),
            least=0,
        ),
        "exemptions": Many(
            Fields(
                {
                    "rules": Many(RULE_ID),
                    "reason": Text(),
                    "kinds": Many(Text()),
                    "namespaces": Many(Text()),
                    "names": Many(Text()),
                },
                required=("rules", "reason"),
            )
        ),
    },
    required=("id", "title", "description", "rules"),
)

CHECKS: Final = Fields(
    {
        "id": Text(),
        "title": Text(),
        "version": Text(),
        "guid": Text(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "organization": Text(),
        "url": Text(),
        "description": Text(),
        "checks": Many(
            Fields(
                {
                    "id": Text(),
                    "title": Text(),
                    "description": Text(),
                    "level": _LEVEL,
                    "since": _VERSION,
                    "overrides": Either(Many(Text()), Named(Text(), _VERSION, least=1)),
                },
                required=("id", "title", "description", "level", "since"),
            )
        ),
    },
    required=("id", "title", "version", "guid", "organization", "url", "checks"),
)


def profile(given: Mapping[str, Any]) -> Profile:
    """The profile that a well-shaped map describes."""
    return Profile(
        given["id"],
        given["title"],
        tuple(_entry(e) for e in given["rules"]),
        given.get("level", ""),
        given.get("everything", False),
        tuple(_exemption(e) for e in given.get("exemptions", ())),
    )


def _entry(given: Mapping[str, str]) -> Entry:
    by = next(key for key in ("folder", "rule", "pod-security") if key in given)
    return Entry(by, given[by], given.get("severity", ""))


def _exemption(given: Mapping[str, Any]) -> Exemption:
    patterns = [tuple(given.get(key, ())) for key in ("kinds", "namespaces", "names")]
    return Exemption(frozenset(given["rules"]), given["reason"], *patterns)


def check(given: Mapping[str, Any]) -> Check:
    """The check that a well-shaped map describes; an override without a version holds as long as the check does."""
    since = minor_version(given["since"])
    overrides = given.get("overrides", {})
    if isinstance(overrides, list):
        overrides = dict.fromkeys(overrides, given["since"])
    return Check(
        given["id"], given["title"], given["level"], since, {k: minor_version(v) for k, v in overrides.items()}
    )
