"""What stands around a manifest: the chart that renders it, the kustomization that uses it as a patch.

A patch is part of an object; judged alone it would be accused of everything that the base says. Kustomize reads
patches from its own folder or below, so the kustomizations in the folders above a file are all that can name it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.location import NodePath
from ci_guard.model.ports import ReadBytes
from ci_guard.model.record import field, record

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_KINDS = frozenset({"Kustomization", "Component"})
_PATCHES = ("patches", "patchesJson6902")


def is_kustomization(path: str, value: Any) -> bool:
    """Whether a document is one of Kustomize's own: by its group and kind, or untyped in a file of that name.

    A Pod in a file called `kustomization.yaml` is a Pod: `kubectl apply -f` does not care for names.
    """
    if not isinstance(value, dict):
        return False
    if "apiVersion" not in value and "kind" not in value:
        return posixpath.basename(path) in NAMES
    return str(value.get("apiVersion")).startswith("kustomize.config.k8s.io/") and value.get("kind") in _KINDS


@record
class Kustomization:
    """The files that a kustomization names, relative to the root: whole objects, and patches on them (to targets)."""

    path: str
    resources: frozenset[str] = frozenset()
    patches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@record
class InlinePatch:
    """A patch that stands as text within a kustomization: where, the text, and what it is for."""

    where: NodePath
    text: str
    target: Mapping[str, Any]


def kustomization_of(path: str, value: Any) -> Kustomization:
    """The facts of the kustomization `value` that stands at `path`; what has the wrong type is left out."""
    folder = posixpath.dirname(path)
    fields = value if isinstance(value, dict) else {}
    resources = [p for key in ("resources", "bases", "components", "crds") for p in _texts(fields.get(key))]
    patches: list[tuple[str, Mapping[str, Any]]] = [(name, {}) for name in _texts(fields.get("patchesStrategicMerge"))]
    for key in _PATCHES:
        patches += ((p["path"], _target(p)) for p in _maps(fields.get(key)) if isinstance(p.get("path"), str))
    return Kustomization(
        path,
        frozenset(where for name in resources if (where := _within(folder, name))),
        {where: target for name, target in patches if (where := _within(folder, name))},
    )


def inline_patches(value: Any) -> Iterator[InlinePatch]:
    """The patches that a kustomization holds as text."""
    fields = value if isinstance(value, dict) else {}
    for index, text in enumerate(_list(fields.get("patchesStrategicMerge"))):
        if isinstance(text, str) and "\n" in text:
            yield InlinePatch(("patchesStrategicMerge", index), text, {})
    for key in _PATCHES:
        for index, patch in enumerate(_list(fields.get(key))):
            if isinstance(patch, dict) and isinstance(patch.get("patch"), str):
                yield InlinePatch((key, index, "patch"), patch["patch"], _target(patch))


def _target(patch: Mapping[str, Any]) -> Mapping[str, Any]:
    found = patch.get("target")
    return found if isinstance(found, dict) else {}


def _within(folder: str, name: str) -> str:
    """`name` as seen from the root; "" for an inline patch (with line breaks)."""
    return posixpath.normpath(posixpath.join(folder, name)) if name and "\n" not in name else ""


def _texts(value: Any) -> Iterator[str]:
    return (item for item in _list(value) if isinstance(item, str))


def _maps(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in _list(value) if isinstance(item, dict))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


class Surroundings:
    """Answers what charts and kustomizations say of a file; reads each folder once, and only when asked.

    `read` gives the content of a root-relative path, or None. Folders above the root are never looked at.
    """

    def __init__(self, read: ReadBytes) -> None:
        self._read = read
        self._charts: dict[str, bool] = {}
        self._kustomizations: dict[str, Kustomization | None] = {}

    def chart_of(self, path: str) -> str:
        """The `Chart.yaml` whose `templates/` folder holds `path`, "" if there is none."""
        for folder in _above(path):
            below = path[len(folder) + 1 :] if folder else path
            if below.startswith("templates/") and self._has_chart(folder):
                return posixpath.join(folder, "Chart.yaml")
        return ""

    def patched_by(self, path: str) -> tuple[str, Mapping[str, Any]]:
        """The kustomization that uses `path` as a patch and not as a resource ("" if there is none), and the target."""
        found: tuple[str, Mapping[str, Any]] = ("", {})
        for folder in _above(path):
            kustomization = self._kustomization(folder)
            if kustomization is None:
                continue
            if path in kustomization.resources:
                return "", {}
            if path in kustomization.patches:
                found = (kustomization.path, kustomization.patches[path])
        return found

    def _has_chart(self, folder: str) -> bool:
        if folder not in self._charts:
            self._charts[folder] = self._read(posixpath.join(folder, "Chart.yaml")) is not None
        return self._charts[folder]

    def _kustomization(self, folder: str) -> Kustomization | None:
        if folder not in self._kustomizations:
            self._kustomizations[folder] = self._load(folder)
        return self._kustomizations[folder]

    def _load(self, folder: str) -> Kustomization | None:
        """The first kustomization file of the folder, as Kustomize looks for it; a broken one says nothing."""
        for name in NAMES:
            path = posixpath.join(folder, name)
            data = self._read(path)
            if data is None:
                continue
            from ci_guard.source import reader  # imports YAML: only where there is a kustomization
            from ci_guard.source.document import Unreadable

            for document in reader.read(path, data, "kubernetes"):
                return None if isinstance(document, Unreadable) else kustomization_of(path, document.value)
        return None


ALONE = Surroundings(lambda _path: None)
"""Nothing around: what a manifest from standard input has."""


def _above(path: str) -> Iterator[str]:
    """The folders above `path`, nearest first, the root ("") last."""
    folder = posixpath.dirname(path)
    while folder.strip("/"):  # an editor may name standard input by an absolute path
        yield folder
        folder = posixpath.dirname(folder)
    yield ""
