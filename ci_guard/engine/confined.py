"""Where expressions of own rules are compiled and evaluated: a child process that can be stopped.

The expression engine bounds iterations, but neither time nor memory, and holds the interpreter's lock while it works:
nothing in the same process could interrupt it. So a stranger's expression is only ever handed to a child with limits
of its own; when one is exceeded the child is killed, and what could not be judged is told, never passed.
"""

from __future__ import annotations

import atexit
import signal
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from ci_guard.engine.expression import ExhaustedError, Expression, LimitError, MalformedError
from ci_guard.model.errors import CiGuardError, RuleError

SECONDS: Final = 2.0
"""Processor time that one evaluation may take; an ordinary one takes microseconds."""
PATIENCE: Final = 30.0
"""Seconds by the clock that one evaluation may take: on a busy machine a good rule may wait for its turn."""
SECONDS_IN_ALL: Final = 120.0
"""What all evaluations of own rules may take in one process."""
MEMORY: Final = 1 << 30
"""Bytes of address space of the child. Enforced where the system knows RLIMIT_AS: on Linux, hardly elsewhere."""
_START: Final = 60.0  # seconds: starting a process and importing the engine is not the rule's doing


class ConfinedExpression:
    """Like `Expression`, evaluated in the child. One that went beyond its limits is not evaluated again."""

    __slots__ = ("_barred", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._barred = ""

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """The value as plain Python. Raises MalformedError, ExhaustedError, LimitError, RuleError."""
        if self._barred:
            raise ExhaustedError(self._barred)
        try:
            return call(_evaluate, self.text, dict(variables))
        except LimitError as error:
            self._barred = str(error)
            raise


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(*arguments)` in the child; the function is found by name. Raises what it raises, and LimitError."""
    return _child().call(function, *arguments)


def load(function: Callable[[], None]) -> None:
    """Have the child import what `function` imports: that takes time which is not a rule's doing."""
    _child().call(function, limited=False)


class _Child:
    """The child of this process, started again after it had to be killed."""

    def __init__(self) -> None:
        self._process: Any = None
        self._pipe: Any = None
        self._spent = 0.0

    def call(self, function: Callable[..., Any], *arguments: Any, limited: bool = True) -> Any:
        if self._spent > SECONDS_IN_ALL:
            raise LimitError(f"own rules took more than {SECONDS_IN_ALL:.0f} seconds in all")
        self._start()
        started = time.monotonic()
        try:
            self._pipe.send((function, arguments, limited))
            if not self._pipe.poll(PATIENCE if hasattr(signal, "setitimer") else SECONDS):
                self.stop()
                raise LimitError(_TOO_SLOW)
            good, answer = self._pipe.recv()
        except (EOFError, OSError):
            raise LimitError(self._cause_of_death()) from None
        finally:
            self._spent += time.monotonic() - started
        if not good:
            raise answer
        return answer

    def _start(self) -> None:
        if self._process is not None:
            return
        import multiprocessing

        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        try:
            ready = self._pipe.poll(_START) and self._pipe.recv()
        except (EOFError, OSError):
            ready = False
        if not ready:
            self.stop()
            raise RuleError("the process that judges by own rules does not start")

    def _cause_of_death(self) -> str:
        self._process.join(PATIENCE)
        slow = self._process.exitcode == -getattr(signal, "SIGPROF", 0)
        self.stop()
        return _TOO_SLOW if slow else f"needed more than {MEMORY >> 20} MB of memory, or crashed the expression engine"

    def stop(self) -> None:
        """Kill the child."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._pipe.close()
            self._process = None


@cache
def _of_process(_pid: int) -> _Child:
    child = _Child()
    atexit.register(child.stop)
    return child


def _child() -> _Child:
    import os

    return _of_process(os.getpid())  # a forked worker must not talk to its parent's child


def _serve(pipe: Any) -> None:
    """The child: evaluates what it is given until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit()
    pipe.send(True)
    while True:
        try:
            function, arguments, limited = pipe.recv()
        except (EOFError, OSError):
            return
        _clock(SECONDS if limited else 0)
        try:
            answer = (True, function(*arguments))
        except MemoryError:
            answer = (False, LimitError(f"needed more than {MEMORY >> 20} MB of memory"))
        except _TOLD as error:  # the other side raises it again; anything else ends this process, which is told too
            answer = (False, error)
        _clock(0)
        pipe.send(answer)


def _clock(seconds: float) -> None:
    """Have the system end this process after so much processor time (0: no more); no Python code runs for that."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


_TOO_SLOW = f"took longer than {SECONDS:.0f} seconds"
_TOLD = (CiGuardError, MalformedError, ExhaustedError, ValueError, TypeError, KeyError, RuntimeError)


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows: there the time limit alone holds
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # Should the parent be killed while an evaluation runs, nobody else would end it.
    seconds = int(2 * SECONDS_IN_ALL)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@cache
def _compiled(text: str) -> Expression:
    return Expression(text)


def _evaluate(text: str, variables: Mapping[str, Any]) -> Any:
    return _compiled(text).evaluate(variables)
