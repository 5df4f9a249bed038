"""The `.ci-guard.yaml` that `init` writes, with the words that its first reader needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from ci_guard.config.types import BASELINE_NAME
from ci_guard.model.record import record
from ci_guard.setup.yaml_text import comment, scalar

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
        yield f"profile: {scalar(self.profile)}"
        yield "# The lowest severity that closes the gate: critical, high, medium, low, note or never."
        yield f"fail-on: {self.fail_on}{comment(self.fail_on_note)}"
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
            yield f"- {scalar(glob)}{comment(note)}"

    def _switched(self) -> Iterator[str]:
        if self.switches:
            yield "rules:"
        for rule, on, note in self.switches:
            yield f"  {rule}: {{enabled: {str(on).lower()}}}{comment(note)}"

    def _accepted(self) -> Iterator[str]:
        if not self.acceptances:
            yield "# suppressions: # one finding, for a reason"
            yield "# - {rule: host-network, path: deploy/agent.yaml, reason: it reads the node, expires: 2030-06-30}"
            return
        yield "suppressions:"
        for entry in self.acceptances:
            yield f"- rule: {entry.rule}{comment(entry.note)}"
            for key in ("path", "kind", "namespace", "name"):
                if value := getattr(entry, key):
                    yield f"  {key}: {scalar(value)}"
            yield f"  reason: {scalar(entry.reason)}{'' if entry.reason else f' # {NO_REASON}'}"
            if entry.expires:
                yield f"  expires: {entry.expires.isoformat()}"
