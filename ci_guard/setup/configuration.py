"""The `.ci-guard.yaml` that `init` writes, with the words that its first reader needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date

from ci_guard.config.types import BASELINE_NAME
from ci_guard.model.record import record

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*\Z")
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_UNPRINTABLE = re.compile(r"[^ -~\u00a1-\ud7ff\ue000-\ufdcf]")
NO_REASON = "fill in why: without a reason this accepts nothing"


@record
class Acceptance:
    """One entry of `suppressions:`; `note` says where it comes from. An empty reason is for a person to fill."""

    rule: str
    path: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    reason: str = ""
    expires: date | None = None
    note: str = ""


@record
class Draft:
    """What the configuration is to say. `switches` are (rule, on, note); notes name the place something comes from."""

    schema: str
    profile: str = "default"
    fail_on: str = "high"
    fail_on_note: str = ""
    exclude: Sequence[tuple[str, str]] = ()
    acceptances: Sequence[Acceptance] = ()
    switches: Sequence[tuple[str, bool, str]] = ()
    baseline: bool = True

    def text(self) -> bytes:
        """The file."""
        return "".join(f"{line}\n" for line in self._lines()).encode()

    def _lines(self) -> Iterator[str]:
        yield f"# yaml-language-server: $schema={self.schema}"
        yield "# What judges this repository. On a pull request the file of the base commit counts, not the change's."
        yield "version: 1"
        yield "# Which rules judge; `ci-guard rules list --profile pss-restricted` lists those of another profile."
        yield f"profile: {_scalar(self.profile)}"
        yield "# The lowest severity that closes the gate: critical, high, medium, low, note or never."
        yield f"fail-on: {self.fail_on}{_noted(self.fail_on_note)}"
        if self.baseline:
            yield "# What was there on day one; only new findings fail. `ci-guard baseline prune` drops what is gone."
            yield f"baseline: {BASELINE_NAME}"
        yield from self._excluded()
        yield from self._switched()
        yield from self._accepted()

    def _excluded(self) -> Iterator[str]:
        if not self.exclude:
            yield '# exclude: ["**/testdata"] # not judged'
            return
        yield "exclude: # not judged"
        for glob, note in self.exclude:
            yield f"- {_scalar(glob)}{_noted(note)}"

    def _switched(self) -> Iterator[str]:
        if self.switches:
            yield "rules:"
        for rule, on, note in self.switches:
            yield f"  {rule}: {{enabled: {str(on).lower()}}}{_noted(note)}"

    def _accepted(self) -> Iterator[str]:
        if not self.acceptances:
            yield "# suppressions: # one finding, for a reason"
            yield "# - {rule: host-network, path: deploy/agent.yaml, reason: it reads the node, expires: 2030-06-30}"
            return
        yield "suppressions:"
        for entry in self.acceptances:
            yield f"- rule: {entry.rule}{_noted(entry.note)}"
            for key in ("path", "kind", "namespace", "name"):
                if value := getattr(entry, key):
                    yield f"  {key}: {_scalar(value)}"
            yield f"  reason: {_scalar(entry.reason)}{'' if entry.reason else f' # {NO_REASON}'}"
            if entry.expires:
                yield f"  expires: {entry.expires.isoformat()}"


def _scalar(value: str) -> str:
    """A YAML scalar that is this text in every reader."""
    if _PLAIN.match(value) and value.lower() not in _NOT_TEXT:
        return value
    return '"' + _UNPRINTABLE.sub(_escaped, value.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF:
        return "\\uFFFD"  # half of a pair is no character that YAML could hold
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _noted(note: str) -> str:
    return f" # {_comment(note)}" if note else ""


def _comment(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)[1:-1].replace('\\"', '"')[:300]
