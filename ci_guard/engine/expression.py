"""CEL: the only module that imports the expression engine.

Importing it costs most of the engine's start, so nothing but evaluation and catalogue building imports this module.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings

from ci_guard.engine.compiled import Store
from ci_guard.engine.kinds import KINDS, NESTED, VARIABLES
from ci_guard.model.errors import RuleError

_SHOWN = 400  # characters of an expression in an error: a program of all rules has thousands


class MalformedError(Exception):
    """The expression evaluated to an ERROR value: nearly always a wrong type in the input."""


class ExhaustedError(Exception):
    """Evaluation was broken off: the engine's iteration budget, or a value that it cannot convert."""


class LimitError(ExhaustedError):
    """An own rule went beyond its limits of time or memory; raised once for each expression."""


MEMBERS: Final = {each: "all_" + each.replace("-", "_") for each in NESTED}
"""The variable under which a pod's program finds the members of a nested kind."""


@cache
def _environment(variables: frozenset[str]) -> Any:
    declared = {name: cel.Type.DYN for name in sorted(variables)}
    return cel.NewEnv(variables=declared, extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()])


def _judging() -> Any:
    return _environment(VARIABLES | frozenset(MEMBERS.values()))


class Expression:
    """A compiled expression over `variables`, else those of all subject kinds. Raises RuleError if it is none."""

    __slots__ = ("_compiled", "_environment", "text")

    def __init__(self, text: str, variables: frozenset[str] | None = None, *, kept: Store | None = None) -> None:
        """`kept`: where an earlier process may have left it compiled, and where the next may find it."""
        self.text = text
        self._environment = _judging() if variables is None else _environment(variables)
        self._compiled = _kept(self._environment, text, kept) if kept else _compile(self._environment, text)

    def demand_boolean(self) -> None:
        """Raises RuleError unless the static type is boolean, or left open."""
        if self._compiled.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
            raise RuleError(
                f"the type must be bool, not {self._compiled.return_type().name()}\n  in: {self.text[:_SHOWN]}"
            )

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """The value as plain Python. Raises MalformedError, ExhaustedError."""
        # The engine converts a variable whole at its first read, once per activation: bind only what is needed.
        try:
            value = self._compiled.eval(self._environment.Activation(variables))
            if value.type() == cel.Type.ERROR:
                raise MalformedError(str(value.value()))
            return value.plain_value()
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            raise ExhaustedError(str(error) or "the iteration budget is used up") from error


@cache
def store() -> Store:
    """Where judging expressions are kept: where Python keeps the bytecode of this module, and only if it does."""
    names = sorted(VARIABLES | frozenset(MEMBERS.values()))
    return Store(Path(__file__).parent / "__pycache__", cel.__file__, names, writes=not sys.dont_write_bytecode)


def _kept(environment: Any, text: str, kept: Store) -> Any:
    """A judging expression, compiled only if no earlier process has."""
    program = kept.read(text)
    if program is not None:
        with suppress(RuntimeError):  # what it cannot read, it compiles
            return environment.deserialize(program)
    compiled = _compile(environment, text)
    kept.write(text, compiled.serialize())
    return compiled


def _compile(environment: Any, text: str) -> Any:
    try:
        return environment.compile(text)
    except RuntimeError as error:
        raise RuleError(f"{_cause(error)}\n  in: {text[:_SHOWN]}") from error


def _cause(error: Exception) -> str:
    """The compiler's first line, without its boilerplate."""
    return str(error).removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: ").partition("\n")[0]


def check(text: str, each: str, *, item: bool) -> None:
    """Compile with exactly the variables of a subject kind, and insist on a boolean. Raises RuleError.

    A kind that admission never sees may leave the type open; what is not boolean then is an error when it is judged.
    """
    names = KINDS[each].variables | ({"item"} if item else set())
    compiled = _compile(_environment(frozenset(names)), text)
    accepted = (cel.Type.BOOL,) if KINDS[each].admission else (cel.Type.BOOL, cel.Type.DYN)
    if compiled.return_type() not in accepted:
        raise RuleError(f"the type must be exactly bool, not {compiled.return_type().name()}\n  in: {text}")


def not_portable(text: str, each: str, *, item: bool) -> str:
    """Why an admission policy cannot evaluate the expression, "" when it can."""
    admission = KINDS[each].admission
    if not admission:
        return f"an admission policy never sees a {each}"
    try:
        _compile(_environment(frozenset(admission | ({"item"} if item else set()))), text)
    except RuleError as error:
        return str(error).partition("\n")[0]
    return ""
