"""Profiles and Pod Security checks, made of what the catalogue holds of their files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_guard.engine.rule import minor_version
from ci_guard.engine.selection import Check, Entry, Exemption, Profile


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
