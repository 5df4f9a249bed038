"""What the labels of a Namespace ask of its pods: the levels of Pod Security admission.

Follows the admission code: a bad `enforce` level means `restricted`, a bad `audit` or `warn` level `privileged`,
a bad version `latest`; `warn` follows an explicit, stricter `enforce`. The API server refuses bad values when the
Namespace is created, so each of them is reported as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.model.record import record

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
MODES = ("enforce", "audit", "warn")
_VERSION = re.compile(r"v1\.(?:0|[1-9][0-9]*)\Z")


@record
class LevelVersion:
    """A level and the policy version it is pinned to (`latest` or `v1.N`); `path` is the label that stated the level.

    `path` is () when the level is a default.
    """

    level: str = "privileged"
    version: str = "latest"
    path: NodePath = ()


@record
class InvalidLabel:
    """A label value that the API server refuses; `path` is absolute in the document."""

    label: str
    value: str
    reason: str
    path: NodePath


@record
class NamespacePolicy:
    """The policies in force for the pods of a namespace, and the label values that are no policy."""

    enforce: LevelVersion = LevelVersion()
    audit: LevelVersion = LevelVersion()
    warn: LevelVersion = LevelVersion()
    invalid: tuple[InvalidLabel, ...] = ()

    @property
    def labelled(self) -> bool:
        """Whether a label says something that pods are held to, or something wrong."""
        return bool(self.invalid or self.enforce.path)


def namespace_policy(labels: Any, path: NodePath = ()) -> NamespacePolicy:
    """The policy that `labels` (a map; anything else is no labels) state; `path` is where the map stands."""
    found = labels if isinstance(labels, dict) else {}
    invalid: list[InvalidLabel] = []
    modes = {mode: _mode(found, mode, path, invalid) for mode in MODES}
    enforce, warn = modes["enforce"], modes["warn"]
    if _stated(found, "enforce") and PREFIX + "warn" not in found and _rank(enforce.level) > _rank(warn.level):
        version = warn.version if PREFIX + "warn-version" in found else enforce.version
        modes["warn"] = LevelVersion(enforce.level, version, enforce.path)
    return NamespacePolicy(modes["enforce"], modes["audit"], modes["warn"], tuple(invalid))


def _mode(labels: Mapping[Any, Any], mode: str, path: NodePath, invalid: list[InvalidLabel]) -> LevelVersion:
    label = PREFIX + mode
    level, version = "privileged", "latest"
    where: NodePath = ()
    if label in labels:
        where = (*path, label)
        level = labels[label]
        if level not in LEVELS:
            invalid.append(_invalid(label, level, "must be privileged, baseline or restricted", where))
            level = "restricted" if mode == "enforce" else "privileged"
    label += "-version"
    if label in labels:
        version = labels[label]
        if version != "latest" and not (isinstance(version, str) and _VERSION.match(version)):
            invalid.append(_invalid(label, version, "must be latest or v1.MINOR", (*path, label)))
            version = "latest"
    return LevelVersion(level, version, where)


def _stated(labels: Mapping[Any, Any], mode: str) -> bool:
    return labels.get(PREFIX + mode) in LEVELS


def _rank(level: str) -> int:
    return LEVELS.index(level)


def _invalid(label: str, value: object, reason: str, path: NodePath) -> InvalidLabel:
    text = value if isinstance(value, str) else repr(value)
    return InvalidLabel(label, text[:80], reason, path)
