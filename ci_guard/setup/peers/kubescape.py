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
_INPUTS = (b"insecureCapabilities", b"imageRepositoryAllowList", b"recommendedLabels", b"cpu_limit_max")
_PLACES = ("kind", "namespace", "name")
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")


def is_config(path: str, data: bytes) -> bool:
    """Whether the file holds exceptions or control inputs; it may have any name."""
    return path.endswith(".json") and (_EXCEPTIONS in data or any(mark in data for mark in _INPUTS))


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
    inputs = top.value if isinstance(top.value, dict) else {}
    inner = next((v for k, v in inputs.items() if k == "settings"), inputs)
    if isinstance(inner, dict) and not any(mark.decode() in str(list(inner))[:10_000] for mark in _INPUTS):
        return
    wishes.leave(
        top.origin, "inputs of controls: set `params` of rules instead (`ci-guard rules show RULE` lists them)"
    )


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
    """Where an exception holds, each as fields of a suppression."""
    for resource in exception.get("resources").items():
        attributes = {key: member.text for key, member in resource.get("attributes").members()}
        attributes.pop("cluster", None)
        place = {key: _glob(attributes[key]) for key in _PLACES if key in attributes}
        foreign = sorted(set(attributes) - set(_PLACES))
        if foreign or None in place.values() or "*" in (place.get("kind") or ""):
            shown = ", ".join(f"{key}: {value}" for key, value in attributes.items())
            wishes.leave(resource.origin, f"the place {{{shown}}} is no kind, namespace or name with * and ?")
        else:
            yield {key: value for key, value in place.items() if value not in {None, "*"}} or {}


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
