"""kubescape: exception files (JSON), control inputs, annotations `kubescape.io/skip-controls`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from ci_guard.model.record import replace
from ci_guard.setup.peers import settings
from ci_guard.setup.peers.settings import Setting
from ci_guard.setup.peers.table import control_named
from ci_guard.setup.peers.wishes import Place, Skip, Wishes, day

TOOL = "kubescape"
MARKS = (b"kubescape.io/skip-controls",)

_CONTROLS = "kubescape.io/skip-controls"
_EXCEPTIONS = b"postureExceptionPolicy"
_INPUTS = ("insecureCapabilities", "imageRepositoryAllowList", "recommendedLabels", "cpu_limit_max")
_PLACES = ("kind", "namespace", "name")
_ANYTHING = frozenset({"", ".*", "^.*$"})
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")


def is_config(path: str, data: bytes) -> bool:
    """Whether the file holds exceptions or control inputs; it may have any name."""
    return path.endswith(".json") and (_EXCEPTIONS in data or any(name.encode() in data for name in _INPUTS))


def read_config(path: str, data: bytes, wishes: Wishes) -> None:
    """What the file says."""
    top = settings.read(path, data, wishes)
    if top is None:
        return
    if _EXCEPTIONS not in data:
        _inputs(top, wishes)
        return
    for exception in top.items():
        if exception.get("policyType").text == "postureExceptionPolicy":
            _exception(exception, wishes)


def _inputs(top: Setting, wishes: Wishes) -> None:
    if any(top.get(name).value is not None for name in _INPUTS):
        words = "inputs of controls: set `params` of rules instead (`ci-guard rules show RULE` lists them)"
        wishes.leave(top.origin, words)


def _exception(exception: Setting, wishes: Wishes) -> None:
    reason = exception.get("reason").text
    expires = day(exception.get("expirationTime").text or exception.get("expirationDate").text)
    checks = list(_checks(exception, wishes))
    places = list(_places(exception, wishes))
    for (check, origin), place in product(checks, places):
        wishes.accept(replace(Skip(TOOL, check, origin, reason, expires=expires), **place))


def _checks(exception: Setting, wishes: Wishes) -> Iterator[tuple[str, str]]:
    """The controls that an exception names, by id or by name."""
    for policy in exception.get("posturePolicies").items():
        check = policy.get("controlID").text or control_named(policy.get("controlName").text)
        if check:
            yield check, policy.origin
        else:
            named = next((m.text for _, m in policy.members() if m.text), "everything")
            wishes.leave(policy.origin, f"the exception of {named!r} names no control that we know by id or name")


def _places(exception: Setting, wishes: Wishes) -> Iterator[dict[str, str]]:
    """Where an exception holds, each as fields of a suppression; one for a cluster or a label must not grow."""
    for resource in exception.get("resources").items():
        attributes = {key: member.text for key, member in resource.get("attributes").members()}
        limits = {key: pattern for key, pattern in attributes.items() if pattern not in _ANYTHING}
        place = {key: _glob(pattern) for key, pattern in limits.items() if key in _PLACES}
        if set(limits) - set(_PLACES) or None in place.values() or "*" in (place.get("kind") or ""):
            shown = ", ".join(f"{key}: {value}" for key, value in attributes.items())
            wishes.leave(resource.origin, f"the place {{{shown}}} is no kind, namespace or name with * and ?")
        else:
            yield {key: glob for key, glob in place.items() if glob}


def _glob(pattern: str) -> str | None:
    """A regular expression as a glob of ours, None where it is more than one."""
    text = pattern.removeprefix("^").removesuffix("$").replace("\\.", "\0").replace(".*", "\1")
    if _SPECIAL.search(text):
        return None
    return text.replace("\0", ".").replace("\1", "*")


def of_annotations(annotations: Mapping[str, Any], at: Place, wishes: Wishes) -> Iterator[Skip]:
    """The skips in annotations; `at` says where the one of a key stands."""
    del wishes
    listed, reason = annotations.get(_CONTROLS), annotations.get("kubescape.io/skip-reason")
    expires = day(annotations.get("kubescape.io/skip-expiry"))
    for check in listed.split(",") if isinstance(listed, str) else ():
        if check.strip():
            yield Skip(
                TOOL, check.strip(), at(_CONTROLS), reason.strip() if isinstance(reason, str) else "", expires=expires
            )


def of_comment(text: str, at: str) -> Iterator[Skip]:
    """It reads no comments."""
    del text, at
    return iter(())
