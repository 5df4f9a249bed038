"""checkov: `.checkov.yaml`, baseline, annotations `checkov.io/skip1: ID=reason`, comments `checkov:skip=ID:reason`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.setup.peers import settings
from ci_guard.setup.peers.settings import Setting
from ci_guard.setup.peers.wishes import Place, Skip, Switch, Wishes

TOOL = "checkov"
CONFIGS = (".checkov.yaml", ".checkov.yml", ".checkov.baseline")
MARKS = (b"checkov.io/skip", b"bridgecrew.io/skip", b"checkov:skip", b"bridgecrew:skip")

_ANNOTATION = re.compile(r"(?:checkov|bridgecrew)\.io/skip\S*\Z")
_COMMENT = re.compile(r"#\s*(?:checkov|bridgecrew):skip=\s*([\w,-]+)(?::(.*))?")
_PLAIN_PATH = re.compile(r"\^?/?((?:[\w-]|\\?\.(?!\*))+(?:/(?:[\w-]|\\?\.(?!\*))+)*)/?(?:\.\*)?\$?\Z")
_SEVERITIES = frozenset({"LOW", "MEDIUM", "HIGH", "CRITICAL"})
_OF_ITS_OWN = (
    *("framework", "skip-framework", "directory", "file", "output", "output-file-path", "quiet", "compact", "branch"),
    *("skip-download", "download-external-modules", "evaluate-variables", "summary-position", "block-list-secret-scan"),
)
"""Keys about the tool itself: which files it reads, what it prints."""


def is_config(path: str, data: bytes) -> bool:  # noqa: ARG001 - others need the bytes
    """Whether the file configures checkov."""
    return path.rpartition("/")[2] in CONFIGS


def read_config(path: str, data: bytes, wishes: Wishes) -> None:
    """What the file says."""
    top = settings.read(path, data, wishes)
    if top is None:
        return
    if path.endswith(".baseline"):
        wishes.leave(path, "a baseline of checkov: what it accepts is found today, too, so our first baseline has it")
        return
    for key, setting in top.members():
        if key in _READERS:
            _READERS[key](setting, wishes)
        elif key not in _OF_ITS_OWN:
            wishes.leave(setting.origin, f"{key}: has no counterpart here")


def _skipped(setting: Setting, wishes: Wishes) -> None:
    for item in setting.items():
        if "*" in item.text or item.text.upper() in _SEVERITIES:
            wishes.leave(item.origin, f"skip-check {item.text}: name the rules that shall not judge")
        else:
            wishes.switches.append(Switch(TOOL, item.text, False, item.origin, item.comment))


def _chosen(setting: Setting, wishes: Wishes) -> None:
    if setting.value:
        wishes.leave(setting.origin, "check: a list of the only checks; here a profile chooses (`ci-guard rules list`)")


def _soft(setting: Setting, wishes: Wishes) -> None:
    if setting.value is True:
        wishes.fail_on = ("never", setting.origin)


def _skip_path(setting: Setting, wishes: Wishes) -> None:
    for item in setting.items():
        plain = _PLAIN_PATH.match(item.text)
        if plain is None:
            wishes.leave(item.origin, f"skip-path {item.text}: a regular expression; write a glob under `exclude:`")
        else:
            settings.exclude(item, wishes, plain[1].replace("\\", ""))


def _baseline(setting: Setting, wishes: Wishes) -> None:
    wishes.leave(setting.origin, "baseline: our first baseline accepts what is found today")


_READERS = {
    "skip-check": _skipped,
    "check": _chosen,
    "soft-fail": _soft,
    "skip-path": _skip_path,
    "baseline": _baseline,
}


def of_annotations(annotations: Mapping[str, Any], at: Place, wishes: Wishes) -> Iterator[Skip]:
    """The skips in annotations; `at` says where the one of a key stands."""
    del wishes
    for key, value in annotations.items():
        if _ANNOTATION.match(key) and isinstance(value, str):
            check, _, reason = value.partition("=")
            yield Skip(TOOL, check.strip(), at(key), reason.strip())


def of_comment(text: str, at: str) -> Iterator[Skip]:
    """The skips in a comment."""
    found = _COMMENT.search(text)
    for check in found[1].split(",") if found else ():
        yield Skip(TOOL, check, at, (found[2] or "").strip() if found else "")
