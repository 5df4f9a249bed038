"""Expressions over an attestation's predicate: `ports.PredicateJudge`, in the child process that can be stopped.

The expression is the user's, the predicate a stranger's: what it holds may make any expression take for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ci_guard.engine import expression as expressions
from ci_guard.engine.confined import call
from ci_guard.engine.expression import ExhaustedError, MalformedError
from ci_guard.model.errors import RuleError

VARIABLE = "predicate"
_SHOWN = 400  # characters of an expression in an error
MAX_LENGTH = 16_000  # characters of an expression


class ConfinedPredicateJudge:
    """Evaluates boolean CEL expressions over the variable `predicate`."""

    def check(self, expression: str) -> None:
        """Raises RuleError for what is no boolean expression over `predicate`."""
        if len(expression) > MAX_LENGTH:
            raise RuleError(f"an expression of {len(expression):,} characters: at most {MAX_LENGTH:,}")
        try:
            call(_compiled_type, expression)
        except ExhaustedError as problem:
            raise _unjudged(expression, f"the expression could not be compiled: it {problem}") from None

    def holds(self, expression: str, predicate: Mapping[str, Any]) -> bool:
        """Whether `expression` is true; false where it asks for what the predicate does not have.

        Raises RuleError when that cannot be told: no boolean, out of time or memory.
        """
        try:
            value = call(_evaluate, expression, predicate)
        except MalformedError:
            return False
        except ExhaustedError as problem:
            raise _unjudged(expression, f"the expression could not be judged: it {problem}") from None
        if not isinstance(value, bool):
            raise _unjudged(expression, f"the value of the expression is a {type(value).__name__}, no bool")
        return value


def _unjudged(expression: str, words: str) -> RuleError:
    return RuleError(f"{words}\n  in: {expression[:_SHOWN]}")


@cache
def _compiled(text: str) -> expressions.Expression:
    return expressions.Expression(text, frozenset({VARIABLE}))


def _compiled_type(text: str) -> None:
    """Raises RuleError for what is not boolean, or may not be."""
    _compiled(text).demand_boolean()


def _evaluate(text: str, predicate: Mapping[str, Any]) -> Any:
    return _compiled(text).evaluate({VARIABLE: predicate})
