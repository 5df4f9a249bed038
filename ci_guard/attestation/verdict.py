"""What verifying yields: numbered steps that say what was compared, and the verdict they add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeVar

from ci_guard.attestation.statement import Statement
from ci_guard.model.errors import VerificationError
from ci_guard.model.record import field, record

_T = TypeVar("_T")


class Result(StrEnum):
    """How a step ended."""

    HELD = "held"
    REFUSED = "refused"
    NOT_CHECKED = "not-checked"
    WARNED = "warned"


@record
class Step:
    """One step of a verdict; `detail` says what was compared, or why not."""

    number: int
    name: str
    result: Result
    detail: str


@record(frozen=False)
class Trace:
    """The steps taken so far, out of `names` in their order."""

    names: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Take one step: what is appended to the list is its detail, a VerificationError is its refusal."""
        detail: list[str] = []
        try:
            yield detail
        except VerificationError as refusal:
            refusal.step = name
            self._add(name, Result.REFUSED, str(refusal))
            raise
        self._add(name, Result.HELD, "; ".join(detail))

    def skip(self, name: str, why: str) -> None:
        """A step that had nothing to check, or nothing to check it with."""
        self._add(name, Result.NOT_CHECKED, why)

    def warn(self, name: str, what: str) -> None:
        """A step that refuses nothing, and found something that people should see."""
        self._add(name, Result.WARNED, what)

    def _add(self, name: str, result: Result, detail: str) -> None:
        self.steps.append(Step(self.names.index(name) + 1, name, result, detail))


@record
class Verdict:
    """The outcome. `statement` and `identity` are set only when everything held.

    `reason` is "" or what was refused; `identity` names who signed, as far as the trust given can tell.
    """

    verified: bool
    steps: tuple[Step, ...]
    reason: str = ""
    identity: str = ""
    statement: Statement | None = None

    @property
    def predicate_type(self) -> str:
        """The predicate type of the statement; "" for a plain signature."""
        return self.statement.predicate_type if self.statement else ""


def furthest(names: tuple[str, ...], trusted: Sequence[_T], judge: Callable[[_T, Trace], Verdict]) -> Verdict:
    """The verdict against the first of `trusted` with which everything held, else the refusal that came furthest."""
    refused: list[Verdict] = []
    for one in trusted:
        trace = Trace(names)
        try:
            return judge(one, trace)
        except VerificationError as refusal:
            refused.append(Verdict(False, tuple(trace.steps), reason=str(refusal)))
    return max(refused, key=lambda verdict: len(verdict.steps))


def held(verdict: Verdict) -> Verdict:
    """The verdict, if it is a good one. Raises VerificationError naming the step that refused."""
    if not verdict.verified:
        raise VerificationError(verdict.reason, step=verdict.steps[-1].name)
    return verdict


def count(number: int, one: str, many: str = "") -> str:
    """`1 timestamp`, `2 timestamps`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
