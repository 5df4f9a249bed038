"""Audit policies: at which level the API server logs requests about a resource, by the first rule that fits.

Rules for some users, verbs or namespaces are exceptions that somebody made on purpose; what counts is the first rule
that holds for everyone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

KNOWN: Final = (
    *("secrets", "configmaps", "pods", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"),
    *("serviceaccounts/token", "deployments.apps", "tokenreviews.authentication.k8s.io"),
    "certificatesigningrequests.certificates.k8s.io",
)
"""Resources whose level is always told, as `RESOURCE.GROUP` or `RESOURCE/SUBRESOURCE`; others if a rule names them."""

_NARROWING = ("users", "userGroups", "verbs", "namespaces")
_MOST_NAMED = 500


def levels(policy: Mapping[str, Any]) -> dict[str, str]:
    """Resource -> level (`None` where no rule fits). Never raises on any value."""
    rules = [r for r in _list(policy.get("rules")) if isinstance(r, dict) and not any(r.get(k) for k in _NARROWING)]
    wanted = dict.fromkeys([*KNOWN, *_named(rules)][:_MOST_NAMED])
    return {resource: _level(rules, resource) for resource in wanted}


def _named(rules: list[dict[str, Any]]) -> Iterator[str]:
    for rule in rules:
        for entry in _entries(rule):
            group = entry.get("group")
            for resource in _list(entry.get("resources")):
                if isinstance(resource, str) and "*" not in resource:
                    yield f"{resource}.{group}" if isinstance(group, str) and group else resource


def _level(rules: list[dict[str, Any]], resource: str) -> str:
    name, _, group = resource.partition(".")
    found = next((r.get("level") for r in rules if _fits(r, name, group)), None)
    return found if isinstance(found, str) else "None"


def _fits(rule: dict[str, Any], name: str, group: str) -> bool:
    entries = list(_entries(rule))
    if not entries:
        return not rule.get("nonResourceURLs")
    return any(_entry_fits(entry, name, group) for entry in entries)


def _entry_fits(entry: dict[str, Any], name: str, group: str) -> bool:
    if (entry.get("group") or "") != group or entry.get("resourceNames"):
        return False
    resources = _list(entry.get("resources"))
    base, slash, sub = name.partition("/")
    patterns = {name, "*"} | ({f"{base}/*", f"*/{sub}"} if slash else set())
    return not resources or any(r in patterns for r in resources if isinstance(r, str))


def _entries(rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (e for e in _list(rule.get("resources")) if isinstance(e, dict))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
