"""From the command line's demands to `policy.Expectations`: files are read and expressions compiled first of all."""

from __future__ import annotations

from pathlib import Path

from ci_guard.attestation.policy import Expectations
from ci_guard.model.errors import InputError
from ci_guard.model.record import record
from ci_guard.pipeline.verification.artifact import read_named

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 32


@record
class Demands:
    """What the command line asks of an attestation; `parameters` and `policies` are files."""

    predicate_type: str = ""
    builder_id: str = ""
    build_type: str = ""
    source: str = ""
    parameters: Path | None = None
    expressions: tuple[str, ...] = ()
    policies: tuple[Path, ...] = ()


def expectations(demands: Demands) -> Expectations:
    """The demands, ready to be compared. Raises InputError, RuleError for an expression that is none."""
    expressions = (*demands.expressions, *map(_policy, demands.policies))
    judge = None
    if expressions:  # the engine's import takes longer than a verification
        from ci_guard.engine.predicate import ConfinedPredicateJudge

        judge = ConfinedPredicateJudge()
        for expression in expressions:
            judge.check(expression)
    return Expectations(
        demands.predicate_type,
        demands.builder_id,
        demands.build_type,
        demands.source,
        _parameters(demands.parameters) if demands.parameters else None,
        expressions,
        judge,
    )


def _policy(path: Path) -> str:
    try:
        return read_named(path, _MAX_BYTES).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text") from None


def _parameters(path: Path) -> dict[str, object]:
    from ci_guard.attestation import protojson

    data = read_named(path, _MAX_BYTES)
    value = protojson.parse(data, what=str(path), limit=_MAX_BYTES, depth=_MAX_DEPTH, error=InputError)
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no JSON object")
    return value
