"""trivy: `.trivyignore`, `.trivyignore.yaml`, `trivy.yaml`, comments `trivy:ignore:ID`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ci_guard.model.finding import Severity
from ci_guard.model.record import replace
from ci_guard.setup.peers import settings
from ci_guard.setup.peers.settings import Setting
from ci_guard.setup.peers.wishes import Place, Skip, Wishes, day

TOOL = "trivy"
CONFIGS = (".trivyignore", ".trivyignore.yaml", ".trivyignore.yml", "trivy.yaml")
MARKS = (b"trivy:ignore:",)

_COMMENT = re.compile(r"#\s*trivy:ignore:(?P<check>[A-Za-z0-9-]+)(?::exp:(?P<expires>[0-9-]+))?(?P<reason>.*)")
_CHECK = re.compile(r"(?:AVD-)?(?:KSV|KCV)-?\d+\Z", re.IGNORECASE)
_VULNERABILITY = re.compile(r"(?:CVE|GHSA|GO|PYSEC|RUSTSEC|OSV)-")
_USE_VEX = "accept a vulnerability by a VEX document (`ci-guard deps vex init` drafts one)"


def is_config(path: str, data: bytes) -> bool:  # noqa: ARG001 - others need the bytes
    """Whether the file configures trivy."""
    return path.rpartition("/")[2] in CONFIGS


def read_config(path: str, data: bytes, wishes: Wishes) -> None:
    """What the file says."""
    if path.endswith(".trivyignore"):
        _ignore_lines(path, data.decode("utf-8-sig", "replace"), wishes)
        return
    top = settings.read(path, data, wishes)
    if top is None:
        return
    if path.rpartition("/")[2] == "trivy.yaml":
        _options(top, wishes)
        return
    for key, setting in top.members():
        for item in setting.items():
            _ignored(key, item, wishes)


def _ignore_lines(path: str, text: str, wishes: Wishes) -> None:
    """One id a line, `exp:DATE` behind it; the comment behind it or right above it is its reason."""
    above: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        said, _, comment = line.partition("#")
        words = said.split()
        if not words:
            above = [*above, comment.strip()] if comment.strip() else []
            continue
        expires = next((day(word.removeprefix("exp:")) for word in words[1:] if word.startswith("exp:")), None)
        reason = comment.strip() or " ".join(above)
        _one(Skip(TOOL, words[0], f"{path}:{number}", reason, expires=expires), wishes)
        above = []


def _one(skip: Skip, wishes: Wishes) -> None:
    if _CHECK.match(skip.check):
        wishes.accept(skip)
    elif _VULNERABILITY.match(skip.check):
        wishes.leave(skip.origin, f"{skip.check}: {_USE_VEX}")
    else:
        wishes.leave(skip.origin, f"{skip.check}: is about something else than manifests")


def _ignored(kind: str, item: Setting, wishes: Wishes) -> None:
    check, reason = item.get("id").text, item.get("statement").text
    if kind != "misconfigurations":
        what = _USE_VEX if kind == "vulnerabilities" else "has no counterpart here"
        wishes.leave(item.origin, f"{kind}: {check}: {what}")
        return
    skip = Skip(TOOL, check, item.origin, reason, expires=day(item.get("expired_at").text))
    paths = [path.text.removeprefix("./") for path in item.get("paths").items()]
    for path in paths or [""]:
        _one(replace(skip, path=path), wishes)


def _options(top: Setting, wishes: Wishes) -> None:
    listed = {item.text.lower() for item in top.get("severity").items()}
    known = [severity for severity in Severity if str(severity) in listed]
    if known and len(known) < len(Severity) - 1:
        wishes.fail_on = (str(min(known, key=lambda severity: severity.rank)), top.get("severity").origin)
    if top.get("ignorefile").text:
        wishes.leave(top.get("ignorefile").origin, "ignorefile: only files called .trivyignore are read; rename it")
    for key in ("skip-dirs", "skip-files"):
        for item in top.get("scan").get(key).items():
            settings.exclude(item, wishes)


def of_annotations(annotations: Mapping[str, Any], at: Place, wishes: Wishes) -> Iterator[Skip]:
    """It reads no annotations."""
    del annotations, at, wishes
    return iter(())


def of_comment(text: str, at: str) -> Iterator[Skip]:
    """The skip in a comment."""
    found = _COMMENT.search(text)
    if found:
        yield Skip(TOOL, found["check"], at, found["reason"].strip(" :-"), expires=day(found["expires"]))
