"""kube-linter: `.kube-linter.yaml`, annotations `ignore-check.kube-linter.io/NAME: reason`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.setup.peers import settings
from ci_guard.setup.peers.settings import Setting
from ci_guard.setup.peers.wishes import Place, Skip, Switch, Wishes

TOOL = "kube-linter"
CONFIGS = (".kube-linter.yaml", ".kube-linter.yml")
MARKS = (b"kube-linter.io/",)

_IGNORE = "ignore-check.kube-linter.io/"
_IGNORE_ALL = "kube-linter.io/ignore-all"


def is_config(path: str, data: bytes) -> bool:  # noqa: ARG001 - others need the bytes
    """Whether the file configures kube-linter."""
    return path.rpartition("/")[2] in CONFIGS


def read_config(path: str, data: bytes, wishes: Wishes) -> None:
    """What the file says."""
    top = settings.read(path, data, wishes)
    if top is None:
        return
    own = {item.get("name").text for item in top.get("customChecks").items()}
    for key, setting in top.get("checks").members():
        if key in {"include", "exclude"}:
            _listed(setting, key == "include", own, wishes)
        elif key == "ignorePaths":
            _paths(setting, wishes)
        elif setting.value is True:
            wishes.leave(setting.origin, f"{key}: choose a profile instead (`profile: all` has every rule)")
    for item in top.get("customChecks").items():
        name, template = item.get("name").text, item.get("template").text
        wishes.leave(
            item.origin, f"custom check {name} (template {template}): write an own rule (`ci-guard rules new`)"
        )


def _listed(setting: Setting, on: bool, own: set[str], wishes: Wishes) -> None:
    for item in setting.items():
        if item.text not in own:
            wishes.switches.append(Switch(TOOL, item.text, on, item.origin, item.comment))


def _paths(setting: Setting, wishes: Wishes) -> None:
    for item in setting.items():
        if item.text.startswith(("~", "..")):
            wishes.leave(item.origin, f"the path {item.text!r} lies outside of the repository")
        else:
            settings.exclude(item, wishes)


def of_annotations(annotations: Mapping[str, Any], at: Place, wishes: Wishes) -> Iterator[Skip]:
    """The skips in annotations; `at` says where the one of a key stands."""
    for key, value in annotations.items():
        if key.startswith(_IGNORE):
            yield Skip(TOOL, key.removeprefix(_IGNORE), at(key), value.strip() if isinstance(value, str) else "")
        elif key == _IGNORE_ALL:
            wishes.leave(at(key), "ignore-all: accepts every flaw of this object; name the rules, each with a reason")


def of_comment(text: str, at: str) -> Iterator[Skip]:
    """It reads no comments."""
    del text, at
    return iter(())
