"""What verifying yields: numbered steps that say what was compared, and the verdict they add up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
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

    def step(self, name: str) -> AbstractContextManager[list[str]]:
        """Take one step: what is appended to the list is its detail, a VerificationError is its refusal."""
        return _Taking(self, name)

    def skip(self, name: str, why: str) -> None:
        """A step that had nothing to check, or nothing to check it with."""
        self.add(name, Result.NOT_CHECKED, why)

    def warn(self, name: str, what: str) -> None:
        """A step that refuses nothing, and found something that people should see."""
        self.add(name, Result.WARNED, what)

    def add(self, name: str, result: Result, detail: str) -> None:
        """A step that is over."""
        self.steps.append(Step(self.names.index(name) + 1, name, result, detail))


class _Taking:
    """A step while it is taken. A class, not a generator: a verdict has sixteen of them."""

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace, self._name = trace, name
        self._detail: list[str] = []

    def __enter__(self) -> list[str]:
        return self._detail

    def __exit__(self, kind: object, problem: BaseException | None, where: object) -> None:
        if problem is None:
            self._trace.add(self._name, Result.HELD, "; ".join(self._detail))
        elif isinstance(problem, VerificationError):
            problem.step = self._name
            self._trace.add(self._name, Result.REFUSED, str(problem))


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


def at(moment: datetime) -> str:
    """`2025-06-01T12:00:00Z`, for a moment in UTC."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
