"""Label selectors as `kubectl -l` takes them (`team=a,env!=test,tier in (web,db),!old`), for the API."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

NAME_LABEL: Final = "kubernetes.io/metadata.name"
"""The label that the API server puts on every namespace."""

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_KEY = rf"(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME}"
_VALUE = rf"(?:{_NAME})?"
_SET = re.compile(rf"\s*({_KEY})\s+(in|notin)\s*\(\s*({_VALUE}(?:\s*,\s*{_VALUE})*)\s*\)\s*\Z")
_EQUAL = re.compile(rf"\s*({_KEY})\s*(==|=|!=)\s*({_VALUE})\s*\Z")
_EXISTS = re.compile(rf"\s*(!?)\s*({_KEY})\s*\Z")
_COMMA = re.compile(r",(?![^(]*\))")
_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def label_selector(text: str) -> list[dict[str, Any]]:
    """The `matchExpressions` of a selector; [] for an empty one. Raises ValueError."""
    return [_requirement(part) for part in _COMMA.split(text)] if text.strip() else []


def _requirement(text: str) -> dict[str, Any]:
    if match := _SET.match(text):
        values = [value.strip() for value in match[3].split(",")]
        return {"key": match[1], "operator": "In" if match[2] == "in" else "NotIn", "values": values}
    if match := _EQUAL.match(text):
        return {"key": match[1], "operator": "NotIn" if match[2] == "!=" else "In", "values": [match[3]]}
    if match := _EXISTS.match(text):
        return {"key": match[2], "operator": "DoesNotExist" if match[1] else "Exists"}
    raise ValueError(
        f"{text.strip()!r} is no requirement on labels; write team=a, env!=test, tier in (web,db), x or !x"
    )


def namespace_selector(selector: str, excluded: Iterable[str]) -> dict[str, Any] | None:
    """The namespaces that a selector means, without those that are excluded by name. Raises ValueError."""
    names = list(dict.fromkeys(excluded))
    for name in names:
        if not _DNS_LABEL.match(name):
            raise ValueError(f"{name!r} is no name of a namespace")
    requirements = label_selector(selector)
    if names:
        requirements.append({"key": NAME_LABEL, "operator": "NotIn", "values": names})
    return {"matchExpressions": requirements} if requirements else None
