"""Predicates from files: read strictly, and looked at far enough to notice one that is not of its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ci_guard.attestation import protojson
from ci_guard.attestation.policy import PREDICATE_TYPES, predicate_type
from ci_guard.attestation.statement import MAX_DEPTH
from ci_guard.model.errors import SigningError

MAX_BYTES = 16_000_000  # what GitHub's attestation service takes


def read(kind: str, data: bytes, *, timestamp: str) -> tuple[str, Any]:
    """The predicate type's URI and the predicate, from a type name or URI and the content of a file.

    `timestamp` (RFC 3339) goes into cosign's `custom` predicate, which wraps any text. Raises UsageError for an
    unknown name, SigningError for content that is not of the type.
    """
    uri = predicate_type(kind)
    if uri == PREDICATE_TYPES["custom"]:
        return uri, {"Data": _text(data), "Timestamp": timestamp}
    value = protojson.parse(data, what="predicate", limit=MAX_BYTES, depth=MAX_DEPTH - 1, error=SigningError)
    if not isinstance(value, dict):
        raise SigningError("the predicate is not a JSON object")
    missing = _missing(uri, value)
    if missing:
        raise SigningError(f"the predicate is no {uri}: {missing}")
    return uri, value


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise SigningError(f"the predicate has {len(data):,} bytes; the limit is {MAX_BYTES:,}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise SigningError("the predicate is not UTF-8 text") from None


def _missing(uri: str, value: Mapping[str, Any]) -> str:
    """What a predicate of this type must have and this one has not; "" for types that we do not know."""
    demand = _DEMANDS.get(uri)
    return demand(value) if demand else ""


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _needs(*paths: str) -> Callable[[Mapping[str, Any]], str]:
    """Demand something other than "" or nothing at each path."""

    def missing(value: Mapping[str, Any]) -> str:
        absent = [path for path in paths if _at(value, path) in (None, "")]
        return f"{', '.join(absent)} is missing" if absent else ""

    return missing


def _cyclonedx(value: Mapping[str, Any]) -> str:
    return "" if value.get("bomFormat") == "CycloneDX" else "bomFormat is not CycloneDX"


def _sarif(value: Mapping[str, Any]) -> str:
    runs = value.get("runs")
    return "" if value.get("version") == "2.1.0" and isinstance(runs, list) else "version is not 2.1.0, or runs no list"


def _openvex(value: Mapping[str, Any]) -> str:
    context = value.get("@context")
    known = isinstance(context, str) and context.startswith(PREDICATE_TYPES["openvex"])
    return "" if known else f"@context does not start with {PREDICATE_TYPES['openvex']}"


_DEMANDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    PREDICATE_TYPES["slsaprovenance1"]: _needs(
        "buildDefinition.buildType", "buildDefinition.externalParameters", "runDetails.builder.id"
    ),
    PREDICATE_TYPES["slsaprovenance02"]: _needs("builder.id", "buildType"),
    PREDICATE_TYPES["vsa"]: _needs("verifier.id", "timeVerified", "resourceUri", "policy", "verificationResult"),
    PREDICATE_TYPES["cyclonedx"]: _cyclonedx,
    PREDICATE_TYPES["spdxjson"]: _needs("spdxVersion", "SPDXID"),
    PREDICATE_TYPES["spdx"]: _needs("spdxVersion", "SPDXID"),
    PREDICATE_TYPES["sarif"]: _sarif,
    PREDICATE_TYPES["openvex"]: _openvex,
    PREDICATE_TYPES["vuln"]: _needs("scanner", "metadata"),
}
